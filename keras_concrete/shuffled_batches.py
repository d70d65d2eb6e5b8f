"""Endless streams of shuffled batches, whose order follows from a seed."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import tensorflow as tf

from keras_concrete.checks import check_positive

__all__ = ["prefetched", "shuffled_batches"]


def shuffled_batches(
    images: np.ndarray, batch_size: int, seed: int, first_step: int = 0
) -> "tf.data.Dataset":
    """An endless stream of shuffled batches whose order is a function of the seed.

    Each pass is a new permutation of the images, cut into `len(images) // batch_size`
    full batches; `fit` needs a number of steps as its `steps_per_epoch`. A stream that
    starts at a later step continues as the stream from the start would have.

    Args:
        images: Array of shape `(num_images, ...)`.
        batch_size: Images in a batch, at most their number.
        seed: Integer.
        first_step: Step to start with, from 0.

    Returns:
        A `tf.data.Dataset` of batches of the dtype of `images`.

    Raises:
        ValueError: If `batch_size` is not a positive integer, or larger than the number
            of images.

    Example:
    >>> stream = iter(shuffled_batches(np.arange(4), batch_size=2, seed=0))
    >>> sorted([*next(stream).numpy(), *next(stream).numpy()])
    [np.int64(0), np.int64(1), np.int64(2), np.int64(3)]
    """
    import tensorflow as tf

    check_positive("batch_size", batch_size, int)
    num_images = len(images)
    steps = num_images // batch_size
    if not steps:
        raise ValueError(
            f"Argument `batch_size` must be at most the number of images, {num_images}. "
            f"Received: batch_size={batch_size}"
        )
    source = tf.constant(images)

    def batch(step: "tf.Tensor") -> "tf.Tensor":
        passes, position = step // steps, step % steps
        places = position * batch_size + tf.range(batch_size, dtype=tf.int64)
        # A permutation by position: no state to save, no list of all rows to shuffle.
        rows = tf.random.experimental.index_shuffle(
            places, seed=tf.stack([seed, passes]), max_index=num_images - 1
        )
        return tf.gather(source, rows)

    return prefetched(tf.data.Dataset.counter(start=first_step), batch)


def prefetched(
    stream: "tf.data.Dataset", function: Callable[..., Any]
) -> "tf.data.Dataset":
    """Maps a dataset ahead of its use, without TensorFlow's tuner.

    There is nothing to tune, and the end of an iteration would wait until the tuner next
    wakes: up to as long as the iteration took.

    Args:
        stream: A dataset.
        function: From its elements to others.

    Returns:
        A dataset of the others.
    """
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    return stream.map(function, num_parallel_calls=2).prefetch(4).with_options(options)
