"""The axis of the samples that a layer draws for each example."""

from numbers import Integral
from typing import Any

from keras import ops

from keras_concrete.checks import check_count, check_positive
from keras_concrete.types import Shape, Tensor

__all__ = ["HasSampleAxis", "shape_with_samples", "with_sample_axis"]


class HasSampleAxis:
    """A layer that draws a number of samples, which the constructor or a call says."""

    num_samples: int | None
    _adds_axis: bool

    def _set_num_samples(self, num_samples: int | None) -> None:
        """Keeps the constructor's number."""
        if num_samples is not None:
            check_positive("num_samples", num_samples, int)
        self.num_samples = num_samples
        self._adds_axis = num_samples is not None

    def _samples_of_call(self, num_samples: Tensor | None) -> Tensor | None:
        """The number at a call, or the constructor's; keeps what the mask depends on."""
        if num_samples is None:
            num_samples = self.num_samples
        else:
            check_count("num_samples", num_samples)
        self._adds_axis = num_samples is not None
        return num_samples

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> Any:
        """Passes a mask on; a sample axis takes none."""
        return None if self._adds_axis else mask


def with_sample_axis(scores: Tensor, num_samples: Tensor | None) -> tuple[Tensor, Any]:
    """Scores, or logits, that all samples share, and the shape of the noise.

    Args:
        scores: Tensor `(batch, ...)`.
        num_samples: Number of rows of the sample axis, or None for one and no axis.

    Returns:
        Scores with axis 1 of size 1 where there are samples, and the shape with these.
    """
    shape = ops.shape(scores)
    if num_samples is None:
        return scores, shape
    return ops.expand_dims(scores, 1), (shape[0], num_samples, *shape[1:])


def shape_with_samples(shape: Shape, num_samples: Tensor | None) -> Shape:
    """Shape of states with the sample axis, whose size may not be known.

    Args:
        shape: Shape `(batch, ...)` of the logits.
        num_samples: Number of samples: an integer, a tensor, which has no size yet, or
            None for one and no axis.

    Returns:
        The shape.

    Example:
    >>> shape_with_samples((None, 3), 5)
    (None, 5, 3)
    """
    if num_samples is None:
        return tuple(shape)
    size = num_samples if isinstance(num_samples, Integral) else None
    return (shape[0], size, *shape[1:])
