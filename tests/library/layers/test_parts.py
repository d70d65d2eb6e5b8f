"""Codes, free logits, centering."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_concrete as kc


@pytest.mark.parametrize("num_states", [2, 4, 8, 16])
def test_codes_are_the_corners_of_the_hypercube_each_once(num_states):
    if num_states == 2:
        states = np.array([[[0.0], [1.0]]], "float32")
    else:
        states = np.eye(num_states, dtype="float32")[None, :, None, :]
    codes = np.asarray(kc.HypercubeCode(num_states)(states))[0]
    bits = int(np.log2(num_states))
    corners = np.array(list(itertools.product([-1, 1], repeat=bits)))
    np.testing.assert_array_equal(codes, corners)


def test_codes_of_units_lie_side_by_side():
    states = np.eye(4, dtype="float32")[[[0, 3, 2]]]
    codes = kc.HypercubeCode(4)(states)
    np.testing.assert_array_equal(codes, [[-1, -1, 1, 1, 1, -1]])


def test_a_relaxed_state_becomes_a_point_between_the_corners():
    state = np.full((1, 1, 4), 0.25, "float32")
    np.testing.assert_allclose(kc.HypercubeCode(4)(state), [[0.0, 0.0]])


def test_codes_refuse_states_of_another_size_and_other_than_powers_of_two():
    with pytest.raises(ValueError, match=r"power of 2.*6"):
        kc.HypercubeCode(6)
    with pytest.raises(ValueError, match=r"expects states of shape \(..., units, 4\)"):
        kc.HypercubeCode(4)(np.zeros((1, 3, 8)))


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


def test_no_gradient_flows_through_the_average():
    layer = kc.Centering(0.5)
    layer.build((None, 3))
    layer.average.assign([1.0, 2.0, 3.0])
    activity = tf.Variable(np.ones((4, 3), "float32"))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(layer(activity, training=True))
    np.testing.assert_array_equal(tape.gradient(total, activity), np.ones((4, 3)))
    assert not layer.trainable_weights


def test_learned_logits_train_and_follow_the_batch():
    layer = kc.LearnedLogits(3, num_states=4)
    assert layer(np.zeros((5, 2))).shape == (5, 3, 4)
    assert len(layer.trainable_weights) == 1
    with pytest.raises(ValueError, match="`units` must be a positive integer"):
        kc.LearnedLogits(0)


def test_decay_outside_its_range_is_refused():
    with pytest.raises(ValueError, match="`decay` must be a number from 0 to below 1"):
        kc.Centering(1.0)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_the_layers_work_in_a_plain_sequential_model(jit_compile, tmp_path):
    model = keras.Sequential(
        [
            keras.layers.Dense(8),
            kc.BinaryConcreteSample(2 / 3, inference="mode", seed=0),
            kc.HypercubeCode(),
            kc.Centering(),
            keras.layers.Dense(12),
            keras.layers.Reshape((3, 4)),
            kc.ConcreteSample(1.0, seed=1),
            kc.HypercubeCode(4),
            keras.layers.Dense(1),
        ]
    )
    model.compile("adam", "mse", jit_compile=jit_compile)
    x = np.random.default_rng(0).normal(size=(32, 5)).astype("float32")
    losses = model.fit(x, x[:, :1], epochs=2, verbose=0).history["loss"]
    assert np.all(np.isfinite(losses))
    model.save(tmp_path / "model.keras")
    revived = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        model.predict(x, verbose=0), revived.predict(x, verbose=0)
    )
    np.testing.assert_array_equal(
        *(
            m.fit(x, x[:, :1], shuffle=False, verbose=0).history["loss"]
            for m in (model, revived)
        )
    )


def test_codes_of_any_number_of_units():
    layer = kc.HypercubeCode(num_states=4)
    run = tf.function(layer, input_signature=[tf.TensorSpec((None, None, 4))])
    for units in (1, 3):
        states = np.eye(4, dtype="float32")[np.arange(units)][None]
        np.testing.assert_array_equal(run(states), layer(states))
