"""With a key for each row, rows have the noise that each has alone."""

import numpy as np
import pytest
import tensorflow as tf

import keras_concrete as kc
from keras_concrete import estimators, noise
from keras_concrete.graphs import piecewise_compiled


@pytest.mark.parametrize("pieces", [False, True])
@pytest.mark.parametrize(
    "draw", [noise.uniform, noise.logistic, noise.gumbel, noise.normal]
)
def test_rows_with_keys_have_what_each_has_alone(draw, pieces):
    keys = np.random.default_rng(2).integers(0, 2**32, (5, 2), dtype="uint32")
    alone = np.concatenate([draw((1, 4, 3), key) for key in keys])

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.uint32)])
    def together(keys):
        with piecewise_compiled(pieces):
            return draw((tf.shape(keys)[0], 4, 3), keys)

    for rows in (0, 1, 5):
        values = together(keys[:rows])
        np.testing.assert_allclose(values, alone[:rows], rtol=5e-7, atol=5e-7)


@pytest.mark.parametrize("shape", [(6, 5), (4,), (1, 5)])
def test_keys_of_other_rows_are_refused(shape):
    with pytest.raises(ValueError, match=r"rows of the keys on its first.*=\(5, 2\)"):
        noise.logistic(shape, np.zeros((5, 2), "uint32"))


@pytest.mark.parametrize("arity", [2, 4])
@pytest.mark.parametrize("estimator", estimators.names())
def test_rows_with_keys_have_the_log_weights_that_each_has_alone(estimator, arity):
    if arity > 2 and estimators.get(estimator).binary_only:
        pytest.skip("for binary units only")
    num_samples = 1 if estimator == "nvil" else 2
    network = kc.SigmoidBeliefNetwork(
        "6H-5V", arity=arity, num_samples=num_samples, estimator=estimator, seed=0
    )
    x = np.float32(np.random.default_rng(0).random((3, 5)) < 0.5)
    keys = np.random.default_rng(1).integers(0, 2**32, (3, 2), dtype="uint32")

    def log_weights(rows):
        seed = tf.constant(keys[rows])
        return network.log_weights(x[rows], num_samples, training=True, seed=seed)

    alone = np.concatenate([log_weights(slice(row, row + 1)) for row in range(3)])
    np.testing.assert_allclose(log_weights(slice(None)), alone, rtol=1e-5, atol=1e-5)
