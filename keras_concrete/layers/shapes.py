"""Which axes of a tensor are what, and the refusal of any other."""

from typing import Any

import keras
from keras import ops

from keras_concrete.types import Tensor

__all__ = ["check_inputs", "is_shape", "match_node"]


def check_inputs(layer: keras.Layer, shapes: Any, *names: str) -> None:
    """Refuses inputs that are not a tuple: of a tensor, Python would unpack the rows.

    Args:
        layer: The layer that is called.
        shapes: What Keras gives to `build`.
        names: Of the tensors; those that end in `?` may be left out.

    Raises:
        ValueError: If the inputs are not that many tensors, or lists of tensors.
    """
    is_tuple = isinstance(shapes, list | tuple) and not is_shape(shapes)
    least = sum(not name.endswith("?") for name in names)
    if not is_tuple or not least <= len(shapes) <= len(names):
        wanted = ", ".join(name.rstrip("?") for name in names[:least])
        raise ValueError(
            f"{type(layer).__name__} is called on the tuple ({wanted}). Received: "
            + (f"{len(shapes)} tensors" if is_tuple else f"one of shape {shapes}")
        )


def is_shape(value: Any) -> bool:
    """Whether a value is a shape, rather than a tensor or a list."""
    if not isinstance(value, list | tuple):
        return False
    return len(value) > 0 and all(size is None or isinstance(size, int) for size in value)


def match_node(
    name: str, tensor: Tensor, node: Tensor, node_name: str = "node"
) -> Tensor:
    """Casts to float32, and inserts the sample axis that the node has and `tensor` lacks.

    Args:
        name: What to call the tensor in an error.
        tensor: Logits of shape `(batch, ...)` or `(batch, num_samples, ...)`.
        node: Tensor of shape `(batch, ...)` or `(batch, num_samples, ...)`.
        node_name: What to call the node in an error.

    Returns:
        Tensor of the rank of `node`.

    Raises:
        ValueError: If the shapes would broadcast in any other way.
    """
    given, wanted = tuple(tensor.shape), tuple(node.shape)
    lacks_samples = len(given) == len(wanted) - 1
    if lacks_samples:
        wanted = (wanted[0], *wanted[2:])
    if len(given) != len(wanted) or any(
        None not in sizes and sizes[0] != sizes[1]
        for sizes in zip(given, wanted, strict=True)
    ):
        raise ValueError(
            f"`{name}` must have the shape of `{node_name}`, or that shape without the "
            "sample axis (axis 1): any other broadcasting would mix up examples, "
            f"samples and units. Received: {name}.shape={given}, "
            f"{node_name}.shape={tuple(node.shape)}"
        )
    tensor = ops.cast(tensor, "float32")
    return ops.expand_dims(tensor, 1) if lacks_samples else tensor
