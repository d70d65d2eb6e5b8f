"""The layer that subtracts a running average."""

from typing import Any

import keras
from keras import ops

from keras_concrete.checks import check_share
from keras_concrete.layers.masks import zero_where_masked
from keras_concrete.moving_average import move_average, moving_average
from keras_concrete.types import Tensor

__all__ = ["Centering"]


@keras.saving.register_keras_serializable(package="keras_concrete")
class Centering(keras.layers.Layer):
    """Subtracts a running average of the activity, a dynamic offset (appendix D.4).

    The average is subtracted as it was before the batch, no gradient flows through it,
    and outside training it stays as it is.

    Args:
        decay: Number in [0, 1): the average becomes `decay * average + (1 - decay) *
            mean`, the mean over all axes but the last.
        kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        inputs: Activity of a layer.
        training: Whether the average is updated, if the layer is trainable.
        mask: Mask of time steps, `(batch, time)`, as Keras passes it on. Steps where it
            is False are no part of the mean.

    Input shape:
        `(batch, ..., features)`.

    Output shape:
        That of the input, in the compute dtype. The average is kept in float32.

    Raises:
        ValueError: If `decay` is not in [0, 1).

    Example:
    >>> import numpy as np
    >>> layer, ones = Centering(decay=0.9), np.ones((4, 1), "float32")
    >>> [round(float(layer(ones, training=True)[0, 0]), 2) for _ in range(3)]
    [1.0, 0.9, 0.81]
    """

    def __init__(self, decay: float = 0.9, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_share("decay", decay, "a number", can_be_zero=True)
        self.decay = float(decay)
        self.autocast = False
        self.supports_masking = True

    def build(self, input_shape: tuple) -> None:
        """Adds the average, a weight that does not train."""
        self.average = moving_average(self, "average", (input_shape[-1],))

    def call(
        self, inputs: Tensor, training: bool = False, mask: Tensor | None = None
    ) -> Tensor:
        """Subtracts the average, then updates it in training."""
        activity = ops.cast(inputs, "float32")
        centered = activity - self.average
        if training:
            kept = ops.stop_gradient(zero_where_masked(activity, mask))
            ones = zero_where_masked(ops.ones_like(activity[..., :1]), mask)
            count = ops.sum(ones)
            total = ops.sum(kept, axis=tuple(range(len(inputs.shape) - 1)))
            mean = total / ops.maximum(count, 1.0)
            is_empty = ops.equal(count, 0.0)
            move_average(self, self.average, self.decay, mean, is_empty)
        return ops.cast(centered, self.compute_dtype)

    def compute_output_shape(self, input_shape: tuple) -> tuple:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "decay": self.decay}
