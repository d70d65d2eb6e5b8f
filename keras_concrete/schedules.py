"""Temperatures that change while a model trains.

A temperature may be a number or any `keras.optimizers.schedules.LearningRateSchedule`:
`ExponentialDecay`, `PolynomialDecay` (linear with power 1), `CosineDecay` (down to
`alpha` times the first value), `PiecewiseConstantDecay`, one of yours, or the one below.
A layer counts its training steps in a weight, so that a schedule is in step under XLA
and `steps_per_execution`, and goes on where it was in a model that was saved. It counts
its calls: where one layer is called on two tensors in a step, a step counts twice.
"""

import math
from typing import Any, TypeAlias

import keras
from keras import ops

from keras_concrete.checks import check_positive
from keras_concrete.types import Tensor

__all__ = [
    "ExponentialAnnealing",
    "Schedule",
    "Temperature",
    "deserialize",
    "get",
    "serialize",
]

Schedule = keras.optimizers.schedules.LearningRateSchedule

# A number or a schedule; Keras has no types for checkers.
Temperature: TypeAlias = Any


@keras.saving.register_keras_serializable(package="keras_concrete")
class ExponentialAnnealing(keras.optimizers.schedules.LearningRateSchedule):
    """Exponential decay to a minimum, in stairs: `max(minimum, initial exp(-rate t))`.

    t is the step at which the stair began, a multiple of `update_every`. The annealing of
    Jang, Gu & Poole, "Categorical Reparameterization with Gumbel-Softmax", ICLR 2017.

    Args:
        initial: Temperature at step 0.
        rate: Decay per step; theirs were 1e-5 and 1e-4.
        minimum: Temperature below which it does not fall.
        update_every: Steps of a stair.

    Raises:
        ValueError: If an argument is not positive.

    Example:
    >>> schedule = ExponentialAnnealing(rate=1e-3, update_every=100)
    >>> [round(float(schedule(step)), 3) for step in (0, 99, 100, 5_000)]
    [1.0, 1.0, 0.905, 0.5]
    """

    def __init__(
        self,
        initial: float = 1.0,
        rate: float = 1e-4,
        minimum: float = 0.5,
        update_every: int = 500,
    ) -> None:
        check_positive("initial", initial)
        check_positive("rate", rate)
        check_positive("minimum", minimum)
        check_positive("update_every", update_every, int)
        self.initial = initial
        self.rate = rate
        self.minimum = minimum
        self.update_every = update_every

    def __call__(self, step: Tensor) -> Tensor:
        """Returns the temperature at a step."""
        stair = ops.floor_divide(step, self.update_every) * self.update_every
        decay = ops.exp(-self.rate * ops.cast(stair, "float32"))
        return ops.maximum(self.initial * decay, self.minimum)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {
            "initial": self.initial,
            "rate": self.rate,
            "minimum": self.minimum,
            "update_every": self.update_every,
        }


def get(name: str, temperature: Any) -> Temperature:
    """Returns a temperature from a number, a schedule, or the config of one.

    Args:
        name: Name of the argument, for an error.
        temperature: Positive number, schedule, or what `serialize` returns.

    Returns:
        The number or schedule.

    Raises:
        ValueError: If it is none of these, or not positive at step 0 or at the end of
            the decay.
    """
    temperature = deserialize(temperature)
    if not isinstance(temperature, Schedule):
        check_positive(name, temperature)
        return temperature
    # Where decay ends is where Keras's cosine is 0, unless it is told otherwise.
    end = getattr(temperature, "decay_steps", 0)
    end += getattr(temperature, "warmup_steps", 0) or 0
    ends_above = "end above 0, such as by alpha=0.5 of CosineDecay"
    for step, advice in ((0, "begin above 0"), (end, ends_above)):
        value = float(temperature(step))
        if not 0.0 < value < math.inf:
            raise ValueError(
                f"Argument `{name}` must be a schedule of positive numbers. Received one "
                f"that is {value:g} at step {step}: {type(temperature).__name__}. Have "
                f"it {advice}"
            )
    return temperature


def serialize(temperature: Temperature | None) -> Any:
    """Returns the config of a schedule, and numbers as they are.

    Args:
        temperature: Number, schedule or None.

    Returns:
        What `get` takes.
    """
    if isinstance(temperature, Schedule):
        return keras.saving.serialize_keras_object(temperature)
    return temperature


def deserialize(temperature: Any) -> Temperature | None:
    """Returns a schedule from its config, and all else as it is.

    Args:
        temperature: What `serialize` returns.

    Returns:
        What `serialize` was given.
    """
    if isinstance(temperature, dict):
        return keras.optimizers.schedules.deserialize(temperature)
    return temperature
