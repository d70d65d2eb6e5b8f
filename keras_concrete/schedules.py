"""Numbers that change while a model trains: temperatures, and weights of losses.

Such a setting is a number; any `keras.optimizers.schedules.LearningRateSchedule` of the
training step, such as `ExponentialDecay`, `PolynomialDecay` (linear with power 1),
`CosineDecay` (down to `alpha` times the first value), one of yours, or the one below; or
a scalar `keras.Variable` with `trainable=False`, which a callback of yours assigns to.
These are settings of a model and not among its weights: the weights of a model that was
trained on a schedule load into one that serves at a constant temperature.
"""

import math
from typing import Any, TypeAlias

import keras
from keras import ops

from keras_concrete.checks import check_not_negative, check_positive
from keras_concrete.programs import at_once
from keras_concrete.types import Tensor

__all__ = [
    "ExponentialAnnealing",
    "Schedule",
    "Setting",
    "deserialize",
    "get",
    "keep_as_given",
    "serialize",
]

Schedule = keras.optimizers.schedules.LearningRateSchedule

# A number, a schedule or a `keras.Variable`; Keras has no types for checkers.
Setting: TypeAlias = Any


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
        return {
            "initial": self.initial,
            "rate": self.rate,
            "minimum": self.minimum,
            "update_every": self.update_every,
        }


def get(name: str, setting: Any, can_be_zero: bool = False) -> Setting:
    """Returns a setting from a number, a schedule, a variable, or the config of one.

    Args:
        name: Name of the argument, for an error.
        setting: Positive number, schedule, scalar `keras.Variable`, or what `serialize`
            returns.
        can_be_zero: Whether 0 is accepted, as a weight and not as a temperature.

    Returns:
        The number, schedule or variable.

    Raises:
        ValueError: If it is none of these, or out of range; a schedule is looked at at
            step 0 and at the end of its decay. If it is a variable that trains, which no
            optimizer would see.
    """
    setting = deserialize(setting)
    if isinstance(setting, keras.Variable):
        if setting.shape != ():
            raise ValueError(
                f"Argument `{name}` must be a scalar if it is a variable. Received: a "
                f"variable of shape {tuple(setting.shape)}"
            )
        if setting.trainable:
            raise ValueError(
                f"Argument `{name}` must be a variable that no optimizer trains, such as "
                f"keras.Variable(0.5, trainable=False). Received: {name}={setting!r}"
            )
        return setting
    if not isinstance(setting, Schedule):
        if can_be_zero:
            check_not_negative(name, setting)
        else:
            check_positive(name, setting)
        return setting
    # Where decay ends is where Keras's cosine is 0, unless it is told otherwise.
    end = getattr(setting, "decay_steps", 0)
    end += getattr(setting, "warmup_steps", 0) or 0
    ends_above = "end above 0, such as by alpha=0.5 of CosineDecay"
    for step, advice in ((0, "begin above 0"), (end, ends_above)):
        # A layer may be made while the model is traced.
        with at_once():
            value = float(setting(step))
        if can_be_zero and not 0.0 <= value < math.inf:
            raise ValueError(
                f"Argument `{name}` must be a schedule of numbers from 0 upward. "
                f"Received one that is {value:g} at step {step}: "
                f"{type(setting).__name__}"
            )
        if not can_be_zero and not 0.0 < value < math.inf:
            raise ValueError(
                f"Argument `{name}` must be a schedule of positive numbers. Received one "
                f"that is {value:g} at step {step}: {type(setting).__name__}. Have "
                f"it {advice}"
            )
    return setting


def serialize(setting: Setting | None) -> Any:
    """Returns the config of a schedule, the value of a variable, and numbers as they are.

    Args:
        setting: Number, schedule, variable or None.

    Returns:
        What `get` takes.
    """
    if isinstance(setting, Schedule):
        return keras.saving.serialize_keras_object(setting)
    if isinstance(setting, keras.Variable):
        return float(ops.convert_to_numpy(setting.value))
    return setting


def deserialize(setting: Any) -> Setting | None:
    """Returns a schedule from its config, and all else as it is.

    Args:
        setting: What `serialize` returns.

    Returns:
        What `serialize` was given.
    """
    if isinstance(setting, dict):
        return keras.optimizers.schedules.deserialize(setting)
    return setting


def keep_as_given(layer: keras.layers.Layer, **settings: Any) -> None:
    """Makes settings attributes of a layer, of which Keras takes none for a weight.

    A variable that Keras tracks is saved among the weights, and the loaded layer, which
    has a number in its place, could not take it.

    Args:
        layer: The layer, or model.
        settings: The attributes by their names, or their configs.
    """
    vars(layer).update({name: deserialize(value) for name, value in settings.items()})
