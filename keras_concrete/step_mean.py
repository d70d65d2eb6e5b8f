"""The mean of a quantity over the examples that `fit` and `evaluate` see."""

from typing import Any

import keras
from keras import ops

from keras_concrete.types import Tensor

__all__ = ["StepMean"]


@keras.saving.register_keras_serializable(package="keras_concrete")
class StepMean(keras.metrics.Metric):
    """A mean of what a layer computes, over the steps of an epoch.

    A layer runs in `predict` too, or because Keras wants to know its shapes. So what it
    hands over waits until `train_step` or `test_step` asks for the result, and what waits
    from elsewhere is dropped: a training step takes what came of training calls only, and
    an evaluation begins with nothing waiting. Where a layer is called several times in a
    step, as at each time step of a series, the means of its calls add up, as losses do.

    Args:
        name: Name in the logs.

    Example:
    >>> import numpy as np
    >>> mean = StepMean(name="kl")
    >>> mean.update_state(np.array([9.0, 9.0]), training=False)  # in `predict`
    >>> mean.update_state(np.array([1.0, 3.0]), training=True)
    >>> float(mean.result())
    2.0
    """

    def __init__(self, name: str) -> None:
        super().__init__(name=name, dtype="float32")
        self._total = self._number("total")
        self._count = self._number("count")
        # Whether an epoch of training goes on, in which other calls do not count: `fit`
        # asks once more when it ends.
        self._in_training = self._number("in_training")
        # By whether the call was a training call.
        self._waiting_total = [self._number(f"waiting_total_{i}") for i in (0, 1)]
        self._waiting_count = [self._number(f"waiting_count_{i}") for i in (0, 1)]

    def _number(self, name: str) -> keras.Variable:
        return self.add_variable((), "zeros", dtype="float32", name=name)

    def update_state(self, values: Tensor, training: bool) -> None:
        """Hands values over, which count once the step ends.

        Args:
            values: Tensor of any shape.
            training: Whether they are of a training call.
        """
        values = ops.cast(ops.stop_gradient(values), "float32")
        count = ops.cast(ops.size(values), "float32")
        waiting = self._waiting_count[bool(training)]
        self._waiting_total[bool(training)].assign_add(ops.sum(values))
        # Of several calls in a step the examples are the same, and count once.
        waiting.assign_add(ops.maximum(count - waiting, 0.0))

    def result(self) -> Tensor:
        """Ends a step, and returns the mean so far; 0 if there was nothing."""
        is_training = self._waiting_count[1] + self._in_training > 0
        self._in_training.assign(ops.cast(is_training, "float32"))
        for sum_, waiting in (
            (self._total, self._waiting_total),
            (self._count, self._waiting_count),
        ):
            sum_.assign_add(ops.where(is_training, waiting[1], waiting[0]))
        for variable in (*self._waiting_total, *self._waiting_count):
            variable.assign(ops.zeros((), "float32"))
        return self._total / ops.maximum(self._count, 1.0)

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name}
