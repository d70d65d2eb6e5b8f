"""Metrics of what layers compute in their calls, which `fit` asks for once a step."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_concrete.asked_metric import AskedMetric
from keras_concrete.graphs import FirstCalls, current_trace, in_program, trace_of
from keras_concrete.seeding import is_noise_fixed
from keras_concrete.types import Shape, Tensor

__all__ = ["StepMetric"]


class StepMetric(AskedMetric):
    """Base of metrics whose numbers come from the calls of a layer.

    A layer runs in `predict` too, or because Keras wants to know its shapes. So what it
    hands over waits until `train_step` or `test_step` asks for the result, and what waits
    from elsewhere is dropped: a training step takes what came of training calls only, and
    an evaluation, or a compiled step, begins with nothing waiting. Of a `tf.function`
    that a step calls several times the last call counts.

    Args:
        name: Name in the logs.
        shape: Shape of what a call hands over.
    """

    def __init__(self, name: str, shape: Shape) -> None:
        super().__init__(name=name, dtype="float32")
        # Whether an epoch of training goes on, in which other calls do not count: `fit`
        # asks once more when it ends.
        self._in_training = self.numbers("in_training", ())
        # Whether the last step was compiled: `fit` asks once more when an epoch ends, and
        # what eager calls left is of no step then.
        self._by_program = self.numbers("by_program", ())
        kind = _InPython if keras.backend.backend() == "jax" else _InVariable
        self._calls = FirstCalls()
        # By whether the call was a training call.
        self._waiting = [kind(self, is_training, shape) for is_training in (False, True)]

    def numbers(self, name: str, shape: Shape) -> keras.Variable:
        """Makes a variable, which a layer's policy does not cast as it is read."""
        variable = keras.Variable(
            "zeros",
            shape,
            "float32",
            trainable=False,
            autocast=False,
            aggregation="sum",
            synchronization="on_read",
            name=name,
        )
        setattr(self, f"_{name}", variable)  # From where Keras knows of it.
        return variable

    def merged(self, waiting: Tensor, values: Tensor) -> Tensor:
        """What waits, of several calls in a step."""
        return waiting + values

    def hand_over(self, values: Tensor, training: bool) -> None:
        """Has numbers of a call wait for the end of the step.

        Args:
            values: Tensor of the shape of the metric, some number in it above 0.
            training: Whether the call was a training call.
        """
        if is_noise_fixed():  # A pass that is to leave nothing behind.
            return
        if self._calls.is_first():  # Of calls outside the step, or of one not asked for.
            self._clear()
        values = ops.cast(ops.stop_gradient(values), "float32")
        self._waiting[bool(training)].add(values)

    def end_step(self) -> Tensor:
        """Returns what waited, and has nothing wait."""
        other, trained = (waiting.value() for waiting in self._waiting)
        is_training = ops.any(trained > 0) | (self._in_training > 0)
        values = ops.where(is_training, trained, other)
        self._in_training.assign(ops.cast(is_training, "float32"))
        if in_program():
            self._by_program.assign(ops.ones(()))
        else:
            values = ops.where(self._by_program > 0, 0.0, values)
            self._by_program.assign(ops.zeros(()))
        self._clear()
        return values

    def reset_state(self) -> None:
        """Begins anew, with nothing waiting."""
        super().reset_state()
        self._clear()

    def _clear(self) -> None:
        for waiting in self._waiting:
            waiting.clear()


class _InVariable:
    """Numbers that wait in a variable of the metric."""

    def __init__(self, metric: StepMetric, is_training: bool, shape: Shape) -> None:
        self._metric = metric
        self._variable = metric.numbers(f"waiting_{int(is_training)}", shape)

    def add(self, values: Tensor) -> None:
        self._variable.assign(self._metric.merged(self._variable.value, values))

    def value(self) -> Tensor:
        return self._variable.value

    def clear(self) -> None:
        self._variable.assign(ops.zeros_like(self._variable))


class _InPython:
    """Numbers that wait as they are.

    On JAX a call returns no variables of metrics, but the result is asked for in the
    same trace. To that trace belongs what no gradient flows through, also if it was
    computed within `jax.grad`. Numbers of another trace than the last one cannot be read
    any more, or were made elsewhere than in the step.
    """

    def __init__(self, metric: StepMetric, is_training: bool, shape: Shape) -> None:
        self._metric = metric
        self._zeros = np.zeros(shape, "float32")
        self._trace: Any = None
        self._values: Tensor = self._zeros

    def add(self, values: Tensor) -> None:
        trace = trace_of(values)
        if self._trace is not trace:
            self.clear()
        self._trace = trace
        self._values = self._metric.merged(self._values, values)

    def value(self) -> Tensor:
        return self._values if self._trace is current_trace() else self._zeros

    def clear(self) -> None:
        self._trace, self._values = None, self._zeros
