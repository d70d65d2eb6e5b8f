"""What is refused at the door: arguments out of their range."""

from collections.abc import Iterable
from typing import Any

__all__ = ["check_choice", "check_means", "check_num_states", "check_positive"]


def check_choice(name: str, value: Any, choices: tuple) -> None:
    """Refuses a value that is none of the choices."""
    if value not in choices:
        raise ValueError(
            f"Argument `{name}` must be one of {', '.join(map(repr, choices))}. "
            f"Received: {name}={value!r}"
        )


def check_positive(name: str, value: Any, kind: type | tuple = (int, float)) -> None:
    """Refuses what is not a positive finite number of the kind."""
    is_number = isinstance(value, kind) and not isinstance(value, bool)
    if not is_number or not 0 < value < float("inf"):
        what = "integer" if kind is int else "number"
        raise ValueError(
            f"Argument `{name}` must be a positive {what}. Received: {name}={value!r}"
        )


def check_num_states(num_states: Any) -> None:
    """Refuses what is not an integer from 2 upward."""
    if not isinstance(num_states, int) or num_states < 2:
        raise ValueError(
            "Argument `num_states` must be an integer, 2 for binary units or more. "
            f"Received: num_states={num_states!r}"
        )


def check_means(name: str, means: Iterable[float], size: int) -> list[float]:
    """Refuses what is not that many numbers within (0, 1); returns them as a list."""
    values = [float(value) for value in means]
    if len(values) != size or not all(0 < value < 1 for value in values):
        raise ValueError(
            f"Argument `{name}` must hold {size} numbers strictly between 0 and 1, such "
            "as (count + 1) / (N + 2) for each pixel. Received: "
            f"{len(values)} numbers from {min(values, default=None)} to "
            f"{max(values, default=None)}"
        )
    return values
