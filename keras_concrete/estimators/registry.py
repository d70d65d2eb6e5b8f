"""The estimators by name: one word chooses how the parameters of q get their gradient."""

from keras_concrete.checks import check_choice
from keras_concrete.estimators.base import Estimator

__all__ = ["get", "names", "register"]

_ESTIMATORS: dict[str, Estimator] = {}


def register(estimator: Estimator) -> Estimator:
    """Makes an estimator available by its name.

    Args:
        estimator: An instance of a class derived from `Estimator`.

    Returns:
        The estimator.

    Raises:
        ValueError: If it is not an instance of such a class, has no name, or has that of
            another class.
    """
    if not isinstance(estimator, Estimator):
        raise ValueError(
            "Argument `estimator` must be an instance of a class derived from Estimator: "
            f"register(MyEstimator()). Received: estimator={estimator!r}"
        )
    if not isinstance(getattr(estimator, "name", None), str):
        raise ValueError(
            f"{_class_name(estimator)} needs an attribute `name`, the word by which "
            "users choose it."
        )
    held = _ESTIMATORS.get(estimator.name, estimator)
    if _class_name(held) != _class_name(estimator):
        raise ValueError(
            f"The name {estimator.name!r} is that of {_class_name(held)}: set the "
            f"attribute `name` of {_class_name(estimator)} to another."
        )
    _ESTIMATORS[estimator.name] = estimator
    return estimator


def names() -> list[str]:
    """Names of all estimators, in the order of their registration."""
    return list(_ESTIMATORS)


def get(name: str, binary: bool = True) -> Estimator:
    """Finds an estimator by its name.

    Args:
        name: One of `names()`.
        binary: Whether it is for binary units.

    Returns:
        The estimator.

    Raises:
        ValueError: If there is none of that name, or it is not for such units.

    Example:
    >>> import keras_concrete
    >>> get("concrete").pathwise
    True
    """
    check_choice("estimator", name, names())
    if _ESTIMATORS[name].binary_only and not binary:
        raise ValueError(
            f"The estimator {name!r} is for binary units. For units of more states use "
            "'concrete', 'logistic_normal' for Gaussian noise, or 'disarm' or "
            "'reinforce_loo' for a gradient without bias."
        )
    return _ESTIMATORS[name]


def _class_name(estimator: Estimator) -> str:
    """The same for a class that was defined anew, as in a notebook."""
    return f"{type(estimator).__module__}.{type(estimator).__qualname__}"
