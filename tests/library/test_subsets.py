"""The k largest scores, exactly and smoothly, against SciPy in float64."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import optimize, special

from keras_concrete import subsets

GENERATOR = np.random.default_rng(0)


def weights_of(scores, temperature, k):
    """Sigmoids around the threshold at which they sum to k."""
    scaled = np.float64(scores) / temperature
    low, high = scaled.min() - 50, scaled.max() + 50
    threshold = optimize.brentq(
        lambda c: np.sum(special.expit(scaled - c)) - k, low, high, xtol=1e-13
    )
    return special.expit(scaled - threshold)


@pytest.mark.parametrize("temperature", [0.05, 0.5, 3.0])
@pytest.mark.parametrize(("n", "k"), [(2, 1), (6, 2), (6, 5), (300, 40)])
def test_weights_and_their_gradients_are_those_of_the_solution(n, k, temperature):
    scores = GENERATOR.gumbel(size=(3, n)).astype("float32")
    direction = GENERATOR.normal(size=(3, n)).astype("float32")
    given, t = tf.constant(scores), tf.constant(temperature)
    with tf.GradientTape() as tape:
        tape.watch([given, t])
        weights = subsets.smoothly_largest(given, t, k, each=False)
        total = tf.reduce_sum(weights * direction)
    of_scores, of_temperature = tape.gradient(total, [given, t])
    p = np.stack([weights_of(row, temperature, k) for row in scores])
    np.testing.assert_allclose(weights, p, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(np.sum(weights, axis=-1), k, rtol=1e-5)
    w = p * (1 - p)
    mean = np.sum(w * direction, -1, keepdims=True) / np.sum(w, -1, keepdims=True)
    slopes = w * (direction - mean) / temperature
    np.testing.assert_allclose(of_scores, slopes, atol=1e-4 * np.abs(slopes).max())
    step = 1e-5 * temperature
    above, below = (
        np.sum([weights_of(row, changed, k) for row in scores] * direction)
        for changed in (temperature + step, temperature - step)
    )
    slope = (above - below) / (2 * step)
    assert float(of_temperature) == pytest.approx(slope, rel=1e-3, abs=1e-3)


def test_weights_of_each_count_are_those_of_the_counts():
    scores = GENERATOR.gumbel(size=(4, 3, 7)).astype("float32")
    each = subsets.smoothly_largest(scores, 0.4, 5, each=True)
    assert each.shape == (4, 3, 5, 7)
    for k in range(1, 6):
        one = subsets.smoothly_largest(scores, 0.4, k, each=False)
        np.testing.assert_allclose(each[..., k - 1, :], one, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("each", "jit"), [(False, False), (True, True)])
def test_all_is_finite_and_sums_to_k_over_the_whole_range(each, jit):
    rows = [
        [0, 0, 0, 0, 0, 0],
        [1000, -1000, 1000, 1000, -1000, 0],
        [-1e9, 3, -1e9, 1, 0, 2],
        [-1e9, -1e9, -1e9, 1, 0, 2],
        [1e9, 0, 0.1, 1e9, 1e9, 1e9],
        [1000, 1000, 1000, 1000, 1000, 999.99],
    ]

    @tf.function(jit_compile=jit)
    def weights_and_slopes(scores, t):
        with tf.GradientTape() as tape:
            tape.watch([scores, t])
            weights = subsets.smoothly_largest(scores, t, 3, each=each)
            total = tf.reduce_sum(weights * tf.range(6, dtype="float32"))
        return weights, *tape.gradient(total, [scores, t])

    for t in (0.01, 1.0, 10.0):
        results = weights_and_slopes(tf.constant(np.float32(rows)), tf.constant(t))
        assert all(np.all(np.isfinite(part)) for part in results)
        weights = results[0].numpy()
        assert np.min(weights) >= 0 and np.max(weights) <= 1
        counts = [1, 2, 3] if each else 3
        shape = (len(rows), 3) if each else len(rows)
        expected = np.broadcast_to(counts, shape)
        np.testing.assert_allclose(weights.sum(-1), expected, rtol=1e-5)


def test_the_largest_come_in_order_and_ties_are_broken():
    scores = np.float32([[1, 5, 3, 4], [2, 2, 2, 2]])
    rows = subsets.largest(scores, 3).numpy()
    assert rows.argmax(-1).tolist() == [[1, 3, 2], [0, 1, 2]]
    assert np.all(rows.sum(-1) == 1)
