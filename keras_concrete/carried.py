"""Variables that layers read in their calls on JAX, and that are none of their weights.

There a call is handed what `layer.variables` lists, and returns what became of it; with
variables that a metric has it is not.
"""

from collections.abc import Callable
from typing import Any

import keras

from keras_concrete.asked_metric import AskedMetric
from keras_concrete.seeding import is_noise_fixed
from keras_concrete.step_clock import load_step, save_step
from keras_concrete.types import Tensor

__all__ = ["Carried", "CarriedClock"]


class Carried(keras.layers.Layer):
    """Lists a variable for the layer that it is part of; it is never called.

    Args:
        variable: Of any kind that no optimizer trains.
        name: Name of the layer.
    """

    def __init__(self, variable: keras.Variable, name: str) -> None:
        super().__init__(name=name)
        self._listed = lambda: [variable]  # Itself, it would be a weight.
        self.built = True

    @property
    def variables(self) -> list[keras.Variable]:
        """The variable."""
        return self._listed()


class CarriedClock(Carried):
    """Counts training steps as `StepClock` does, in a variable that it carries.

    Args:
        name: Name of the layer.
    """

    def __init__(self, name: str) -> None:
        step = keras.Variable("zeros", (), "int32", trainable=False, name="step")
        super().__init__(step, name)
        # The step that goes on, and the variable's value when it has been counted: any
        # other is that of a new step, or of a new trace.
        self._now: Any = None
        self._counted: Any = None
        self._end = _EndOfStep(self.end_step, self.forget_step)

    @property
    def step(self) -> keras.Variable:
        """The number of steps made."""
        return self.variables[0]

    def at_call(self, training: bool) -> Tensor:
        """The step of a call, which a training call has counted."""
        if self._is_counted():
            return self._now
        now = self.step.value
        if training and not is_noise_fixed():
            self.step.assign(now + 1)
            self._now, self._counted = now, self.step.value
        return now

    def _is_counted(self) -> bool:
        return self._counted is not None and self.step.value is self._counted

    def end_step(self) -> None:
        """Has the next training call begin a new step."""
        self._now = self._counted = None

    def forget_step(self) -> None:
        """Takes back a step that did not end."""
        if self._is_counted():
            self.step.assign(self._now)
        self.end_step()

    def save_own_variables(self, store: dict[str, Any]) -> None:
        """Saves the step, as `StepClock` does."""
        save_step(self.step, store)

    def load_own_variables(self, store: dict[str, Any]) -> None:
        """Loads the step, also of a `StepClock`."""
        load_step(self.name, self.step, store)


class _EndOfStep(AskedMetric):
    """Tells of the end of a step, at which metrics are asked; reports nothing."""

    def __init__(self, end: Callable[[], None], forget: Callable[[], None]) -> None:
        super().__init__(name="end_of_step")
        self._end, self._forget = end, forget

    def result(self) -> dict[str, Tensor]:
        """Ends the step."""
        self._end()
        return {}

    def reset_state(self) -> None:
        """Forgets a step that did not end."""
        self._forget()
