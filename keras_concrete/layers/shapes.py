"""The contract of shapes: batch, samples if there are any, units, states."""

from typing import Any

from keras import ops

from keras_concrete.types import Shape, Tensor
from keras_concrete.unknown_sizes import held_to_shape, known_sizes

__all__ = ["as_list", "check_node", "is_shape", "match"]


def check_node(layer: str, node: Shape, states: Shape, sample_axis: bool) -> None:
    """Refuses a node that has not the axes that a layer expects.

    Args:
        layer: What to call the layer in an error.
        node: Shape of the node.
        states: Shape of the node of one unit.
        sample_axis: Whether axis 1 holds samples.

    Raises:
        ValueError: If axes are missing, or the last ones are not those of a unit.
    """
    least = 1 + sample_axis + max(1, len(states))
    if len(node) >= least and tuple(node[len(node) - len(states) :]) == tuple(states):
        return
    axes = ["batch", *["num_samples"] * sample_axis, "*units", *map(str, states)]
    raise ValueError(
        f"{layer} expects a node of shape ({', '.join(axes)}). Received: "
        f"node.shape={tuple(node)}. Pass num_states=n for units of n states, and "
        "sample_axis=True if, and only if, axis 1 holds samples."
    )


def match(
    layer: str,
    name: str,
    tensor: Tensor,
    like_name: str,
    like: Any,
    sample_axis: bool,
) -> Tensor:
    """Casts to float32, and adds the sample axis where one is declared and missing.

    Args:
        layer: What to call the layer in an error.
        name: What to call the tensor.
        tensor: Tensor of the shape `like`, or of that shape without its axis 1.
        like_name: What to call the tensor that it belongs to.
        like: The shape of that tensor, as `ops.shape` gives it.
        sample_axis: Whether axis 1 of `like` holds samples.

    Returns:
        Float32 tensor that broadcasts to `like` along the sample axis only.

    Raises:
        ValueError: If the shapes differ in any other way. Sizes that are not known yet
            are held to agree when the program runs.
    """
    given, wanted = tuple(tensor.shape), known_sizes(like)
    without_samples = (wanted[0], *wanted[2:])
    lacks_samples = sample_axis and len(given) == len(wanted) - 1
    if not _agree(given, without_samples if lacks_samples else wanted):
        remedy = ""
        if not sample_axis and _agree(given, without_samples):
            remedy = (
                f" If axis 1 of `{like_name}` holds samples, pass sample_axis=True; if "
                f"it holds units, `{name}` lacks them."
            )
        elif len(given) == len(wanted) - 1 and given == wanted[:-1]:
            remedy = " For logits of units with n states pass num_states=n everywhere."
        allowed = ", or that shape without the sample axis" if sample_axis else ""
        raise ValueError(
            f"{layer}: `{name}` must have the shape of `{like_name}`{allowed}, since "
            "broadcasting would mix up examples, samples, units and states. Received: "
            f"{name}.shape={given}, {like_name}.shape={wanted}.{remedy}"
        )
    shape = (like[0], *like[2:]) if lacks_samples else tuple(like)
    tensor = held_to_shape(ops.cast(tensor, "float32"), shape)
    return ops.expand_dims(tensor, 1) if lacks_samples else tensor


def _agree(given: Shape, wanted: Shape) -> bool:
    """Whether two shapes are equal, as far as sizes are known."""
    return len(given) == len(wanted) and all(
        None in sizes or sizes[0] == sizes[1] for sizes in zip(given, wanted, strict=True)
    )


def is_shape(value: Any) -> bool:
    """Whether a value is a shape, rather than a list of shapes."""
    if not isinstance(value, list | tuple):
        return False
    return len(value) > 0 and all(size is None or isinstance(size, int) for size in value)


def as_list(terms: Any) -> list:
    """A list of tensors, or of shapes, made of one or of several."""
    if terms is None:
        return []
    is_one = not isinstance(terms, list | tuple) or is_shape(terms)
    return [terms] if is_one else list(terms)
