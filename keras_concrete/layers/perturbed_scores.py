"""Scores with Gumbel noise, of layers that draw what has no density."""

from typing import Any

from keras import ops

from keras_concrete import noise
from keras_concrete.graphs import piecewise_compiled
from keras_concrete.layers.pass_terms import Draw, note
from keras_concrete.seeding import SeededLayer
from keras_concrete.types import Tensor

__all__ = ["NEVER", "draw_gumbels", "with_sample_axis"]

# Scores from here down are those of what is never drawn.
NEVER = -1e9


def with_sample_axis(scores: Tensor, num_samples: Tensor | None) -> tuple[Tensor, Any]:
    """Scores that all samples share, and the shape of the noise.

    Args:
        scores: Tensor `(batch, ...)`.
        num_samples: Number of samples, or None for one and no axis.

    Returns:
        Scores with axis 1 of size 1 where there are samples, and the shape with these.
    """
    shape = ops.shape(scores)
    if num_samples is None:
        return scores, shape
    return ops.expand_dims(scores, 1), (shape[0], num_samples, *shape[1:])


def draw_gumbels(layer: SeededLayer, shape: Any, training: bool) -> Tensor:
    """Draws the noise of a call, and notes the draw, which no density scores."""
    note(Draw(layer.name, has_density=False))
    with piecewise_compiled(training):
        return noise.gumbel(shape, layer.next_key())
