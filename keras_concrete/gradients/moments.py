"""Moments of a model's gradient over many draws of its noise, in constant memory."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_concrete.programs import compiled, gradients
from keras_concrete.seeding import fixed_noise
from keras_concrete.types import Tensor
from keras_concrete.weight_sums import keys_of_groups

__all__ = ["GradientMoments", "compiled_moments", "draw_moments", "draws_of_block"]

# From keys of draws, `(draws, 2)`, and directions, a tensor of the shape of each weight,
# to the mean gradient of each weight; the sum of the squares of its distances from that,
# `(weights,)`; and the sum over draws of the cosines with the directions, `(parts,)`,
# times the length of those.
CompiledMoments = Callable[[Tensor, list[Tensor]], tuple[list[Tensor], Tensor, Tensor]]


@dataclass(frozen=True)
class GradientMoments:
    """Of several blocks of draws.

    Attributes:
        means: For each weight its mean gradient in each block, `(blocks, size)`.
        variances: Variance of the gradient of one draw, summed over the elements of each
            weight: `(blocks, weights)`.
        projections: Mean over the draws of the projection of a direction on the gradient
            of a draw, for each part of the weights: `(blocks, parts)`.
        milliseconds: A draw, the median over the blocks after the first.
    """

    means: list[np.ndarray]
    variances: np.ndarray
    projections: np.ndarray
    milliseconds: float


def compiled_moments(
    model: keras.Model,
    objective: Callable[[], Tensor],
    weights: Sequence[keras.Variable],
    parts: np.ndarray,
    jit_compile: bool,
) -> CompiledMoments:
    """The function that draws gradients, one after the other, and sums them up.

    Each draw leaves the model as it was: what it would change in itself is dropped.

    Args:
        model: The model, whose noise is fixed by the key of each draw.
        objective: Returns the scalar whose gradient is taken.
        weights: With respect to which it is taken.
        parts: Which weights each part has, `(parts, weights)`, of 0 and 1.
        jit_compile: Whether XLA compiles it.

    Returns:
        A compiled function.
    """
    shapes = [weight.shape for weight in weights]
    belongs = np.asarray(parts, "float32")

    def gradient(key: Tensor) -> list[Tensor]:
        def of_draw() -> Tensor:
            with fixed_noise(model, key):
                return objective()

        found = gradients(of_draw, weights, model)
        return [ops.cast(part, "float32") for part in found]

    def run(keys: Tensor, directions: list[Tensor]) -> Any:
        num_draws = keys.shape[0]

        def draw(
            k: Tensor, means: list[Tensor], squares: Tensor, projections: Tensor
        ) -> tuple:
            parts = gradient(keys[k])
            distances = [g - mean for g, mean in zip(parts, means, strict=True)]
            count = ops.cast(k + 1, "float32")
            means = [mean + d / count for d, mean in zip(distances, means, strict=True)]
            squares += _dots(
                distances, [g - m for g, m in zip(parts, means, strict=True)]
            )
            lengths = ops.sqrt(ops.matmul(belongs, _dots(parts, parts)))
            along = ops.matmul(belongs, _dots(parts, directions))
            projections += along / ops.maximum(lengths, 1e-30)
            return k + 1, means, squares, projections

        start = (
            ops.zeros((), "int32"),
            [ops.zeros(shape, "float32") for shape in shapes],
            ops.zeros(len(shapes), "float32"),
            ops.zeros(len(belongs), "float32"),
        )
        _, *moments = ops.while_loop(
            lambda k, *_: k < num_draws, draw, start, maximum_iterations=num_draws
        )
        return tuple(moments)

    return compiled(run, lambda: model, jit_compile=jit_compile, autograph=False)


def _dots(left: list[Tensor], right: list[Tensor]) -> Tensor:
    pairs = zip(left, right, strict=True)
    return ops.stack([ops.sum(a * b) for a, b in pairs])


def draws_of_block(num_draws: int, num_blocks: int) -> int:
    """Draws in each block, rounded up to whole ones, and to two."""
    return max(2, -(-num_draws // num_blocks))


def draw_moments(
    run: CompiledMoments,
    seed: int,
    num_draws: int,
    num_blocks: int,
    directions: Sequence[np.ndarray],
) -> GradientMoments:
    """Draws gradients in blocks.

    Args:
        run: What `compiled_moments` returned.
        seed: Integer, of which alone the noise is a function.
        num_draws: Number of draws of all blocks together, at least.
        num_blocks: Number of blocks.
        directions: An array of the shape of each weight.

    Returns:
        The moments of the blocks.
    """
    size = draws_of_block(num_draws, num_blocks)
    tensors = [ops.convert_to_tensor(part, "float32") for part in directions]
    first_word = ops.convert_to_tensor(np.uint32(seed))
    blocks, seconds = [], []
    for block in range(num_blocks):
        places = np.arange(block * size, (block + 1) * size, dtype="int32")
        keys = keys_of_groups(first_word, ops.convert_to_tensor(places))
        start = time.perf_counter()
        means, squares, projections = run(keys, tensors)
        flat = [np.ravel(mean) for mean in means]
        blocks.append((flat, np.asarray(squares), np.asarray(projections)))
        seconds.append(time.perf_counter() - start)
    rows, squares, projections = zip(*blocks, strict=True)
    return GradientMoments(
        means=[np.stack(columns) for columns in zip(*rows, strict=True)],
        variances=np.asarray(squares, "float64") / (size - 1),
        projections=np.asarray(projections, "float64") / size,
        milliseconds=1e3 * float(np.median(seconds[1:] or seconds)) / size,
    )
