"""What a layer's number, schedule or variable is at a call."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_concrete.asked_metric import AskedMetric
from keras_concrete.carried import Carried, CarriedClock
from keras_concrete.schedules import Schedule, Setting, keep_as_given
from keras_concrete.step_clock import StepClock
from keras_concrete.types import Tensor

__all__ = ["CurrentSetting", "CurrentTemperature", "GivenSetting", "HasTemperature"]

# What is divided by less may be infinite in float32. Nothing is learnt so far down.
_LEAST_TEMPERATURE = np.float32(1e-30)


class _Held(AskedMetric):
    """Has the model know of a variable that is none of its weights; reports nothing."""

    def __init__(self, variable: keras.Variable) -> None:
        super().__init__(name="held")
        self.variable = variable

    def result(self) -> dict[str, Tensor]:
        """Reports nothing."""
        return {}

    def reset_state(self) -> None:
        """Leaves the variable to whoever assigns to it."""


class CurrentSetting:
    """Reads a setting of a layer: as it was given, or at the present training step.

    The layer's class has a `GivenSetting` of its name.

    Args:
        layer: The layer, which keeps the clock of a schedule, or the variable.
        name: Name of the setting.
        setting: Number, schedule or variable.
    """

    def __init__(self, layer: keras.layers.Layer, name: str, setting: Setting) -> None:
        self.setting = setting
        keep_as_given(layer, **{name: setting})
        self._clock: Any = None
        on_jax = keras.backend.backend() == "jax"
        if isinstance(setting, Schedule):
            kind = CarriedClock if on_jax else StepClock
            self._clock = kind(name=f"{layer.name}_{name}_clock")
            setattr(layer, f"_{name}_clock", self._clock)
        elif isinstance(setting, keras.Variable):
            held = Carried(setting, f"{name}_variable") if on_jax else _Held(setting)
            setattr(layer, f"_{name}_variable", held)

    def read(self, training: bool = False) -> Tensor:
        """The value at this step; a training call has the clock count the step."""
        if self._clock is not None:
            return ops.cast(self.setting(self._clock.at_call(training)), "float32")
        if isinstance(self.setting, keras.Variable):
            return ops.cast(self.setting.value, "float32")
        return self.setting


class CurrentTemperature(CurrentSetting):
    """The same of a temperature, which may fall to 0 in float32 and is then 1e-30."""

    def read(self, training: bool = False) -> Tensor:
        """The temperature at this step; a training call has the clock count the step."""
        temperature = super().read(training)
        if temperature is self.setting:  # A number, which is positive.
            return temperature
        return ops.maximum(temperature, _LEAST_TEMPERATURE)


class GivenSetting:
    """An argument of a layer, as it was given; to assign to it later is refused.

    What has read it once, a compiled step or a part of the layer, would not see that.

    Args:
        can_change: Whether the argument may be a schedule or a variable.
    """

    def __init__(self, can_change: bool = True) -> None:
        self._can_change = can_change

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, layer: Any, owner: type | None = None) -> Any:
        if layer is None:
            return self
        if self._name not in vars(layer):
            raise AttributeError(f"{layer!r} has no `{self._name}` yet.")
        return vars(layer)[self._name]

    def __set__(self, layer: keras.layers.Layer, value: Any) -> None:
        way = (
            "For one that changes, make the layer with a schedule, such as "
            f"{self._name}=keras.optimizers.schedules.CosineDecay(...), or with a "
            f"variable that you assign to, {self._name}=keras.Variable(0.5, "
            "trainable=False)."
            if self._can_change
            else "Make another layer, and load the weights."
        )
        raise AttributeError(
            f"`{self._name}` of the layer {layer.name!r} is fixed when the layer is "
            f"made. {way}"
        )


class HasTemperature:
    """A layer with a temperature."""

    temperature = GivenSetting()
    _temperature: CurrentTemperature

    @property
    def current_temperature(self) -> Tensor:
        """The temperature of the next training step."""
        return self._temperature.read()
