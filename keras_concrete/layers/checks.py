"""What several layers check and prepare at the door."""

from typing import TYPE_CHECKING, Any

import keras
from keras import ops

from keras_concrete.types import Tensor

if TYPE_CHECKING:
    from keras_concrete.distributions.units import Unit

__all__ = [
    "check_choice",
    "check_num_states",
    "check_positive",
    "match_node",
    "temperature_weight",
    "unit_of",
]


def check_choice(name: str, value: Any, choices: tuple) -> None:
    """Refuses a value that is none of the choices."""
    if value not in choices:
        raise ValueError(
            f"Argument `{name}` must be one of {', '.join(map(repr, choices))}. "
            f"Received: {name}={value!r}"
        )


def check_positive(name: str, value: Any, kind: type | tuple = (int, float)) -> None:
    """Refuses what is not a positive finite number of the kind."""
    is_number = isinstance(value, kind) and not isinstance(value, bool)
    if not is_number or not 0 < value < float("inf"):
        what = "integer" if kind is int else "number"
        raise ValueError(
            f"Argument `{name}` must be a positive {what}. Received: {name}={value!r}"
        )


def check_num_states(num_states: Any) -> None:
    """Refuses what is not an integer from 2 upward."""
    if not isinstance(num_states, int) or num_states < 2:
        raise ValueError(
            "Argument `num_states` must be an integer, 2 for binary units or more. "
            f"Received: num_states={num_states!r}"
        )


def unit_of(num_states: int) -> "Unit":
    """The kind of unit with that many states: binary for 2, one-hot for more."""
    # Here and not above: TFP takes a second to import.
    from keras_concrete.distributions.units import BinaryUnit, CategoricalUnit

    return BinaryUnit() if num_states == 2 else CategoricalUnit()


def temperature_weight(layer: keras.Layer, temperature: float) -> keras.Variable:
    """Adds a scalar weight that holds the temperature.

    A weight, so that it can change between steps without a new trace, and is saved.
    """
    return layer.add_weight(
        name="temperature",
        shape=(),
        dtype="float32",
        initializer=keras.initializers.Constant(temperature),
        trainable=False,
        autocast=False,
        aggregation="only_first_replica",
    )


def match_node(name: str, tensor: Tensor, node: Tensor) -> Tensor:
    """Casts to float32, and inserts the sample axis that the node has and `tensor` lacks.

    Args:
        name: What to call the tensor in an error.
        tensor: Logits of shape `(batch, ...)` or `(batch, num_samples, ...)`.
        node: Tensor of shape `(batch, ...)` or `(batch, num_samples, ...)`.

    Returns:
        Tensor of the rank of `node`.

    Raises:
        ValueError: If the shapes would broadcast in any other way.
    """
    given, wanted = tuple(tensor.shape), tuple(node.shape)
    lacks_samples = len(given) == len(wanted) - 1
    if lacks_samples:
        wanted = (wanted[0], *wanted[2:])
    if len(given) != len(wanted) or any(
        None not in sizes and sizes[0] != sizes[1]
        for sizes in zip(given, wanted, strict=True)
    ):
        raise ValueError(
            f"`{name}` must have the shape of the node, or that shape without the "
            "sample axis (axis 1): any other broadcasting would mix up examples, "
            f"samples and units. Received: {name}.shape={given}, "
            f"node.shape={tuple(node.shape)}"
        )
    tensor = ops.cast(tensor, "float32")
    return ops.expand_dims(tensor, 1) if lacks_samples else tensor
