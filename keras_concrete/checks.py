"""What is refused at the door: arguments out of their range."""

from typing import Any

__all__ = ["check_choice", "check_num_states", "check_positive"]


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
