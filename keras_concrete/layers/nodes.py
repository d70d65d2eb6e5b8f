"""What layers share: the temperature as a weight, and tensors that belong to a node."""

import warnings
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_concrete.schedules import Schedule, Temperature
from keras_concrete.types import Tensor

__all__ = ["Thermostat", "match_node", "warn_of_probabilities"]


class Thermostat:
    """Holds the temperature of a layer in a weight, on schedule if there is one.

    A weight, so that it can change between steps without a new trace, and is saved.

    Args:
        layer: The layer, which is being built.
        temperature: Number or schedule.
    """

    def __init__(self, layer: keras.Layer, temperature: Temperature) -> None:
        self._schedule: Any = None
        first: Any = keras.initializers.Constant(temperature)
        if isinstance(temperature, Schedule):
            self._schedule = temperature
            zero = keras.initializers.Zeros()
            self._step = _weight(layer, "temperature_step", zero, "int64")
            first = self._first  # is called where numbers have values, outside any graph
        self.current = _weight(layer, "temperature", first, "float32")

    def _first(self, shape: tuple, dtype: Any) -> Tensor:
        return ops.cast(self._schedule(0), dtype)

    def read(self, training: bool) -> Tensor:
        """The temperature of a call; a training call is a step of the schedule."""
        if self._schedule is not None and training:
            value = ops.cast(self._schedule(self._step.value), "float32")
            self.current.assign(value)
            self._step.assign(self._step + 1)
            return value
        return self.current.value


def _weight(
    layer: keras.Layer, name: str, initializer: Any, dtype: str
) -> keras.Variable:
    return layer.add_weight(
        name=name,
        shape=(),
        dtype=dtype,
        initializer=initializer,
        trainable=False,
        autocast=False,
        aggregation="only_first_replica",
    )


def check_inputs(layer: keras.Layer, shapes: Any, *names: str) -> None:
    """Refuses inputs that are not a tuple: of a tensor, Python would unpack the rows.

    Args:
        layer: The layer that is called.
        shapes: What Keras gives to `build`.
        names: Of the tensors; those that end in `?` may be left out.

    Raises:
        ValueError: If the inputs are not that many tensors, or lists of tensors.
    """
    is_tuple = isinstance(shapes, list | tuple) and not is_shape(shapes)
    least = sum(not name.endswith("?") for name in names)
    if not is_tuple or not least <= len(shapes) <= len(names):
        wanted = ", ".join(name.rstrip("?") for name in names[:least])
        raise ValueError(
            f"{type(layer).__name__} is called on the tuple ({wanted}). Received: "
            + (f"{len(shapes)} tensors" if is_tuple else f"one of shape {shapes}")
        )


def is_shape(value: Any) -> bool:
    """Whether a value is a shape, rather than a tensor or a list."""
    if not isinstance(value, list | tuple):
        return False
    return len(value) > 0 and all(size is None or isinstance(size, int) for size in value)


def match_node(
    name: str, tensor: Tensor, node: Tensor, node_name: str = "node"
) -> Tensor:
    """Casts to float32, and inserts the sample axis that the node has and `tensor` lacks.

    Args:
        name: What to call the tensor in an error.
        tensor: Logits of shape `(batch, ...)` or `(batch, num_samples, ...)`.
        node: Tensor of shape `(batch, ...)` or `(batch, num_samples, ...)`.
        node_name: What to call the node in an error.

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
            f"`{name}` must have the shape of `{node_name}`, or that shape without the "
            "sample axis (axis 1): any other broadcasting would mix up examples, "
            f"samples and units. Received: {name}.shape={given}, "
            f"{node_name}.shape={tuple(node.shape)}"
        )
    tensor = ops.cast(tensor, "float32")
    return ops.expand_dims(tensor, 1) if lacks_samples else tensor


def warn_of_probabilities(layer: keras.Layer, logits: Tensor, num_states: int) -> bool:
    """Warns if what a user passed as logits went through a sigmoid or softmax before.

    Logits of both signs alike lie in [0, 1], all of 8, once in many hundred times.

    Args:
        layer: The layer that they were passed to.
        logits: Tensor; one without a value, in a graph, is never found out.
        num_states: 2 for log-odds, n for n logits on the last axis.

    Returns:
        Whether it warned.
    """
    values = np.asarray(logits) if hasattr(logits, "numpy") else np.zeros(0)
    if values.size < 8 or not 0 <= values.min() < values.max() <= 1:
        return False
    if num_states > 2 and not np.allclose(values.sum(axis=-1), 1, atol=0.01):
        return False
    inverse = "log(p) - log(1 - p)" if num_states == 2 else "log(p)"
    warnings.warn(
        f"The logits given to the layer {layer.name!r} look like probabilities: all are "
        "in [0, 1]. Leave out the sigmoid or softmax before this layer, or pass "
        f"{inverse} in place of probabilities p.",
        stacklevel=2,
    )
    return True
