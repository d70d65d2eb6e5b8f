"""A number of samples that an estimator is not for is refused at each call."""

import numpy as np
import pytest
import tensorflow as tf

import keras_concrete as kc

OF_SEVERAL = ("reinforce_loo", "reweighted_wake_sleep", "vimco")


def terms(num_samples):
    return [tf.zeros((2, num_samples))] * 2


def conditions(estimator, num_samples):
    if estimator == "nvil":
        return [tf.zeros((2, 3))]
    if estimator == "disarm":
        return [tf.zeros((2, 3)), tf.zeros((2, num_samples, 3))]
    return None


@pytest.mark.parametrize(
    ("estimator", "built_for", "called_with"),
    [*((name, 3, 1) for name in OF_SEVERAL), ("nvil", 1, 3), ("disarm", 2, 3)],
)
def test_another_number_than_the_layer_was_built_for_is_held_to_the_estimator(
    estimator, built_for, called_with
):
    bound = kc.MultiSampleBound(estimator, seed=0)
    bound(*terms(built_for), conditions(estimator, built_for), training=True)
    with pytest.raises(ValueError, match=r"num_samples|bound of one sample"):
        bound(*terms(called_with), conditions(estimator, called_with), training=True)


@pytest.mark.parametrize("estimator", OF_SEVERAL)
def test_a_single_sample_is_refused_where_the_graph_does_not_know_how_many(estimator):
    bound = kc.MultiSampleBound(estimator)

    @tf.function(input_signature=[tf.TensorSpec((2, None))] * 2)
    def value(log_joint, log_posterior):
        return bound(log_joint, log_posterior, training=True)

    np.testing.assert_array_equal(value(*terms(3)), np.zeros(2))
    with pytest.raises(tf.errors.InvalidArgumentError, match="at least 2"):
        value(*terms(1))
