"""The estimators by name: one word chooses how the parameters of q get their gradient.

An estimator decides two things. Whether layers train on relaxed or on discrete states,
and what surrogate stands for the bound in training: a tensor whose value is L_m per
example and whose gradient is the estimator's.
"""

from collections.abc import Callable
from dataclasses import dataclass

from keras_concrete.types import Tensor

__all__ = ["Estimator", "get", "names", "register"]


@dataclass(frozen=True)
class Estimator:
    """A way to estimate the gradient of the bound.

    Attributes:
        name: The word users write.
        relaxed: Whether samplers emit relaxed states, and log-probabilities are relaxed
            densities, under `training=True`.
        bound: Function of `(log_joint, log_posterior)`, lists of tensors of shape
            `(batch, num_samples)` or `(batch,)`, one per term, to the surrogate of
            shape `(batch,)`.
    """

    name: str
    relaxed: bool
    bound: Callable[[list[Tensor], list[Tensor]], Tensor]


_ESTIMATORS: dict[str, Estimator] = {}


def register(estimator: Estimator) -> Estimator:
    """Makes an estimator available by its name."""
    _ESTIMATORS[estimator.name] = estimator
    return estimator


def names() -> list[str]:
    """Names of all estimators."""
    return sorted(_ESTIMATORS)


def get(name: str) -> Estimator:
    """Finds an estimator by its name.

    Args:
        name: One of `names()`.

    Returns:
        The estimator.

    Raises:
        ValueError: If there is none of that name.

    Example:
    >>> import keras_concrete
    >>> get("concrete").relaxed
    True
    """
    if name not in _ESTIMATORS:
        raise ValueError(
            f"Argument `estimator` must be one of {', '.join(map(repr, names()))}. "
            f"Received: estimator={name!r}"
        )
    return _ESTIMATORS[name]
