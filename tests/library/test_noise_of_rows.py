"""With a key for each row, rows have the noise that each has alone."""

import numpy as np
import pytest
import tensorflow as tf

from keras_concrete import noise
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
