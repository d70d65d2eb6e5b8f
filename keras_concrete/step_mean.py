"""The mean of a quantity over the examples that `fit` and `evaluate` see."""

from typing import Any

import keras
from keras import ops

from keras_concrete.step_metric import StepMetric
from keras_concrete.types import Tensor

__all__ = ["StepMean"]


@keras.saving.register_keras_serializable(package="keras_concrete")
class StepMean(StepMetric):
    """A mean of what a layer computes, over the steps of an epoch.

    Where a layer is called several times in a step, as at each time step of a series, the
    means of its calls add up, as losses do.

    Args:
        name: Name in the logs.

    Example:
    >>> import numpy as np
    >>> mean = StepMean(name="kl")
    >>> mean.add_call(np.array([9.0, 9.0]), training=False)  # in `predict`
    >>> mean.add_call(np.array([1.0, 3.0]), training=True)
    >>> float(mean.result())
    2.0
    """

    def __init__(self, name: str) -> None:
        super().__init__(name, (2,))
        self._total_and_count = self.numbers("total_and_count", (2,))

    def add_call(self, values: Tensor, training: bool) -> None:
        """Hands values over, which count once the step ends.

        Args:
            values: Tensor of any shape.
            training: Whether they are of a training call.
        """
        values = ops.cast(values, "float32")
        count = ops.cast(ops.size(values), "float32")
        self.hand_over(ops.stack([ops.sum(values), count]), training)

    def merged(self, waiting: Tensor, values: Tensor) -> Tensor:
        """Of several calls in a step the examples are the same, and count once."""
        total, count = waiting[0] + values[0], ops.maximum(waiting[1], values[1])
        return ops.stack([total, count])

    def result(self) -> Tensor:
        """Ends a step, and returns the mean so far; 0 if there was nothing."""
        self._total_and_count.assign_add(self.end_step())
        total, count = ops.unstack(self._total_and_count.value)
        return total / ops.maximum(count, 1.0)

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name}
