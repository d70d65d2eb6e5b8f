"""What distributions over the n coordinates of a unit share."""

from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

from keras_concrete.types import Tensor

__all__ = ["VectorDistribution"]

tfd: Any = tfp.distributions


class VectorDistribution(tfd.Distribution):
    """A float32 distribution over vectors of n coordinates, with n logits.

    Args:
        logits: Float32 tensor with the states on its last axis.
        reparameterization_type: As in every TFP distribution.
        kwargs: Other arguments of `tfp.distributions.Distribution`.

    Raises:
        ValueError: If `logits` has no axis of at least 2 states.
    """

    def __init__(
        self, logits: Tensor, reparameterization_type: object, **kwargs: object
    ) -> None:
        if logits.shape.rank == 0 or (logits.shape[-1] or 2) < 2:
            raise ValueError(
                "Argument `logits` must have the states on its last axis, at least 2 "
                f"of them. Received: logits.shape={tuple(logits.shape)}"
            )
        self.logits = logits
        super().__init__(
            dtype=tf.float32, reparameterization_type=reparameterization_type, **kwargs
        )

    def _check_size(self, value: Tensor) -> None:
        """Refuses vectors of another size: one coordinate would broadcast to all."""
        if not value.shape[-1:].is_compatible_with(self._event_shape()):
            raise ValueError(
                "Argument `value` must have one coordinate for each state on its last "
                f"axis. Received: value.shape={tuple(value.shape)}, "
                f"logits.shape={tuple(self.logits.shape)}"
            )

    def _event_shape(self) -> tf.TensorShape:
        return self.logits.shape[-1:]

    def _event_shape_tensor(self) -> Tensor:
        return tf.shape(self.logits)[-1:]
