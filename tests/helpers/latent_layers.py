"""A latent layer with all that it can be combined with, to see that all is finite."""

import itertools

import keras
from layer_checks import POLICIES

import keras_concrete as kc
from keras_concrete import estimators

# For bounds of at least two samples.
SEVERAL = ("vimco", "reinforce_loo", "reweighted_wake_sleep", "disarm", "arm")


def shapes():
    """Estimator, states, units, samples, policy, XLA: everything with everything else."""
    sizes = itertools.cycle([(1, None), (3, 2), (40, 1), (2, 100), (1, 1), (2, 7)])
    settings = itertools.cycle(itertools.product(POLICIES, (True, False)))
    for states in (2, 3, 8, 1024):
        for estimator in estimators.names():
            if states > 2 and estimators.get(estimator).binary_only:
                continue
            twice = states == 2 and estimators.get(estimator).pathwise
            for _ in range(2 if twice else 1):  # With two settings each.
                units, samples = next(sizes)
                if estimator in SEVERAL:
                    samples = max(2, samples or 1)
                if estimator in ("disarm", "arm"):
                    samples += samples % 2
                if estimator == "nvil":
                    samples = 1
                if estimators.get(estimator).adds_rows:
                    samples = samples or 1
                if states == 1024:
                    units, samples = 1, min(samples or 2, 10)
                policy, jit = next(settings)
                # XLA was seen to take minutes to compile these, which is open.
                jit = jit and not (estimator == "logistic_normal" and states > 2)
                yield estimator, states, units, samples, policy, jit
        next(settings)


# Their slopes are beyond 65,504, the largest number of float16, where a cold posterior
# meets a warm prior, or units are 1,000 logits apart: so, as they say, their logits are
# to be float32. With those of float16, what is not finite has to be such a slope.
STEEP = ("concrete_gumbel_node", "logistic_normal")
FLOAT16_MAX = 65_504.0


class Model:
    """A latent layer, its prior and posterior, pixels, and the bound."""

    def __init__(self, estimator, states, units, samples, policy):
        binary = states == 2
        samples_axis = {"sample_axis": samples is not None, "dtype": policy}
        posterior, prior = (keras.Variable(1.0, trainable=False) for _ in range(2))
        self.temperatures = posterior, prior
        self.is_steep = estimator in STEEP and policy == "mixed_float16"
        sampler = kc.BinaryConcreteSample if binary else kc.ConcreteSample
        self.sample = sampler(
            posterior,
            samples,
            return_node=True,
            estimator=estimator,
            seed=0,
            dtype=policy,
        )
        self.log_prior = kc.ConcreteLogProb(prior, states, **samples_axis)
        self.log_posterior = kc.ConcreteLogProb(posterior, states, **samples_axis)
        self.log_likelihood = kc.BernoulliLogLikelihood(**samples_axis)
        self.bound = kc.MultiSampleBound(estimator, 0, states, dtype=policy)
        shape = (None, units) if binary else (None, units, states)
        self.sample.build(shape)
        terms = (None,) if samples is None else (None, samples)
        self.reads_node = estimators.get(estimator).reads_first_draw
        node = (*terms, *shape[1:])
        conditions = [shape, node] if self.reads_node else [shape]
        self.bound.build([terms, terms], [terms], conditions)

    def set_temperatures(self, posterior, prior):
        for variable, temperature in zip(
            self.temperatures, (posterior, prior), strict=True
        ):
            variable.assign(temperature)

    def __call__(self, readers, p, weights, x, training):
        """The bound and its terms; each layer that reads q's logits has its own."""
        of_sample, of_prior, of_posterior, of_bound = readers
        state, node = self.sample(of_sample, training=training)
        flat = keras.ops.reshape(state, (*state.shape[: -len(p.shape) + 1], -1))
        scores = keras.ops.matmul(flat, keras.ops.cast(weights, state.dtype))
        log_joint = [
            self.log_likelihood(x, scores),
            self.log_prior(node, p, of_prior, training=training),
        ]
        log_posterior = [self.log_posterior(node, of_posterior, training=training)]
        conditions = [of_bound, node] if self.reads_node else [of_bound]
        bound = self.bound(log_joint, log_posterior, conditions, training=training)
        return bound, [*log_joint, *log_posterior]
