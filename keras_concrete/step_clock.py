"""The number of training steps that a model has made, for layers with a schedule.

A layer cannot see the optimizer, and its calls are not steps: a recurrent cell is called
once for each time step, a shared layer several times, and Keras calls layers to learn
their shapes. But `train_step` asks each metric of the model for its result, once a step.
So a layer with a schedule owns a metric that reports nothing and counts how often it is
asked after a training call.
"""

from typing import Any

import keras
from keras import ops

from keras_concrete.asked_metric import AskedMetric
from keras_concrete.checks import check_saved_shape
from keras_concrete.graphs import FirstCalls, in_program
from keras_concrete.seeding import is_noise_fixed
from keras_concrete.types import Tensor

__all__ = ["StepClock", "load_step", "save_step"]


@keras.saving.register_keras_serializable(package="keras_concrete")
class StepClock(AskedMetric):
    """Counts the training steps of the model that it is part of.

    Right under `fit` and `train_on_batch`, with XLA, `steps_per_execution` and gradient
    accumulation (each batch is a step), and in a run that goes on from a saved model. A
    `train_step` or a compiled training loop that asks no metrics ends a step by beginning
    the next one. One that runs eagerly, or within one program as `for _ in tf.range(n)`,
    must call `model.get_metrics_result()` once a step. A compiled training call that is
    no step, such as a Monte Carlo prediction, counts as one.

    Args:
        name: Name of the metric, which no log shows.

    Example:
    >>> clock = StepClock()
    >>> for call_of_a_cell in range(20):
    ...     clock.note_call()
    >>> clock.result(), int(clock.step)
    ({}, 1)
    """

    def __init__(self, name: str = "step_clock") -> None:
        super().__init__(name=name)
        self.step = self._counter("step")
        # A training call that no step has counted yet: one of a compiled program, which
        # is a step if another follows it, or one between steps, which may be a look.
        self._has_trained = self._counter("has_trained")
        self._has_looked = self._counter("has_looked")
        # Whether the last step was compiled: `fit` asks once more when an epoch ends.
        self._by_program = self._counter("by_program")
        self._calls = FirstCalls()

    def _counter(self, name: str) -> keras.Variable:
        return self.add_variable(
            (), "zeros", dtype="int32", aggregation="only_first_replica", name=name
        )

    def note_call(self) -> None:
        """Notes that a training call has been made since the last step."""
        noted = self._has_trained if in_program() else self._has_looked
        noted.assign(ops.ones((), "int32"))

    def result(self) -> dict[str, Tensor]:
        """Ends a step, and reports nothing."""
        if in_program():
            self._count(self._has_trained.value)
            self._by_program.assign(ops.ones((), "int32"))
        else:
            looked = self._has_looked * (1 - self._by_program)
            self._count(ops.maximum(self._has_trained, looked))
            self._by_program.assign(ops.zeros((), "int32"))
        return {}

    def _count(self, steps: Tensor) -> None:
        self.step.assign(self.step + steps)
        self.reset_state()

    def reset_state(self) -> None:
        """Forgets a training call that no step has asked for; the steps go on."""
        for noted in (self._has_trained, self._has_looked):
            noted.assign(ops.zeros((), "int32"))

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name}

    def at_call(self, training: bool) -> Tensor:
        """The step of a call, which a training call has counted."""
        if training and not is_noise_fixed():
            if self._calls.is_first():  # Counts the step that was left open.
                self._count(self._has_trained.value)
            self.note_call()
        return self.step.value

    def save_own_variables(self, store: dict[str, Any]) -> None:
        """Saves the step."""
        save_step(self.step, store)

    def load_own_variables(self, store: dict[str, Any]) -> None:
        """Loads the step, from a file of a model that has one here."""
        load_step(self.name, self.step, store)


def save_step(step: keras.Variable, store: dict[str, Any]) -> None:
    """Saves the step of a clock.

    Args:
        step: The clock's variable.
        store: As `save_own_variables` takes it.
    """
    store["step"] = ops.convert_to_numpy(step.value)


def load_step(name: str, step: keras.Variable, store: dict[str, Any]) -> None:
    """Loads the step of a clock, if there is one in the file.

    Args:
        name: Name of the clock, for an error.
        step: The clock's variable.
        store: As `load_own_variables` takes it.

    Raises:
        ValueError: If what the file has is no number.
    """
    if "step" not in store.keys():
        return
    saved = store["step"]
    check_saved_shape(f"a step of {name!r}", saved, ())
    step.assign(saved)
