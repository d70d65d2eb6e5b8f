"""Moments are those of a stack of gradients; intervals hold what they say."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_concrete as kc
from keras_concrete.gradients.moments import (
    GradientMoments,
    compiled_moments,
    draw_moments,
)
from keras_concrete.gradients.statistics import NUM_BLOCKS, gradient_statistics
from keras_concrete.seeding import fixed_noise
from keras_concrete.weight_sums import keys_of_groups

GENERATOR = np.random.default_rng(0)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_moments_are_those_of_a_stack_of_gradients(jit_compile):
    inputs = keras.Input((3,))
    state = kc.BinaryConcreteSample(0.5, seed=0)(keras.layers.Dense(2)(inputs))
    model = keras.Model(inputs, keras.layers.Dense(1)(state))
    x = tf.constant(GENERATOR.normal(size=(4, 3)), "float32")

    def objective():
        return tf.reduce_mean(model(x, training=True) ** 2)

    weights = model.trainable_weights
    parts = np.array([[1, 1, 1, 1], [1, 1, 0, 0]])
    directions = [GENERATOR.normal(size=weight.shape) for weight in weights]
    run = compiled_moments(model, objective, weights, parts, jit_compile)
    found = draw_moments(run, 7, 6, 2, directions)

    stack = []
    for key in keys_of_groups(tf.constant(7), tf.range(6)):
        with tf.GradientTape() as tape, fixed_noise(model, key):
            value = objective()
        gradients = tape.gradient(value, [weight.value for weight in weights])
        stack.append([np.ravel(gradient) for gradient in gradients])
    for block in range(2):
        rows = stack[3 * block : 3 * block + 3]
        columns = [np.stack(column) for column in zip(*rows, strict=True)]
        for place, column in enumerate(columns):
            mean, variance = column.mean(axis=0), column.var(axis=0, ddof=1).sum()
            np.testing.assert_allclose(found.means[place][block], mean, atol=1e-6)
            np.testing.assert_allclose(found.variances[block, place], variance, rtol=2e-4)
        for part, members in enumerate(([0, 1, 2, 3], [0, 1])):
            flat = np.concatenate([columns[m] for m in members], axis=1)
            along = np.concatenate([np.ravel(directions[m]) for m in members])
            expected = np.mean(flat @ along / np.linalg.norm(flat, axis=1))
            np.testing.assert_allclose(found.projections[block, part], expected, 1e-4)


def statistics_of(mean, reference, size=50):
    """Of Gaussian gradients of a diagonal covariance, in blocks of that many draws."""
    deviations = np.linspace(0.5, 2, mean.size)
    noise = GENERATOR.normal(size=(NUM_BLOCKS, size, mean.size)) * deviations
    draws = mean + noise
    moments = GradientMoments(
        means=[draws.mean(axis=1)],
        variances=draws.var(axis=1, ddof=1).sum(axis=1)[:, None],
        projections=(draws @ reference / np.linalg.norm(draws, axis=2)).mean(axis=1)[
            :, None
        ],
        milliseconds=1.0,
    )
    blocks = [np.broadcast_to(reference, (NUM_BLOCKS, reference.size))]
    return gradient_statistics(moments, blocks, np.array([0]), 0), np.sum(deviations**2)


@pytest.mark.parametrize("size", [1, 30])
def test_the_interval_of_the_bias_holds_it(size):
    """Of 95%, and of 200 intervals 24 or more miss it less often than 1e-3."""
    mean = np.linspace(-1, 1, size) if size > 1 else np.array([1.0])
    missed = 0
    for shift in (0.0, 0.3):
        for _ in range(100):
            found, _ = statistics_of(mean, mean + shift)
            bias = shift * np.sqrt(size)
            missed += not found.bias_low <= bias <= found.bias_high
    assert missed < 24


def test_all_other_numbers_are_near_the_truth_by_their_errors():
    mean = np.linspace(-1, 1, 30)
    reference = mean + GENERATOR.normal(0, 0.3, 30)
    truth = {
        "mean_cosine": mean @ reference / np.linalg.norm(mean) / np.linalg.norm(reference)
    }
    for _ in range(20):
        found, variance = statistics_of(mean, reference)
        truth["variance"] = variance
        truth["signal_to_noise"] = np.linalg.norm(mean) / np.sqrt(variance)
        for name, value in truth.items():
            error = getattr(found, f"{name}_error")
            # Beyond 5 of Student's errors with 19 degrees of freedom: 1e-4.
            assert abs(getattr(found, name) - value) < 5 * error, name
            assert error < 0.1 * max(value, 1), name
