"""REINFORCE with a running mean, on bare terms."""

import numpy as np
import pytest
import tensorflow as tf

import keras_concrete as kc

ROWS = 7


def normal(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


@pytest.mark.parametrize("shape", [(ROWS,), (ROWS, 3)])
def test_the_running_mean_is_subtracted_from_the_bound_before_it_moves(shape):
    layer = kc.MultiSampleBound("reinforce_running_mean")
    log_p, log_q = tf.Variable(normal(0, *shape)), tf.Variable(normal(1, *shape))
    layer(log_p, log_q)
    layer.surrogate.mean.assign(-2.0)
    with tf.GradientTape() as tape:
        bound = layer(log_p, log_q, training=True)
    ratio = np.float64(log_p) - np.float64(log_q)
    if len(shape) == 1:
        expected, share = ratio, np.ones(shape)
    else:
        expected = np.logaddexp.reduce(ratio, axis=1) - np.log(3)
        share = np.exp(ratio) / np.exp(ratio).sum(1, keepdims=True)
    np.testing.assert_allclose(bound, expected, rtol=1e-5, atol=1e-6)
    signal = np.reshape(expected + 2.0, (ROWS, *[1] * (len(shape) - 1)))
    gradient = tape.gradient(bound, log_q)
    np.testing.assert_allclose(gradient, signal - share, rtol=1e-4, atol=1e-5)
    after = 0.9 * -2.0 + 0.1 * expected.mean()
    assert float(layer.surrogate.mean) == pytest.approx(after, rel=1e-5)
