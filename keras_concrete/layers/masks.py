"""Masks of time steps: what is masked out adds nothing to a sum over units."""

from keras import ops

from keras_concrete.types import Tensor

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
        ValueError: If a mask has more axes than the values.

    Example:
    >>> import numpy as np
    >>> mask = np.array([[True, False]])
    >>> zero_where_masked(np.ones((1, 2, 3), "float32"), mask, None).numpy().tolist()
    [[[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]]]
    """
    rank = len(values.shape)
    for mask in masks:
        if mask is None:
            continue
        mask = ops.cast(mask, "bool")
        if sample_axis:
            mask = ops.expand_dims(mask, 1)
        if len(mask.shape) > rank:
            raise ValueError(
                "A mask must have no more axes than examples and units have. Received: "
                f"a mask of shape {tuple(mask.shape)} for values of shape "
                f"{tuple(values.shape)}"
            )
        trailing = tuple(range(len(mask.shape), rank))
        mask = ops.expand_dims(mask, trailing) if trailing else mask
        values = ops.where(mask, values, ops.zeros_like(values))
    return values
