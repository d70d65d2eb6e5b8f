"""The axes along which gates are laid."""

from numbers import Integral
from typing import Any

from keras_concrete.types import Shape

__all__ = ["checked_axes", "positive_axes"]


def checked_axes(axis: Any) -> int | list[int]:
    """Refuses what is neither an integer nor several; returns Python's own.

    Raises:
        ValueError: If it is neither, or names the axis of the batch.
    """
    several = isinstance(axis, list | tuple)
    axes = list(axis) if several else [axis]
    if not axes or any(
        not isinstance(a, Integral) or isinstance(a, bool) or a == 0 for a in axes
    ):
        raise ValueError(
            "Argument `axis` must be an integer, or a tuple of integers, and not 0, the "
            f"axis of the batch. Received: axis={axis!r}"
        )
    return [int(a) for a in axes] if several else int(axis)


def positive_axes(layer: str, axis: int | list[int], shape: Shape) -> list[int]:
    """Finds the axes in a shape, counted from the front, in order.

    Raises:
        ValueError: If the shape lacks one, or does not tell its size, or one is meant
            twice.
    """
    rank = len(shape)
    axes = axis if isinstance(axis, list) else [axis]
    found = sorted(a + rank if a < 0 else a for a in axes)
    within = all(0 < a < rank for a in found) and len(set(found)) == len(found)
    if not within or any(shape[a] is None for a in found):
        raise ValueError(
            f"{layer!r} lays gates along axis={axis!r}, each of which must be an axis of "
            "its input behind the batch, named once and of a known size. Received: "
            f"inputs.shape={tuple(shape)}"
        )
    return found
