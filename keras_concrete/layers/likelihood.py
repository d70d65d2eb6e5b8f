"""The layer that scores data under what a decoder says of them."""

from typing import Any

import keras
from keras import ops

from keras_concrete.layers.shapes import check_inputs, match_node
from keras_concrete.types import Tensor

__all__ = ["BernoulliLogLikelihood"]


@keras.saving.register_keras_serializable(package="keras_concrete")
class BernoulliLogLikelihood(keras.layers.Layer):
    """Log-probability of binary data under independent logits, summed over the pixels.

    `sum_i x_i l_i - log(1 + exp(l_i))`, in float32 under every dtype policy. Grey
    values in (0, 1) are accepted too; the result is then a cross-entropy, not a
    log-probability.

    Args:
        kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: The pair `(x, logits)`.

    Input shape:
        `x` `(batch, pixels)`; logits `(batch, [num_samples,] pixels)`.

    Output shape:
        `(batch, [num_samples])`, float32, in nats.

    Raises:
        ValueError: If `x` would broadcast against the logits in any other way.

    Example:
    >>> import numpy as np
    >>> x, logits = np.ones((1, 4), "float32"), np.zeros((1, 3, 4), "float32")
    >>> BernoulliLogLikelihood()((x, logits)).numpy().round(3)
    array([[-2.773, -2.773, -2.773]], dtype=float32)
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.autocast = False

    def build(self, input_shape: Any) -> None:
        """Has no weights."""
        check_inputs(self, input_shape, "x", "logits")

    def call(self, inputs: tuple[Tensor, Tensor]) -> Tensor:
        """Scores the data under the logits."""
        x, logits = inputs
        logits = ops.cast(logits, "float32")
        x = match_node("x", x, logits, "logits")
        # softplus(logits), to 6e-8 nats for each pixel and twice as fast as by log1p. Its
        # positive part is written so that the gradient at 0 is 1/2.
        distance = ops.abs(logits)
        positive = 0.5 * (logits + distance)
        softplus = positive + ops.log(1.0 + ops.exp(-distance))
        return ops.sum(x * logits - softplus, axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return super().get_config()

    def compute_output_spec(self, inputs: tuple[Tensor, Tensor]) -> keras.KerasTensor:
        """Shape and dtype of the output."""
        return keras.KerasTensor(tuple(inputs[1].shape)[:-1], dtype="float32")
