"""Strategies, statistical tests and integrals for the tests of distributions."""

import keras
import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import special, stats

from keras_concrete import distributions as kcd

FALSE_ALARM = 1e-4  # Of each statistical test; seeds are fixed, so none flickers.
SEED = (3, 14)
DRAWS = 20_000
ROWS, STATES = 16, 4
checked = settings(max_examples=25)

BINARY = [kcd.LogitBinaryConcrete, kcd.BinaryConcrete]
N_ARY = [kcd.ExpConcrete, kcd.Concrete]
LOGITS = np.random.default_rng(0).normal(0, 2, (5, 3)).astype("float32")


def floats(low, high, *shape):
    """Arrays of float32 numbers between bounds, as a strategy of Hypothesis."""
    low, high = np.float32([low, high]).tolist()
    elements = st.floats(low, high, width=32, allow_subnormal=False)
    return hnp.arrays("float32", shape or (ROWS,), elements=elements, fill=st.nothing())


def simplex(y):
    return special.softmax(np.float64(y), axis=-1).astype("float32")


def log_simplex(y):
    return special.log_softmax(np.float64(y), axis=-1).astype("float32")


def assert_accurate(ours, oracle, *terms):
    """Compares to 1e-5 of the largest term of the sum that a log-density is."""
    largest = np.max([np.broadcast_to(np.abs(t), oracle.shape) for t in terms], axis=0)
    assert ours.dtype == "float32"
    np.testing.assert_array_less(np.abs(ours - oracle), 1e-5 * np.maximum(largest, 1))


def total(density, *bounds, points):
    """Integral by the midpoint rule, over as many dimensions as there are bounds."""
    steps = [(high - low) / points for low, high in bounds]
    middle = np.arange(points) + 0.5
    axes = [low + step * middle for (low, _), step in zip(bounds, steps, strict=True)]
    return np.sum(density(*np.meshgrid(*axes)), dtype="float64") * np.prod(steps)


def density_of(distribution):
    return lambda x: np.exp(np.float64(distribution.log_prob(np.float32(x))))


def assert_frequencies(counts, probabilities):
    """Chi-square tests along the last axis, whose joint false-alarm rate is stated."""
    expected = np.sum(counts, axis=-1, keepdims=True) * np.float64(probabilities)
    p_values = stats.chisquare(counts, expected, axis=-1, sum_check=False).pvalue
    assert np.min(p_values) > FALSE_ALARM / np.size(p_values)


def assert_same_law(samples, law):
    """Kolmogorov-Smirnov per column, against samples or a list of CDFs."""
    law = np.transpose(law) if isinstance(law, np.ndarray) else law
    tests = [stats.kstest(*pair) for pair in zip(np.transpose(samples), law, strict=True)]
    assert min(test.pvalue for test in tests) > FALSE_ALARM / len(tests)


def value_and_gradients(function, *arguments):
    """What a function returns, and the gradients of its sum."""
    if keras.backend.backend() == "jax":
        import jax

        def total(*values):
            return sum(map(keras.ops.sum, keras.tree.flatten(function(*values))))

        arguments = [keras.ops.convert_to_tensor(argument) for argument in arguments]
        gradients = jax.grad(total, range(len(arguments)))(*arguments)
        return function(*arguments), gradients
    import tensorflow as tf

    variables = [tf.Variable(argument) for argument in arguments]
    with tf.GradientTape() as tape:
        value = function(*variables)
    return value, tape.gradient(value, variables)


def assert_finite(tensors):
    for tensor in keras.tree.flatten(tensors):
        assert tensor is not None and np.all(np.isfinite(tensor))


def assert_convex_between(distribution, x1, x2, magnitude):
    """At the midpoint, the log-density is at most the mean of those at the ends."""
    middle, *ends = distribution.log_prob(np.stack([(x1 + x2) / 2, x1, x2])).numpy()
    np.testing.assert_array_less(middle, np.mean(ends, axis=0) + 1e-5 * magnitude)
