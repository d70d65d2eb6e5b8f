"""The simplex without constraints, against NumPy in float64."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import special

from keras_concrete.distributions.simplex import SoftmaxCentered

X = np.random.default_rng(0).normal(0, 2, (4, 3)).astype("float32")


def softmax_with_zero(x):
    return special.softmax(np.append(np.float64(x), np.zeros((*x.shape[:-1], 1)), -1), -1)


def test_forward_and_inverse_are_those_of_numpy():
    state = SoftmaxCentered().forward(X)
    np.testing.assert_allclose(state, softmax_with_zero(X), rtol=1e-5)
    back = SoftmaxCentered().inverse(tf.constant(state.numpy()))
    np.testing.assert_allclose(back, X, rtol=1e-4, atol=1e-5)


def test_the_jacobian_is_that_of_the_first_coordinates():
    steps = 1e-6 * np.eye(3)
    for x in np.float64(X):
        slopes = [
            (softmax_with_zero(x + step) - softmax_with_zero(x - step))[:-1] / 2e-6
            for step in steps
        ]
        expected = np.linalg.slogdet(slopes)[1]
        ours = SoftmaxCentered().forward_log_det_jacobian(np.float32(x))
        np.testing.assert_allclose(ours, expected, rtol=1e-5)


def test_shapes_have_one_coordinate_more_and_one_less():
    bijector = SoftmaxCentered()
    assert bijector.forward_event_shape([7, 3]) == (7, 4)
    assert bijector.inverse_event_shape([None, 4]).as_list() == [None, 3]
    assert bijector.forward_event_shape_tensor([7, 3]).numpy().tolist() == [7, 4]
    assert bijector.inverse_event_shape_tensor([4]).numpy().tolist() == [3]


def test_a_point_off_the_simplex_is_refused_where_that_is_asked_for():
    with pytest.raises(tf.errors.InvalidArgumentError, match="must sum to `1`"):
        SoftmaxCentered(validate_args=True).inverse(np.float32([0.3, 0.3]))
