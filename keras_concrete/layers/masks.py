"""Masks of time steps: what is masked out adds nothing to a sum over units."""

from typing import Any

from keras import ops

from keras_concrete.types import Tensor
from keras_concrete.unknown_sizes import held_to_shape, known_sizes

__all__ = ["zero_where_masked"]


def zero_where_masked(
    values: Tensor, *masks: Tensor | None, sample_axis: bool = False
) -> Tensor:
    """Puts 0 where one of several masks is False.

    Args:
        values: Tensor `(batch, [num_samples,] *units)`.
        masks: Boolean tensors of `(batch,)` or `(batch, time)`, the first axes of the
            values apart from that of the samples; or None.
        sample_axis: Whether axis 1 of the values holds samples, which masks have not.

    Returns:
        Tensor of the shape of the values.

    Raises:
        ValueError: If the axes of a mask are not the first of the values'.

    Example:
    >>> import numpy as np
    >>> mask = np.array([[True, False]])
    >>> zero_where_masked(np.ones((1, 2, 3), "float32"), mask, None).numpy().tolist()
    [[[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]]]
    """
    rank, sizes = len(values.shape), ops.shape(values)
    without_samples = (sizes[0], *sizes[1 + sample_axis :])
    for mask in masks:
        if mask is None:
            continue
        mask = _matched(ops.cast(mask, "bool"), without_samples)
        if sample_axis:
            mask = ops.expand_dims(mask, 1)
        trailing = tuple(range(len(mask.shape), rank))
        mask = ops.expand_dims(mask, trailing) if trailing else mask
        values = ops.where(mask, values, ops.zeros_like(values))
    return values


def _matched(mask: Tensor, sizes: Any) -> Tensor:
    """A mask whose axes are the first of these sizes."""
    found, known = tuple(mask.shape), known_sizes(sizes)
    pairs = zip(found, known, strict=False)
    fits = all(None in pair or pair[0] == pair[1] for pair in pairs)
    if len(found) > len(known) or not fits:
        raise ValueError(
            "A mask must have the first axes of examples and units, such as "
            f"(batch, time). Received: a mask of shape {found} for shape {known}. A mask "
            "that all examples share wants one for each: "
            "keras.ops.broadcast_to(mask, (batch, ...))"
        )
    return held_to_shape(mask, sizes[: len(found)])
