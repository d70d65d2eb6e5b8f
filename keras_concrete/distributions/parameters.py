"""Parameters of distributions: read when they are used, in float32, and checked."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_concrete.backend import tf, tfp
from keras_concrete.distributions.simplex import SoftmaxCentered
from keras_concrete.types import Tensor

__all__ = [
    "as_float32",
    "checked_temperature",
    "is_reference",
    "log_odds",
    "log_probabilities",
    "parameter",
    "properties",
]


def as_float32(value: Tensor) -> Tensor:
    """Converts to a float32 tensor: densities are computed in float32 always."""
    if isinstance(value, np.ndarray | np.floating):  # JAX warns of float64.
        with np.errstate(over="ignore"):
            value = value.astype("float32")
    return tf.cast(tf.convert_to_tensor(value), tf.float32)


def parameter(value: Tensor | None) -> Tensor | None:
    """A variable as it is, so that it is read when it is used; else a float32 tensor."""
    if isinstance(value, keras.Variable):
        value = value.value
    return value if value is None or is_reference(value) else as_float32(value)


def is_reference(value: Tensor) -> bool:
    """Whether a value may change: a variable, or what TFP makes of one."""
    return isinstance(value, tf.Variable | tf.Module)


def log_odds(probs: Tensor) -> Tensor:
    """log(p) - log(1 - p), infinite at 0 and 1, where it has no gradient."""
    return log_probabilities(probs) - log_probabilities(1.0 - probs)


def log_probabilities(probs: Tensor) -> Tensor:
    """log(p), -inf at 0, where it has no gradient."""
    is_zero = probs == 0.0
    return ops.where(is_zero, -float("inf"), ops.log(ops.where(is_zero, 1.0, probs)))


def checked_temperature(
    temperature: Tensor,
    batch_shape: tf.TensorShape,
    validate_args: bool = False,
) -> Tensor:
    """A temperature, as a parameter; refuses one that is not positive or would broadcast.

    Args:
        temperature: Number, tensor or variable.
        batch_shape: Shape of the batch of units.
        validate_args: Whether TFP's own check of its sign follows.

    Raises:
        ValueError: If a known value is not positive and finite, or if the temperature is
            neither one number nor of the batch shape.
    """
    temperature = parameter(temperature)
    values = None if is_reference(temperature) else tf.get_static_value(temperature)
    is_bad = values is not None and not np.all((values > 0) & np.isfinite(values))
    if is_bad and not validate_args:
        raise ValueError(
            "Argument `temperature` must be positive and finite. Received: "
            f"temperature={values}"
        )
    shape = tf.TensorShape(temperature.shape)
    is_one_number = shape.num_elements() == 1 and shape.rank <= (batch_shape.rank or 0)
    if shape.rank and not is_one_number and not shape.is_compatible_with(batch_shape):
        raise ValueError(
            "Argument `temperature` must be a scalar or have the shape of the batch of "
            "units: broadcasting would make another batch than was given. Received: "
            f"temperature.shape={tuple(shape)}, batch_shape={tuple(batch_shape)}"
        )
    return temperature


def properties(event_ndims: int, is_relaxed: bool = False) -> dict[str, Any]:
    """TFP's description of `logits`, `probs` and, of a relaxed one, its temperature.

    Args:
        event_ndims: 0 for binary units, 1 for units of n states.
        is_relaxed: Whether there is a temperature.
    """
    described = tfp.util.ParameterProperties
    of_probs = SoftmaxCentered if event_ndims else tfp.bijectors.Sigmoid
    found = {
        "logits": described(event_ndims=event_ndims),
        "probs": described(
            event_ndims=event_ndims,
            default_constraining_bijector_fn=of_probs,
            is_preferred=False,
        ),
    }
    if not is_relaxed:
        return found
    softplus = tfp.bijectors.Softplus
    return {"temperature": described(default_constraining_bijector_fn=softplus), **found}
