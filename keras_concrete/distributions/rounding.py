"""From scores to discrete states: a bit, or a one-hot vector. NaN stays NaN."""

from keras import ops

from keras_concrete.backend import tf
from keras_concrete.types import Tensor

__all__ = ["is_not_negative", "one_hot_of_largest"]

_NAN = float("nan")


def is_not_negative(scores: Tensor) -> Tensor:
    """1.0 where a score is at least 0, else 0.0; NaN where it is NaN.

    Args:
        scores: Float tensor.

    Returns:
        Float32 tensor of that shape.

    Example:
    >>> is_not_negative(tf.constant([-2.0, 0.0, float("nan")])).numpy()
    array([ 0.,  1., nan], dtype=float32)
    """
    return ops.where(ops.isnan(scores), _NAN, ops.cast(scores >= 0.0, "float32"))


def one_hot_of_largest(scores: Tensor) -> Tensor:
    """1.0 at the largest score on the last axis, the first of equals; else 0.0.

    Args:
        scores: Float tensor with the states on its last axis. May be infinite.

    Returns:
        Float32 tensor of that shape; NaN in units with a score that is NaN.

    Example:
    >>> one_hot_of_largest(tf.constant([3.0, float("inf"), -1.0])).numpy()
    array([0., 1., 0.], dtype=float32)
    """
    # Keras's argmax looks at the bits of zeros, which no other runtime can convert, and
    # passes over infinite and enormous scores.
    largest = tf.argmax(scores, axis=-1)
    one_hot = ops.one_hot(largest, ops.shape(scores)[-1], dtype="float32")
    is_nan = ops.any(ops.isnan(scores), axis=-1, keepdims=True)
    return ops.where(is_nan, _NAN, one_hot)
