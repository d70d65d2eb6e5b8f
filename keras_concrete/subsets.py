"""The k largest of n scores: exactly, and smoothly.

The smooth form shifts all scores by one threshold until their sigmoids sum to k: the
point of the polytope of subsets that has the largest `scores . p + H(p)`, H the sum of
binary entropies (the "limited multi-label projection" of Amos, Koltun & Kolter, 2019). A
chain of k softmaxes (Xie & Ermon, 2019) sums to k too, but its entries exceed 1, it takes
the logarithm of 1 minus a softmax, which is 0 when cold, and its steps wait for one
another.
"""

import math

from keras import ops

from keras_concrete.types import Tensor

__all__ = ["largest", "smoothly_largest"]

_HALVINGS, _NEWTON_STEPS = 12, 2
_SMALLEST_SLOPE = 1e-30


def largest(scores: Tensor, k: int) -> Tensor:
    """The k largest scores, one after the other.

    Args:
        scores: Float tensor `(..., n)` with n > k.
        k: How many.

    Returns:
        Float32 tensor `(..., k, n)`: one-hot rows, the largest score first, no two alike.

    Example:
    >>> import numpy as np
    >>> largest(np.float32([3.0, 1.0, 7.0]), 2).numpy().tolist()
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """
    _, indices = ops.top_k(scores, k)
    return ops.one_hot(indices, scores.shape[-1], dtype="float32")


def smoothly_largest(scores: Tensor, temperature: Tensor, k: int, each: bool) -> Tensor:
    """Weights in [0, 1] of the scores that sum to k: `sigmoid((scores - c) / t)`.

    They tend to the k largest as the temperature t falls to 0. The gradient is that of
    the threshold c being where it must (implicit differentiation): with
    `w = p (1 - p)`, `dp = w (ds - sum(w ds) / sum(w)) / t`, finite everywhere.

    Args:
        scores: Float32 tensor `(..., n)` with n > k.
        temperature: Positive scalar t.
        k: How many.
        each: Whether the weights of the largest 1, 2, ..., k are wanted, not of k only.

    Returns:
        Float32 tensor `(..., n)`, or with `each` `(..., k, n)`.

    Example:
    >>> import numpy as np
    >>> weights = smoothly_largest(np.float32([0.0, 1.0, 1.0]), 0.5, 2, each=False)
    >>> weights.numpy().round(3)
    array([0.372, 0.814, 0.814], dtype=float32)
    """
    sorted_scores, indices = ops.top_k(scores, k + 1)
    chosen = ops.one_hot(indices[..., :k], scores.shape[-1], dtype="float32")
    # Between the last score that is chosen and the next.
    middle = 0.5 * (sorted_scores[..., :-1] + sorted_scores[..., 1:])
    if each:
        counts, chosen = list(range(1, k + 1)), ops.cumsum(chosen, axis=-2)
    else:
        counts, chosen = [k], ops.sum(chosen, axis=-2, keepdims=True)
        middle = middle[..., -1:]
    middle = ops.stop_gradient(middle[..., None])
    distances = (scores[..., None, :] - middle) / temperature
    weights = _with_sums(distances, chosen, counts)
    return weights if each else weights[..., 0, :]


def _with_sums(distances: Tensor, chosen: Tensor, counts: list[int]) -> Tensor:
    """Sigmoids of distances, shifted so that each row sums to its count."""
    n = distances.shape[-1]
    signs = 1.0 - 2.0 * chosen
    fixed = ops.stop_gradient(distances)
    # At the bounds, wherever the scores lie, the sum is too large and too small.
    low = -ops.reshape(_logs(counts), (-1, 1))
    high = ops.reshape(_logs([n - count for count in counts]), (-1, 1))
    low, high = (ops.zeros_like(fixed[..., :1]) + bound for bound in (low, high))
    for _ in range(_HALVINGS):
        shift = 0.5 * (low + high)
        is_low = _surplus(fixed - shift, signs) > 0.0
        low, high = ops.where(is_low, shift, low), ops.where(is_low, high, shift)
    shift = 0.5 * (low + high)
    for _ in range(_NEWTON_STEPS):
        shift = shift + _newton_step(fixed - shift, signs)
    shift = ops.stop_gradient(shift)
    slope = _slope(fixed - shift)
    # A last step, which moves little and has the gradient of the solution.
    shift = shift + _surplus(distances - shift, signs) / slope
    return ops.sigmoid(distances - shift)


def _logs(counts: list[int]) -> Tensor:
    return ops.convert_to_tensor([math.log(c) for c in counts], dtype="float32")


def _surplus(shifted: Tensor, signs: Tensor) -> Tensor:
    """Sum minus count, of terms that are small where both would cancel."""
    return ops.sum(signs * ops.sigmoid(signs * shifted), axis=-1, keepdims=True)


def _slope(shifted: Tensor) -> Tensor:
    slopes = ops.sigmoid(shifted) * ops.sigmoid(-shifted)
    return ops.maximum(ops.sum(slopes, axis=-1, keepdims=True), _SMALLEST_SLOPE)


def _newton_step(shifted: Tensor, signs: Tensor) -> Tensor:
    return _surplus(shifted, signs) / _slope(shifted)
