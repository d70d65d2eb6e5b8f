"""Models of a sampler that owns its KL, and the same by tensors."""

import keras
import numpy as np
from scipy import special

import keras_concrete as kc

X = np.random.default_rng(0).normal(size=(16, 6)).astype("float32")
T, PRIOR_T = 0.7, 0.4
PRIORS = ["uniform", "learned", "given"]
FIT = {"batch_size": 8, "epochs": 2, "shuffle": False, "verbose": 0}


def dense(units, name):
    start = keras.initializers.GlorotUniform(seed=1)
    return keras.layers.Dense(units, kernel_initializer=start, name=name)


def sampler(num_states, **kwargs):
    kind = kc.BinaryConcreteSample if num_states == 2 else kc.ConcreteSample
    if kwargs.get("prior"):
        kwargs = {"kl_objective": "relaxed", **kwargs}
    return kind(T, name="code", seed=0, **kwargs)


def to_logits(x, num_states, name):
    flat = dense(4 if num_states == 2 else 4 * num_states, name)(x)
    return flat if num_states == 2 else keras.layers.Reshape((4, num_states))(flat)


def decode(state, num_samples):
    axes = 1 if num_samples is None else 2
    shape = (*state.shape[1:axes], -1)
    pixels = dense(6, "p")(keras.layers.Reshape(shape)(state))
    return pixels if num_samples is None else keras.ops.mean(pixels, axis=1)


def owned(prior, num_states=2, num_samples=None, weight=0.3):
    """The term is no output of the model."""
    x = keras.Input((6,))
    logits = to_logits(x, num_states, "q")
    given = [to_logits(x, num_states, "prior")] if prior == "given" else []
    layer = sampler(
        num_states,
        num_samples=num_samples,
        prior=prior,
        prior_temperature=PRIOR_T,
        kl_weight=weight,
    )
    return keras.Model(x, {"x": decode(layer(logits, *given), num_samples)})


def by_hand(prior, num_states=2, num_samples=None, weight=0.3):
    """The same of tensors, with the term an output."""
    x = keras.Input((6,))
    logits = to_logits(x, num_states, "q")
    layer = sampler(num_states, num_samples=num_samples, return_node=True)
    state, node = layer(logits)
    prior_logits = {
        "uniform": lambda: keras.ops.zeros_like(logits),
        "learned": lambda: kc.LearnedLogits(4, num_states)(x),
        "given": lambda: to_logits(x, num_states, "prior"),
    }[prior]()
    kl = kc.RelaxedKL(
        posterior_temperature=T,
        prior_temperature=PRIOR_T,
        num_states=num_states,
        loss_weight=weight,
        sample_axis=num_samples is not None,
        name="code_kl",
    )(node, logits, prior_logits)
    return keras.Model(x, {"x": decode(state, num_samples), "kl": kl})


def history(model, *callbacks):
    # Eagerly: a compiler may add up in another order where there is another output.
    model.compile(keras.optimizers.SGD(0.1), loss={"x": "mse"}, run_eagerly=True)
    found = model.fit(X, {"x": X}, **FIT, callbacks=list(callbacks)).history
    return {name: found[name] for name in ("loss", "code_kl")}


@keras.saving.register_keras_serializable("prior_models")
class Subclassed(keras.Model):
    def __init__(self, prior, **kwargs):
        super().__init__(**kwargs)
        self.prior = prior
        self.q, self.p = dense(4, "q"), dense(6, "p")
        self.sample = sampler(2, prior=prior, prior_temperature=PRIOR_T, kl_weight=0.3)
        self.of_prior = dense(4, "prior") if prior == "given" else None

    def call(self, x, training=None):
        given = [self.of_prior(x)] if self.prior == "given" else []
        return {"x": self.p(self.sample(self.q(x), *given))}

    def get_config(self):
        return {**super().get_config(), "prior": self.prior}


def exact_kl(q, p, num_states):
    """Of the discrete distributions, summed over all units, in float64."""
    return _moments(q, p, num_states)[0]


def exact_variance(q, p, num_states):
    """Variance of one draw of the term, whose mean the KL is."""
    return _moments(q, p, num_states)[1]


def _moments(q, p, num_states):
    if num_states == 2:
        q, p = (np.stack([np.zeros_like(a), a], axis=-1) for a in (q, p))
    log_q, log_p = (special.log_softmax(np.float64(a), axis=-1) for a in (q, p))
    mean = np.sum(np.exp(log_q) * (log_q - log_p), axis=-1)
    square = np.sum(np.exp(log_q) * (log_q - log_p) ** 2, axis=-1)
    units = tuple(range(1, mean.ndim))
    return np.sum(mean, axis=units), np.sum(square - mean**2, axis=units)
