"""What is refused at the door: arguments out of their range."""

import difflib
from collections.abc import Callable, Iterable
from numbers import Integral, Real
from typing import Any, NoReturn

import keras
import numpy as np

__all__ = [
    "check_bits",
    "check_choice",
    "check_count",
    "check_flag",
    "check_images",
    "check_means",
    "check_not_negative",
    "check_num_states",
    "check_positive",
    "check_saved_shape",
    "check_seed",
    "check_share",
    "needing_tensorflow",
]


def needing_tensorflow(name: str) -> Callable[..., NoReturn]:
    """What stands on another backend for a function that is written in TensorFlow.

    Args:
        name: Name of the function.

    Returns:
        A function that raises `ImportError` when it is called.
    """

    def refuse(*args: Any, **kwargs: Any) -> NoReturn:
        raise ImportError(
            f"{name} needs the backend tensorflow, and Keras runs on "
            f"{keras.backend.backend()}. Save the model, model.save('model.keras'); "
            "then, in a process with KERAS_BACKEND=tensorflow, call it on what "
            "keras.saving.load_model('model.keras') returns."
        )

    return refuse


def check_choice(name: str, value: Any, choices: Iterable[str]) -> None:
    """Refuses a value that is none of the choices, and names the nearest one."""
    choices = list(choices)
    if isinstance(value, str) and value in choices:
        return
    near = difflib.get_close_matches(str(value).lower(), choices, n=1)
    raise ValueError(
        f"Argument `{name}` must be one of {', '.join(map(repr, choices))}. "
        f"Received: {name}={value!r}."
        + "".join(f" Did you mean {choice!r}?" for choice in near)
    )


def check_flag(name: str, value: Any) -> None:
    """Refuses what is neither True nor False."""
    if not isinstance(value, bool | np.bool_):
        raise ValueError(
            f"Argument `{name}` must be True or False. Received: {name}={value!r}"
        )


def check_images(name: str, images: Any, num_pixels: int) -> None:
    """Refuses what is not rows of that many numbers within [0, 1]."""
    values = np.asarray(images)
    if values.ndim != 2 or len(values) == 0 or values.shape[1] != num_pixels:
        raise ValueError(
            f"Argument `{name}` must have shape (examples, {num_pixels}), with at least "
            f"one example. Received: {name}.shape={values.shape}"
        )
    if values.dtype.kind in "OSU":
        raise ValueError(
            f"Argument `{name}` must hold numbers. Received: {name}.dtype={values.dtype}"
        )
    low, high = values.min(), values.max()
    if not (low >= 0 and high <= 1):
        raise ValueError(
            f"Argument `{name}` must hold binary data, 0 or 1, or means between them: "
            "divide brightness by its maximum, and mend or drop rows with missing "
            f"values. Received: values from {low} to {high}"
        )


def check_count(name: str, value: Any) -> None:
    """Refuses what is not a positive integer; a tensor without a value passes."""
    value = value.numpy() if hasattr(value, "numpy") else value
    if not hasattr(value, "dtype") or isinstance(value, np.generic):
        check_positive(name, value, int)


def _is_number(value: Any, kind: type) -> bool:
    wanted = Integral if kind is int else Real
    return isinstance(value, wanted) and not isinstance(value, bool)


def check_positive(name: str, value: Any, kind: type = float) -> None:
    """Refuses what is not a positive finite number of the kind, NumPy's included."""
    if not _is_number(value, kind) or not 0 < value < float("inf"):
        what = "integer" if kind is int else "number"
        raise ValueError(
            f"Argument `{name}` must be a positive {what}. Received: {name}={value!r}"
        )


def check_not_negative(name: str, value: Any, kind: type = float) -> None:
    """Refuses what is not a finite number of the kind from 0 upward, NumPy's included."""
    if not _is_number(value, kind) or not 0 <= value < float("inf"):
        what = "an integer" if kind is int else "a number"
        raise ValueError(
            f"Argument `{name}` must be {what} from 0 upward. Received: {name}={value!r}"
        )


def check_share(
    name: str, value: Any, what: str = "a share", can_be_zero: bool = False
) -> None:
    """Refuses what is not a number above 0, or from 0 upward, and below 1."""
    lowest = 0.0 if can_be_zero else np.nextafter(0.0, 1.0)
    if not _is_number(value, float) or not lowest <= value < 1:
        bounds = "from 0 to below 1" if can_be_zero else "above 0 and below 1"
        raise ValueError(
            f"Argument `{name}` must be {what}, {bounds}. Received: {name}={value!r}"
        )


def check_bits(name: str, num_states: Any, purpose: str) -> int:
    """Refuses what is not a power of 2 from 2 upward; returns its bits."""
    if not _is_number(num_states, int) or num_states < 2 or num_states & (num_states - 1):
        raise ValueError(
            f"Argument `{name}` must be a power of 2, so that {purpose}. Received: "
            f"{name}={num_states!r}"
        )
    return int(num_states).bit_length() - 1


def check_saved_shape(what: str, saved: Any, shape: tuple[int, ...]) -> None:
    """Refuses a saved array of another shape, before it is read.

    A small file may declare an array of any size.

    Args:
        what: What the file has, for an error.
        saved: The array, which may be one of a file.
        shape: The shape that it must have.

    Raises:
        ValueError: If it has another.
    """
    if tuple(saved.shape) != shape:
        raise ValueError(
            f"The file has {what} that is none: its shape is {tuple(saved.shape)}, not "
            f"{shape}. Restore the file."
        )


def check_seed(seed: Any) -> None:
    """Refuses what is not an integer of 32 bits; of a tensor that may not be known."""
    if hasattr(seed, "dtype") and not isinstance(seed, np.generic):
        return
    if not _is_number(seed, int) or not 0 <= int(seed) < 2**32:
        raise ValueError(
            "Argument `seed` must be an integer, from 0 to below 2**32. "
            f"Received: seed={seed!r}"
        )


def check_num_states(num_states: Any) -> int:
    """Refuses what is not an integer from 2 upward; returns it as Python's."""
    if not _is_number(num_states, int) or num_states < 2:
        raise ValueError(
            "Argument `num_states` must be an integer, 2 for binary units or more. "
            f"Received: num_states={num_states!r}"
        )
    return int(num_states)


def check_means(name: str, means: Any, size: int) -> list[float]:
    """Refuses what is not that many numbers within (0, 1); returns them as a list."""
    values = [float(value) for value in np.ravel(means)]
    if len(values) != size or not all(0 < value < 1 for value in values):
        raise ValueError(
            f"Argument `{name}` must hold {size} numbers strictly between 0 and 1, such "
            "as (count + 1) / (N + 2) for each pixel. Received: "
            f"{len(values)} numbers from {min(values, default=None)} to "
            f"{max(values, default=None)}"
        )
    return values
