"""Arrays for `fit` as datasets, which end without a wait.

Keras makes a pipeline of arrays whose threads TensorFlow tunes, and the end of each epoch
waits until the tuner next wakes: up to as long as the epoch took. Here there is nothing
to tune.
"""

import math
from typing import TYPE_CHECKING, Any

import keras
import numpy as np

from keras_concrete.checks import check_positive
from keras_concrete.shuffled_batches import prefetched

if TYPE_CHECKING:
    import tensorflow as tf

__all__ = [
    "array_batches",
    "as_fit_takes",
    "examples_of",
    "tensors_as_fit_takes",
    "with_batches",
]


def with_batches(given: dict[str, Any]) -> dict[str, Any]:
    """Makes datasets of the arrays among the arguments of `fit`.

    Args:
        given: Arguments of `keras.Model.fit` by their names.

    Returns:
        Arguments for the same training: batches have the sizes that Keras gives them. If
        `shuffle`, each epoch has a new order, a function of the global seed. (Keras's own
        shuffling repeats the first order in each epoch once a global seed is set.) What
        is more than plain arrays is left as it is.
    """
    given = dict(given)
    size = given.get("batch_size")
    if size is None:
        size = 32
    check_positive("batch_size", size, int)
    data: list[Any] = [given.get(name) for name in ("x", "y", "sample_weight")]
    if (
        not _are_arrays(data)
        or given.get("class_weight") is not None
        or given.get("steps_per_epoch") is not None
        or given.get("shuffle", True) not in (True, False)
    ):
        return given
    validation = given.get("validation_data")
    if validation is None and given.get("validation_split"):
        first = math.floor(len(data[0]) * (1.0 - given["validation_split"]))
        if first in (0, len(data[0])):
            return given  # Keras says what to do.
        validation = [None if part is None else part[first:] for part in data]
        data = [None if part is None else part[:first] for part in data]
    given["x"] = array_batches(data, size, given.get("shuffle", True))
    given.update(y=None, sample_weight=None, shuffle=False, validation_split=0.0)
    if isinstance(validation, tuple | list) and given.get("validation_steps") is None:
        if _are_arrays(validation):
            size = given.get("validation_batch_size") or size
            validation = array_batches(validation, size, shuffle=False)
    given["validation_data"] = validation
    return given


def array_batches(data: Any, batch_size: int, shuffle: bool) -> "tf.data.Dataset":
    """Cuts arrays of as many rows into batches.

    Args:
        data: The array `x`, or `x`, `y` and weights, of which the last may be None or
            missing.
        batch_size: Rows of a batch; the last one of a pass may have fewer.
        shuffle: Whether each pass has an order of its own, which depends on the global
            seed.

    Returns:
        A dataset of what a Keras model is trained on: `x`, `(x, y)`, or all three.

    Example:
    >>> [x.numpy().tolist() for x in array_batches([np.arange(5)], 2, shuffle=False)]
    [[0, 1], [2, 3], [4]]
    """
    import tensorflow as tf

    parts = [as_fit_takes(part) for part in data if part is not None]
    sources = [tf.constant(part) for part in parts]

    def rows_of(places: "tf.Tensor") -> Any:
        rows = tuple(tf.gather(source, places) for source in sources)
        return rows if len(rows) > 1 else rows[0]

    places = tf.data.Dataset.range(len(parts[0]))
    if shuffle:
        places = places.shuffle(len(parts[0]))
    return prefetched(places.batch(batch_size), rows_of)


def examples_of(x: Any, name: str = "x") -> tuple[Any, int]:
    """The arrays of some examples, and the number of examples that each of them has.

    Args:
        x: An array of examples, or a tuple, list or dict of arrays.
        name: Name of the argument, for an error.

    Returns:
        The same structure of NumPy arrays, and a positive integer.

    Raises:
        ValueError: If it is something else, as a dataset is and a list of numbers.
    """
    parts = [np.asarray(part) for part in keras.tree.flatten(x)]
    sizes = {len(part) if part.ndim and part.dtype != object else 0 for part in parts}
    if len(sizes) != 1 or not sizes.pop():
        shapes = ", ".join(str(part.shape) for part in parts[:4])
        shapes += ", ..." if len(parts) > 4 else ""
        raise ValueError(
            f"Argument `{name}` must be an array of examples, with at least one "
            "example, or a tuple, list or dict of such arrays, all of the same number. "
            f"Received: a {type(x).__name__} with shapes {shapes}"
        )
    return keras.tree.pack_sequence_as(x, parts), len(parts[0])


def as_fit_takes(part: np.ndarray) -> np.ndarray:
    """An array in the dtype in which `fit` hands it to a model: reals in Keras's type.

    Args:
        part: Any array.

    Returns:
        The array, or a copy.
    """
    is_real = np.issubdtype(part.dtype, np.floating)
    return part.astype(keras.config.floatx(), copy=False) if is_real else part


def tensors_as_fit_takes(x: Any, rows: Any = slice(None)) -> Any:
    """Tensors of some examples, in the dtypes in which `fit` hands them to a model.

    Args:
        x: An array of examples, or a structure of them.
        rows: Which examples, as NumPy's indices say it; by default all.

    Returns:
        A tensor, or a structure of tensors.
    """
    return keras.tree.map_structure(
        lambda part: keras.ops.convert_to_tensor(as_fit_takes(np.asarray(part)[rows])), x
    )


def _are_arrays(data: Any) -> bool:
    """Whether it is arrays of as many rows, and then None."""
    parts = [part for part in data if part is not None]
    return (
        bool(parts)
        and all(part is None for part in data[len(parts) :])
        and all(isinstance(part, np.ndarray) and part.ndim > 0 for part in parts)
        and len({len(part) for part in parts}) == 1
        and not any(part.dtype == object for part in parts)
    )
