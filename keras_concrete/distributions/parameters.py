"""What the relaxed distributions share: `temperature`, `logits`, and their checks."""

from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from keras_concrete.types import Tensor

__all__ = ["as_float32", "checked_temperature", "temperature_and_logits"]


def as_float32(value: Tensor) -> Tensor:
    """Converts to a float32 tensor: densities are computed in float32 always."""
    return tf.cast(tf.convert_to_tensor(value), tf.float32)


def checked_temperature(
    temperature: Tensor, batch_shape: tf.TensorShape, name: str = "temperature"
) -> Tensor:
    """Converts a temperature, and refuses one that is not positive or would broadcast.

    Raises:
        ValueError: If a known value is not positive and finite, or if the temperature is
            neither one number nor of the batch shape.
    """
    temperature = as_float32(temperature)
    values = tf.get_static_value(temperature)
    if values is not None and not np.all((values > 0) & np.isfinite(values)):
        raise ValueError(
            f"Argument `{name}` must be positive and finite. Received: {name}={values}"
        )
    shape = temperature.shape
    is_one_number = shape.num_elements() == 1 and shape.rank <= (batch_shape.rank or 0)
    if shape.rank and not is_one_number and not shape.is_compatible_with(batch_shape):
        raise ValueError(
            f"Argument `{name}` must be a scalar or have the shape of the batch of "
            "units: broadcasting would make another batch than was given. Received: "
            f"{name}.shape={tuple(shape)}, batch_shape={tuple(batch_shape)}"
        )
    return temperature


def temperature_and_logits(
    event_ndims: int, temperature: str = "temperature"
) -> dict[str, Any]:
    """TFP's description of the parameters of a relaxed distribution."""
    properties = tfp.util.ParameterProperties
    return {
        temperature: properties(default_constraining_bijector_fn=tfp.bijectors.Softplus),
        "logits": properties(event_ndims=event_ndims),
    }
