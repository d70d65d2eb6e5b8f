"""Every value and gradient is finite, over the whole range of parameters.

A case is one row of logits at one pair of temperatures in one graph; a shape, which is
compiled once, takes hundreds of them. Failures are counted, and none is expected.
"""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from layer_checks import POLICIES

import keras_concrete as kc
from keras_concrete import estimators

pytestmark = pytest.mark.reliability

# Of posterior and prior: alike, and far from each other.
TEMPERATURES = [(t, t) for t in (0.01, 0.1, 2 / 3, 1.0, 10.0)]
TEMPERATURES += [(0.01, 10.0), (10.0, 0.01), (2 / 3, 1 / 2), (0.1, 1.0)]
ROWS = 48
PIXELS = 5


def rows_of_logits(generator, rows, *shape):
    """Rows at both ends, at 0, between, and of mixtures of them."""
    size = (rows, *shape)
    mixed = generator.choice([-1000, -30, 0, 30, 1000], size)
    between = generator.uniform(-1000, 1000, size)
    usual = generator.normal(0, 4, size)
    same = np.broadcast_to(
        generator.choice([-1000, 0, 1000], (rows, *[1] * len(shape))), size
    )
    choice = np.arange(rows).reshape(-1, *[1] * len(shape)) % 5
    parts = [mixed, between, usual, same, np.where(mixed > 0, usual, mixed)]
    return np.select([choice == i for i in range(5)], parts).astype("float32")


# --- Layers and estimators ----------------------------------------------------------


def shapes():
    """Estimator, states, units, samples, policy, XLA: everything with everything else."""
    sizes = itertools.cycle([(1, None), (3, 2), (40, 1), (2, 100), (1, 1), (2, 7)])
    settings = itertools.cycle(itertools.product(POLICIES, (True, False)))
    for states in (2, 3, 8, 1024):
        for estimator in estimators.names():
            if states > 2 and estimators.get(estimator).binary_only:
                continue
            for quick in (True, False):
                units, samples = next(sizes)
                if estimator == "vimco":
                    samples = max(2, samples or 1)
                if estimator == "nvil":
                    samples = 1
                if states == 1024:
                    units, samples = 1, min(samples or 2, 10)
                # Each with two settings; of the second half the soak only.
                policy, jit = next(settings)
                marks = () if quick and states != 3 else pytest.mark.soak
                case = (estimator, states, units, samples, policy, jit)
                yield pytest.param(*case, marks=marks, id="-".join(map(str, case)))
        next(settings)


class Model:
    """A latent layer, its prior and posterior, pixels, and the bound."""

    def __init__(self, estimator, states, units, samples, policy):
        binary = states == 2
        options = {"estimator": estimator, "dtype": policy}
        sampler = kc.BinaryConcreteSample if binary else kc.ConcreteSample
        self.sample = sampler(1.0, samples, return_node=True, seed=0, **options)
        self.log_prior = kc.ConcreteLogProb(1.0, states, **options)
        self.log_posterior = kc.ConcreteLogProb(1.0, states, **options)
        self.log_likelihood = kc.BernoulliLogLikelihood(dtype=policy)
        self.bound = kc.MultiSampleBound(estimator, seed=0, dtype=policy)
        shape = (None, units) if binary else (None, units, states)
        self.sample.build(shape)
        for layer in (self.log_prior, self.log_posterior):
            layer.build((shape, shape))
        terms = (None,) if samples is None else (None, samples)
        self.bound.build(([terms, terms], [terms], [shape]))

    def set_temperatures(self, posterior, prior):
        for layer, temperature in (
            (self.sample, posterior),
            (self.log_posterior, posterior),
            (self.log_prior, prior),
        ):
            layer.current_temperature.assign(temperature)

    def __call__(self, q, p, weights, x, training):
        dtype = self.sample.compute_dtype
        q, p, weights = (keras.ops.cast(tensor, dtype) for tensor in (q, p, weights))
        state, node = self.sample(q, training=training)
        flat = keras.ops.reshape(state, (*state.shape[: -len(q.shape) + 1], -1))
        scores = keras.ops.matmul(flat, weights)
        log_joint = [
            self.log_likelihood((x, scores)),
            self.log_prior((node, p, q), training=training),
        ]
        log_posterior = [self.log_posterior((node, q), training=training)]
        bound = self.bound((log_joint, log_posterior, [q]), training=training)
        return bound, [*log_joint, *log_posterior]


def finite_rows(tensors):
    """For each row of the first axis, whether it is finite in all tensors."""
    finite = [keras.ops.isfinite(keras.ops.cast(t, "float32")) for t in tensors]
    flat = [tf.reshape(f, (tf.shape(f)[0], -1)) for f in finite]
    return tf.reduce_all(tf.concat(flat, axis=1), axis=1)


@pytest.mark.parametrize(
    ("estimator", "states", "units", "samples", "policy", "jit"), list(shapes())
)
def test_bounds_and_their_gradients_are_finite(
    estimator, states, units, samples, policy, jit, figures
):
    model = Model(estimator, states, units, samples, policy)
    generator = np.random.default_rng(0)
    rows = 1 if samples is None else ROWS
    shape = (units,) if states == 2 else (units, states)
    weights = tf.constant(generator.normal(size=(np.prod(shape), PIXELS)), "float32")

    @tf.function(jit_compile=jit, reduce_retracing=False)
    def check(q, p, x, training):
        with tf.GradientTape() as tape:
            tape.watch([q, p, weights])
            bound, terms = model(q, p, weights, x, training)
        of_rows, of_weights = [q, p], weights
        gradients = tape.gradient(
            bound, [*of_rows, of_weights], unconnected_gradients="zero"
        )
        finite = finite_rows([bound, *terms, *gradients[:2]])
        return finite & tf.reduce_all(tf.math.is_finite(gradients[2]))

    failed = []
    cases = 0
    for posterior, prior in TEMPERATURES:
        model.set_temperatures(posterior, prior)
        q, p = (rows_of_logits(generator, ROWS, *shape) for _ in "qp")
        x = generator.integers(0, 2, (ROWS, PIXELS)).astype("float32")
        for training in (True, False):
            for start in range(0, ROWS, rows):
                part = slice(start, start + rows)
                finite = check(*map(tf.constant, (q[part], p[part], x[part])), training)
                cases += rows
                failed += [(posterior, prior, training)] * int(np.sum(~finite.numpy()))
    figures["cases"] = cases
    figures["not finite"] = len(failed)
    assert not failed, sorted(set(failed))
