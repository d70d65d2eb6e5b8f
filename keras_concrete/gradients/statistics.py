"""What blocks of gradients say: bias, variance, direction, and how sure that is.

Lengths are estimated without the bias that noise gives them: a squared length is the mean
product of *different* blocks' means. Standard errors are those of the jackknife, which
leaves out one block after the other.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from keras_concrete.gradients.moments import GradientMoments

__all__ = ["NUM_BLOCKS", "GradientStatistics", "gradient_statistics", "squared_length"]

NUM_BLOCKS = 20
# Of Student's t with NUM_BLOCKS - 1 degrees of freedom.
_QUANTILE_97_5 = 2.093


class GradientStatistics(NamedTuple):
    """Of one part of a gradient; the fields are those of `GradientRow`."""

    reference_norm: float
    bias: float
    bias_low: float
    bias_high: float
    variance: float
    variance_error: float
    mean_cosine: float
    mean_cosine_error: float
    draw_cosine: float
    draw_cosine_error: float
    signal_to_noise: float
    signal_to_noise_error: float


def gradient_statistics(
    moments: GradientMoments, reference: list[np.ndarray], members: np.ndarray, part: int
) -> GradientStatistics:
    """Compares the gradient of one part of the weights with a reference.

    Args:
        moments: Of the gradient, in `NUM_BLOCKS` blocks.
        reference: For each weight the reference in as many blocks with noise of their
            own, `(blocks, size)`; the same in all where it is exact.
        members: Places of the part's weights among all.
        part: Place of the part in the projections.

    Returns:
        The numbers.
    """
    products = _products(moments.means, reference, members)
    own, across, of_reference = products
    distances = own - across - across.T + of_reference
    variances = moments.variances[:, members].sum(axis=1)
    projections = moments.projections[:, part]

    def bias(kept: np.ndarray) -> float:
        return squared_length(distances, kept)

    def variance(kept: np.ndarray) -> float:
        return float(variances[kept].mean())

    def mean_cosine(kept: np.ndarray) -> float:
        inner = across[np.ix_(kept, kept)].mean()
        return _ratio(inner, _length(own, kept) * _length(of_reference, kept))

    def draw_cosine(kept: np.ndarray) -> float:
        return _ratio(projections[kept].mean(), _length(of_reference, kept))

    def signal_to_noise(kept: np.ndarray) -> float:
        return _ratio(_length(own, kept), math.sqrt(variance(kept)))

    squared_bias, error = _jackknife(bias)
    margin = _QUANTILE_97_5 * error
    return GradientStatistics(
        _length(of_reference, np.arange(NUM_BLOCKS)),
        _root(squared_bias),
        _root(squared_bias - margin),
        _root(max(squared_bias, 0.0) + margin),
        *_jackknife(variance),
        *_jackknife(mean_cosine),
        *_jackknife(draw_cosine),
        *_jackknife(signal_to_noise),
    )


def squared_length(products: np.ndarray, kept: np.ndarray) -> float:
    """Mean product of different blocks, which noise does not lengthen.

    Args:
        products: Inner products of all pairs of blocks, `(blocks, blocks)`.
        kept: Places of the blocks that count.

    Example:
    >>> squared_length(np.array([[9.0, 1.0], [3.0, 9.0]]), np.arange(2))
    2.0
    """
    block = products[np.ix_(kept, kept)]
    size = len(kept)
    return float((block.sum() - np.trace(block)) / (size * (size - 1)))


def _products(
    means: list[np.ndarray], reference: list[np.ndarray], members: np.ndarray
) -> np.ndarray:
    """Products of blocks: own with own, own with reference, reference with itself."""
    total = np.zeros((3, NUM_BLOCKS, NUM_BLOCKS))
    for member in members:
        own = np.asarray(means[member], "float64")
        other = np.asarray(reference[member], "float64")
        total += np.stack([own @ own.T, own @ other.T, other @ other.T])
    return total


def _jackknife(statistic: Callable[[np.ndarray], float]) -> tuple[float, float]:
    """A statistic of all blocks, and its standard error."""
    every = np.arange(NUM_BLOCKS)
    without = np.array([statistic(np.delete(every, block)) for block in every])
    return statistic(every), math.sqrt((NUM_BLOCKS - 1) * np.var(without))


def _length(products: np.ndarray, kept: np.ndarray) -> float:
    return _root(squared_length(products, kept))


def _root(square: float) -> float:
    return math.sqrt(max(square, 0.0))


def _ratio(numerator: float, denominator: float) -> float:
    return float(numerator / denominator) if denominator > 0 else math.nan
