"""Centering subtracts a running mean that gradients and evaluation leave alone."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_concrete as kc


def test_centering_follows_its_recurrence_and_is_frozen_outside_training():
    generator = np.random.default_rng(0)
    layer, average = kc.Centering(0.9), np.zeros(3)
    for _ in range(5):
        activity = generator.normal(size=(4, 2, 3)).astype("float32")
        centered = layer(activity, training=True)
        np.testing.assert_allclose(centered, activity - average, atol=1e-5)
        average = 0.9 * average + 0.1 * activity.mean((0, 1))
        frozen = layer(activity, training=False)
        np.testing.assert_allclose(frozen, activity - average, atol=1e-5)
    layer.trainable = False
    layer(activity, training=True)
    np.testing.assert_allclose(layer.average, average, atol=1e-5)


def test_an_empty_batch_leaves_the_average_as_it_is():
    layer = kc.Centering()
    layer(np.ones((4, 2), "float32"), training=True)
    before = np.array(layer.average)
    assert layer(np.ones((0, 2), "float32"), training=True).shape == (0, 2)
    np.testing.assert_array_equal(layer.average, before)


def test_masked_steps_are_no_part_of_the_average():
    tokens = np.array([[1, 2, 0, 0], [2, 0, 0, 0]])
    embedded = keras.layers.Embedding(3, 2, mask_zero=True)
    layer = kc.Centering(0.5)
    model = keras.Sequential([embedded, layer])
    activity = np.array(embedded(tokens))
    model(tokens, training=True)
    mean = activity[tokens > 0].mean(0)
    np.testing.assert_allclose(layer.average, 0.5 * mean, rtol=1e-6)
    model(np.zeros((2, 4), "int64"), training=True)
    np.testing.assert_allclose(layer.average, 0.5 * mean, rtol=1e-6)


def test_no_gradient_flows_through_the_average():
    layer = kc.Centering(0.5)
    layer.build((None, 3))
    layer.average.assign([1.0, 2.0, 3.0])
    activity = tf.Variable(np.ones((4, 3), "float32"))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(layer(activity, training=True))
    np.testing.assert_array_equal(tape.gradient(total, activity), np.ones((4, 3)))
    assert not layer.trainable_weights


def test_decay_outside_its_range_is_refused():
    with pytest.raises(ValueError, match="`decay` must be a number, from 0 to below 1"):
        kc.Centering(1.0)


@pytest.mark.parametrize("is_frozen_before", [False, True])
def test_the_averages_of_estimators_in_a_frozen_bound_stay_too(is_frozen_before):
    bound = kc.MultiSampleBound("reinforce_running_mean")
    terms = np.float32([[-1.0, -2.0]]), np.float32([[-0.5, -0.5]])
    if is_frozen_before:
        bound.trainable = False
    bound(*terms, training=True)
    bound.trainable = False
    before = [np.array(weight) for weight in bound.surrogate.weights]
    assert np.all(np.equal(before, 0.0)) == is_frozen_before
    bound(*terms, training=True)
    np.testing.assert_array_equal(bound.surrogate.weights, before)
