"""Scores with Gumbel noise, of layers that draw what has no density."""

from typing import Any

from keras_concrete import noise
from keras_concrete.graphs import piecewise_compiled
from keras_concrete.layers.pass_terms import Draw, note
from keras_concrete.seeding import SeededLayer
from keras_concrete.types import Tensor

__all__ = ["NEVER", "draw_gumbels"]

# Scores from here down are those of what is never drawn.
NEVER = -1e9


def draw_gumbels(layer: SeededLayer, shape: Any, training: bool) -> Tensor:
    """Draws the noise of a call, and notes the draw, which no density scores."""
    note(Draw(layer.name, has_density=False))
    with piecewise_compiled(training):
        return noise.gumbel(shape, layer.next_key())
