"""The first batch of data that `fit` is given, whatever form they come in."""

import itertools
import types
from collections.abc import Iterator
from typing import Any

import keras

__all__ = ["peek"]


def peek(data: Any) -> tuple[Any, Any]:
    """Looks at the first batch.

    Args:
        data: A `tf.data.Dataset`, a `keras.utils.PyDataset` or a generator; or anything
            else, which is not looked at.

    Returns:
        The first batch, or None if there is none or `data` is something else; and data to
        use in place of `data`, from which nothing is missing.

    Example:
    >>> batch, data = peek(number for number in range(3))
    >>> batch, list(data)
    (0, [0, 1, 2])
    """
    if isinstance(data, types.GeneratorType):
        first = list(itertools.islice(data, 1))
        return (first[0] if first else None), _chained(first, data)
    if isinstance(data, keras.utils.PyDataset):
        return (data[0] if data.num_batches != 0 else None), data
    if hasattr(data, "element_spec") and hasattr(data, "take"):
        return next(iter(data.take(1)), None), data
    return None, data


def _chained(first: list, rest: Iterator[Any]) -> Iterator[Any]:
    # Keras takes a generator for one by its type.
    return (batch for batch in itertools.chain(first, rest))
