"""The layer that scores data under what a decoder says of them."""

import math
from typing import Any

import keras
from keras import ops

from keras_concrete.checks import check_flag
from keras_concrete.layers.masks import zero_where_masked
from keras_concrete.layers.probabilities import warn_of_probabilities
from keras_concrete.layers.shapes import match
from keras_concrete.types import Shape, Tensor

__all__ = ["BernoulliLogLikelihood"]


@keras.saving.register_keras_serializable(package="keras_concrete")
class BernoulliLogLikelihood(keras.layers.Layer):
    """Log-probability of binary data under independent logits, summed over the pixels.

    `sum_i x_i l_i - log(1 + exp(l_i))`, in float32 under every dtype policy. Grey
    values in (0, 1) are accepted too; the result is then a cross-entropy, not a
    log-probability. Values outside [0, 1], such as pixels of 255, give NaN. Logits of
    infinity are pixels that are certain; such as have passed a sigmoid are warned of.

    Args:
        sample_axis: Whether axis 1 of the logits holds samples. All axes between it, or
            the batch, and the end are pixels, over which the log-probability is summed.
        kwargs: Arguments of `keras.layers.Layer`.

    Call arguments:
        x: Data, 0 or 1.
        logits: Log-odds of each pixel.
        x_mask: Mask of time steps, `(batch, time)`, as Keras passes it on: steps where it
            is False add nothing, whatever they hold.
        logits_mask: The same of the logits; not for logits with a sample axis.

    Input shape:
        Logits `(batch, [num_samples,] *pixels)`; `x` of that shape, or without the sample
        axis.

    Output shape:
        `(batch, [num_samples])`, float32, in nats.

    Raises:
        ValueError: If the shapes do not fit.

    Example:
    >>> import numpy as np
    >>> x, logits = np.ones((1, 4), "float32"), np.zeros((1, 3, 4), "float32")
    >>> BernoulliLogLikelihood(sample_axis=True)(x, logits).numpy().round(3)
    array([[-2.773, -2.773, -2.773]], dtype=float32)
    """

    def __init__(self, sample_axis: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_flag("sample_axis", sample_axis)
        self.sample_axis = bool(sample_axis)
        self._has_warned = False
        self.autocast = False
        self.supports_masking = True

    def build(self, x_shape: Shape, logits_shape: Shape) -> None:
        """Adds nothing: the layer has no weights."""

    def call(
        self,
        x: Tensor,
        logits: Tensor,
        x_mask: Tensor | None = None,
        logits_mask: Tensor | None = None,
    ) -> Tensor:
        """Scores the data under the logits."""
        if not self._has_warned:
            self._has_warned = warn_of_probabilities(self, logits, binary=True)
        has_samples = self.sample_axis
        masks = (x_mask, None if has_samples else logits_mask)
        x = self._matched(x, logits)
        # First of all, since what stands for nothing may be any number.
        x = zero_where_masked(x, *masks, sample_axis=has_samples)
        # Values outside [0, 1] would make a "log-probability" above 0.
        x = ops.where(ops.logical_and(x >= 0.0, x <= 1.0), x, float("nan"))
        logits = ops.clip(ops.cast(logits, "float32"), -_CERTAIN, _CERTAIN)
        # softplus(logits), to 6e-8 nats for each pixel and twice as fast as by log1p. Its
        # positive part is written so that the gradient at 0 is 1/2.
        distance = ops.abs(logits)
        positive = 0.5 * (logits + distance)
        softplus = positive + ops.log(1.0 + ops.exp(-distance))
        terms = zero_where_masked(x * logits - softplus, *masks, sample_axis=has_samples)
        pixels = tuple(range(1 + self.sample_axis, len(logits.shape)))
        return _sum_of_many(terms, pixels)

    def _matched(self, x: Tensor, logits: Tensor) -> Tensor:
        shape, name = tuple(logits.shape), type(self).__name__
        if len(shape) < 2 + self.sample_axis:
            axes = (
                "(batch, num_samples, *pixels)"
                if self.sample_axis
                else "(batch, *pixels)"
            )
            raise ValueError(
                f"{name} expects logits of shape {axes}. Received: logits.shape={shape}"
            )
        return match(name, "x", x, "logits", ops.shape(logits), self.sample_axis)

    def compute_mask(self, inputs: Tensor, mask: Tensor | None = None) -> None:
        """Passes no mask on: time steps are summed over."""

    def compute_output_spec(
        self,
        x: Tensor,
        logits: Tensor,
        x_mask: Tensor | None = None,
        logits_mask: Tensor | None = None,
    ) -> keras.KerasTensor:
        self._matched(x, logits)
        shape = tuple(logits.shape)[: 1 + self.sample_axis]
        return keras.KerasTensor(shape, dtype="float32")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "sample_axis": self.sample_axis}


# Of infinite log-odds the terms below would be NaN.
_CERTAIN = 1e30

# Of fewer terms than this a plain sum is good to 1e-4 nats.
_MANY = 4096
_BLOCK = 256


def _sum_of_many(terms: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Sums over the last axes; of many terms block by block.

    A compiled sum adds one term after another, and in float32 the rounding of a sum of
    50,000 log-probabilities is hundredths of a nat.
    """
    sizes = [terms.shape[axis] for axis in axes]
    if None in sizes or math.prod(sizes) < _MANY:
        return ops.sum(terms, axis=axes)
    size = math.prod(sizes)
    leading = ops.shape(terms)[: axes[0]]
    flat = ops.reshape(terms, (*leading, size))
    padding = [(0, 0)] * len(leading) + [(0, -size % _BLOCK)]
    blocks = ops.reshape(ops.pad(flat, padding), (*leading, -1, _BLOCK))
    sums = ops.sum(blocks, axis=-1)
    # A comparison that the compiler cannot foresee: it would make one sum of the two.
    sums = ops.where(sums == sums, sums, float("nan"))
    return ops.sum(sums, axis=-1)
