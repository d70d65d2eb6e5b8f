"""Sizes that a graph does not know, held to agree when it runs."""

from typing import Any

import keras
from keras import ops

from keras_concrete.types import Tensor

__all__ = ["held_to_several", "held_to_shape", "known_sizes", "once_held"]


def known_sizes(shape: Any) -> tuple[int | None, ...]:
    """The sizes of `ops.shape` that are known where a graph is made, None for others."""
    return tuple(size if isinstance(size, int) else None for size in shape)


def held_to_shape(tensor: Tensor, shape: Any) -> Tensor:
    """A tensor that is refused when it runs where it would have to broadcast to a shape.

    Of sizes that are known this asks nothing: they are checked where a graph is made. Nor
    of the first axis, if that alone is not known: the examples are those of one batch.

    Args:
        tensor: Tensor of as many axes as the shape.
        shape: What `ops.shape` gives of another tensor.

    Returns:
        The tensor, of that shape.
    """
    if None in shape:  # Of a tensor that stands for others, and has no values.
        return tensor
    if None not in (*tensor.shape[1:], *known_sizes(shape)[1:]):
        return tensor
    if keras.backend.backend() == "tensorflow":
        tensor = _asserted(tensor, shape)
    # XLA leaves assertions out, and refuses this.
    return ops.reshape(tensor, shape)


def held_to_several(tensor: Tensor, message: str) -> Tensor:
    """A tensor that is refused when it runs where axis 1 has fewer than two rows.

    Of a size that is known this asks nothing, nor on JAX, which knows them all.

    Args:
        tensor: Tensor `(batch, rows)`.
        message: What the error says.

    Returns:
        The tensor.
    """
    size = ops.shape(tensor)[1]
    if size is None or isinstance(size, int) or keras.backend.backend() == "jax":
        return tensor
    # Here and not above: on JAX there may be no TensorFlow.
    import tensorflow as tf

    return once_held(tf.debugging.assert_greater(size, 1, message=message), tensor)


def _asserted(tensor: Tensor, shape: Any) -> Tensor:
    # Here and not above: on JAX there may be no TensorFlow.
    import tensorflow as tf

    check = tf.debugging.assert_equal(
        tf.shape(tensor),
        tf.stack(shape),
        message="Broadcasting would mix up examples, samples, units and states: two "
        "tensors must have the same shape.",
    )
    return once_held(check, tensor)


def once_held(check: Any, tensor: Tensor) -> Tensor:
    """A tensor that is there once an assertion of TensorFlow has held.

    Args:
        check: What made the assertion returned: None eagerly, where it has held already.
        tensor: The tensor. XLA and ONNX, which leave assertions out, pass it on.
    """
    import tensorflow as tf

    with tf.control_dependencies([] if check is None else [check]):
        return tf.identity(tensor)
