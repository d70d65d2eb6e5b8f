"""Discrete states of scores: the largest, whatever its size, and never of NaN."""

import numpy as np
import pytest
import tensorflow as tf

from keras_concrete.distributions.rounding import is_not_negative, one_hot_of_largest

INF, NAN = np.inf, np.nan


@pytest.mark.parametrize("xla", [False, True], ids=["eager", "xla"])
def test_the_largest_is_that_of_numpy_at_any_size(xla):
    values = [-INF, -3e38, -1e9, -1.0, -0.0, 0.0, 1e-40, 1.0, 1e9, 3e38, INF]
    scores = np.random.default_rng(0).choice(np.float32(values), (500, 5))
    function = tf.function(one_hot_of_largest, jit_compile=xla) if xla else None
    ours = (function or one_hot_of_largest)(tf.constant(scores))
    # Denormal numbers are 0 to most kernels, so 1e-40 may tie with 0.
    flushed = np.where(np.abs(scores) < 1e-38, 0, scores)
    chosen = np.take_along_axis(flushed, np.argmax(ours, -1)[:, None], -1)[:, 0]
    np.testing.assert_array_equal(chosen, flushed.max(axis=-1))
    np.testing.assert_array_equal(np.sort(ours), np.tile([0, 0, 0, 0, 1], (500, 1)))


def test_the_first_of_equals_is_chosen():
    ours = one_hot_of_largest(tf.constant([[0.0, -0.0, 0.0], [INF, INF, 0.0]]))
    np.testing.assert_array_equal(ours, [[1, 0, 0], [1, 0, 0]])


def test_nan_stays_nan():
    ours = one_hot_of_largest(tf.constant([[0.0, NAN], [INF, NAN], [1.0, 0.0]]))
    np.testing.assert_array_equal(ours, [[NAN, NAN], [NAN, NAN], [1, 0]])
    bits = is_not_negative(tf.constant([NAN, -INF, INF, -0.0]))
    np.testing.assert_array_equal(bits, [NAN, 0, 1, 1])
