"""What the relaxed distributions share: `temperature`, `logits`, and their checks."""

import numbers
from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

from keras_concrete.types import Tensor

__all__ = ["as_float32", "check_temperature", "temperature_and_logits"]


def as_float32(value: Tensor) -> Tensor:
    """Converts to a float32 tensor: densities are computed in float32 always."""
    return tf.cast(tf.convert_to_tensor(value), tf.float32)


def check_temperature(temperature: Tensor, logits: Tensor) -> None:
    """Refuses temperatures that are not positive or that would broadcast.

    Raises:
        ValueError: If a number is not positive, or if a tensor is neither a scalar nor
            of the shape of `logits`.
    """
    if isinstance(temperature, numbers.Real) and not 0 < float(temperature) < 1e30:
        raise ValueError(
            f"Argument `temperature` must be positive and finite. Received: "
            f"temperature={temperature}"
        )
    shape = tf.TensorShape(getattr(temperature, "shape", ()))
    if shape.rank and not shape.is_compatible_with(logits.shape):
        raise ValueError(
            "Argument `temperature` must be a scalar or have the shape of `logits`: "
            "broadcasting would make a larger batch of distributions than was given. "
            f"Received: temperature.shape={tuple(shape)}, "
            f"logits.shape={tuple(logits.shape)}"
        )


def temperature_and_logits(event_ndims: int) -> dict[str, Any]:
    """TFP's description of the parameters of a relaxed distribution."""
    properties = tfp.util.ParameterProperties
    return {
        "temperature": properties(
            default_constraining_bijector_fn=tfp.bijectors.Softplus
        ),
        "logits": properties(event_ndims=event_ndims),
    }
