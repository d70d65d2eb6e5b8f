"""What a layer's number, schedule or variable is at a call."""

from typing import Any

import keras
from keras import ops

from keras_concrete.asked_metric import AskedMetric
from keras_concrete.carried import Carried, CarriedClock
from keras_concrete.schedules import Schedule, Setting
from keras_concrete.step_clock import StepClock
from keras_concrete.types import Tensor

__all__ = ["CurrentSetting", "refuse_to_set"]


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

    Args:
        layer: The layer, which keeps the clock of a schedule, or the variable.
        name: Name of the setting.
        setting: Number, schedule or variable.
    """

    def __init__(self, layer: keras.layers.Layer, name: str, setting: Setting) -> None:
        self.setting = setting
        self._clock: Any = None
        on_jax = keras.backend.backend() == "jax"
        if isinstance(setting, Schedule):
            kind = CarriedClock if on_jax else StepClock
            self._clock = kind(name=f"{layer.name}_{name}_clock")
            setattr(layer, f"_{name}_clock", self._clock)
        elif isinstance(setting, keras.Variable):
            if on_jax and setting.trainable:
                raise ValueError(
                    f"`{name}` of the layer {layer.name!r} must be a variable that no "
                    "optimizer trains, keras.Variable(0.5, trainable=False). "
                    f"Received: {name}={setting!r}"
                )
            held = Carried(setting, f"{name}_variable") if on_jax else _Held(setting)
            setattr(layer, f"_{name}_variable", held)

    def read(self, training: bool = False) -> Tensor:
        """The value at this step; a training call has the clock count the step."""
        if self._clock is not None:
            return ops.cast(self.setting(self._clock.at_call(training)), "float32")
        if isinstance(self.setting, keras.Variable):
            return ops.cast(self.setting.value, "float32")
        return self.setting


def refuse_to_set(layer: keras.layers.Layer, name: str) -> None:
    """Refuses an assignment that a compiled training step would not see.

    Raises:
        AttributeError: Always.
    """
    raise AttributeError(
        f"`{name}` of the layer {layer.name!r} is fixed when the layer is made. For one "
        "that changes, make the layer with a schedule, such as "
        f"{name}=keras.optimizers.schedules.CosineDecay(...), or with a variable that "
        f"you assign to, {name}=keras.Variable(0.5, trainable=False)."
    )
