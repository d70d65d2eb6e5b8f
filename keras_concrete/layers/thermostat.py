"""The temperature of a layer, as a weight."""

from typing import Any

import keras
from keras import ops

from keras_concrete.schedules import Schedule, Temperature
from keras_concrete.types import Tensor

__all__ = ["Thermostat"]


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
