"""VIMCO: each sample of a bound against the others."""

from keras import ops

from keras_concrete import objectives
from keras_concrete.estimators.leave_one_out import (
    check_several_samples,
    log_weights_of_several,
)
from keras_concrete.estimators.score_function import ScoreFunction, score
from keras_concrete.estimators.surrogate import Surrogate
from keras_concrete.types import Tensor

__all__ = ["Vimco", "leave_one_out_bounds"]


class VimcoSurrogate(Surrogate):
    """One leave-one-out learning signal for each sample, shared by all layers.

    The signal of sample i is L_m less what L_m would be with weight i replaced by the
    geometric mean of the others. The log of a mean does not split over layers, so there
    is one signal for all of them.
    """

    def build(self, joint_shapes: list, posterior_shapes: list, conditions: list) -> None:
        """Refuses a single sample."""
        check_several_samples("vimco", joint_shapes[0])

    def call(
        self,
        log_joint: list[Tensor],
        log_posterior: list[Tensor],
        conditions: list[Tensor],
    ) -> Tensor:
        log_weights = log_weights_of_several("vimco", log_joint, log_posterior)
        bound = objectives.importance_weighted_bound(log_weights)
        signal = ops.expand_dims(bound, 1) - leave_one_out_bounds(log_weights)
        log_q = objectives.sum_terms(log_posterior)
        return bound + ops.sum(score(signal, log_q), axis=1)


def leave_one_out_bounds(log_weights: Tensor) -> Tensor:
    """L_m with each weight in turn replaced by the geometric mean of the others.

    Time and memory are linear in the number of samples. A weight of 0 is allowed, unless
    all of an example are.

    Args:
        log_weights: Float tensor `(batch, num_samples)`, of at least 2 samples.

    Returns:
        Tensor `(batch, num_samples)`.

    Example:
    >>> import numpy as np
    >>> bounds = leave_one_out_bounds(np.log([[1.0, 3.0]]).astype("float32"))
    >>> np.exp(bounds).round(3)
    array([[3., 1.]], dtype=float32)
    """
    others = ops.cast(ops.shape(log_weights)[1], log_weights.dtype) - 1.0
    largest = ops.max(log_weights, axis=1, keepdims=True, initial=-float("inf"))
    relative = ops.maximum(log_weights - largest, _LOWEST)
    logs = _log_sums_without_one(relative)
    geometric_means = _sums_without_one(relative) / others
    return largest + ops.logaddexp(logs, geometric_means) - ops.log(others + 1.0)


# Stands for the log of a weight of 0: a sum of many is still finite.
_LOWEST = -1e30


def _log_sums_without_one(logs: Tensor) -> Tensor:
    """For each sample the log of the sum of the others' exponentials.

    The largest of `logs` is 0. For all others the sum less its own term keeps the largest
    one, so that nothing cancels; for the largest itself the rest is summed.
    """
    is_first_largest = _is_at(ops.argmax(logs, axis=1), logs)
    powers = ops.exp(logs)
    rest = ops.sum(powers, axis=1, keepdims=True) - powers
    of_rest = ops.logsumexp(
        ops.where(is_first_largest, _LOWEST, logs), axis=1, keepdims=True
    )
    return ops.where(is_first_largest, of_rest, ops.log(ops.maximum(rest, 1.0)))


def _sums_without_one(values: Tensor) -> Tensor:
    """For each sample the sum of the others' values, none of which is positive.

    As above: without any but the lowest the sum keeps the lowest.
    """
    is_first_lowest = _is_at(ops.argmin(values, axis=1), values)
    of_rest = ops.sum(ops.where(is_first_lowest, 0.0, values), axis=1, keepdims=True)
    rest = ops.sum(values, axis=1, keepdims=True) - values
    return ops.where(is_first_lowest, of_rest, rest)


def _is_at(position: Tensor, values: Tensor) -> Tensor:
    """Whether an element of axis 1 is the one at its row's position."""
    positions = ops.arange(ops.shape(values)[1], dtype="int32")
    return positions == ops.expand_dims(ops.cast(position, "int32"), 1)


class Vimco(ScoreFunction):
    """VIMCO (Mnih & Rezende, "Variational Inference for Monte Carlo Objectives", 2016).

    For bounds of more than one sample.
    """

    name = "vimco"
    surrogate = VimcoSurrogate
