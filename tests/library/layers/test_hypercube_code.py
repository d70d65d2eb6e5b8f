"""Codes are corners of the hypercube, or points between."""

import itertools

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
    with pytest.raises(
        ValueError, match=r"expects states of shape \(batch, ..., units, 4\)"
    ):
        kc.HypercubeCode(4)(np.zeros((1, 3, 8)))


def test_codes_of_any_number_of_units():
    layer = kc.HypercubeCode(num_states=4)
    run = tf.function(layer, input_signature=[tf.TensorSpec((None, None, 4))])
    for units in (1, 3):
        states = np.eye(4, dtype="float32")[np.arange(units)][None]
        np.testing.assert_array_equal(run(states), layer(states))


@pytest.mark.parametrize("num_states", [2, 4])
def test_bits_that_were_stored_as_integers_are_states_too(num_states):
    states = np.eye(4)[None]
    layer = kc.HypercubeCode(num_states)
    np.testing.assert_array_equal(layer(states.astype("uint8")), layer(states))
