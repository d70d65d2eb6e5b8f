"""VIMCO: each sample of a bound against the others."""

from keras import ops

from keras_concrete import objectives
from keras_concrete.estimators.base import Surrogate
from keras_concrete.estimators.score_function import ScoreFunction, score
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
        shape = joint_shapes[0]
        if len(shape) == 1 or shape[1] == 1:
            raise ValueError(
                "The estimator 'vimco' compares each sample with the others, so that it "
                "needs `num_samples` of at least 2; for one sample use 'nvil'. "
                f"Received: terms of shape {tuple(shape)}"
            )

    def call(
        self,
        log_joint: list[Tensor],
        log_posterior: list[Tensor],
        conditions: list[Tensor],
    ) -> Tensor:
        log_weights = objectives.log_weights(log_joint, log_posterior)
        bound = objectives.importance_weighted_bound(log_weights)
        signal = ops.expand_dims(bound, 1) - leave_one_out_bounds(log_weights)
        log_q = objectives.sum_terms(log_posterior)
        return bound + ops.sum(score(signal, log_q), axis=1)


def leave_one_out_bounds(log_weights: Tensor) -> Tensor:
    """L_m with each weight in turn replaced by the geometric mean of the others.

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
    size = ops.shape(log_weights)[1]
    others = ops.cast(size, log_weights.dtype) - 1.0
    total = ops.sum(log_weights, axis=1, keepdims=True)
    geometric_mean = (total - log_weights) / others
    replaced = ops.where(
        ops.eye(size, dtype="bool"),
        ops.expand_dims(geometric_mean, 2),
        ops.expand_dims(log_weights, 1),
    )
    return ops.logsumexp(replaced, axis=2) - ops.log(others + 1.0)


class Vimco(ScoreFunction):
    """VIMCO (Mnih & Rezende, "Variational Inference for Monte Carlo Objectives", 2016).

    For bounds of more than one sample.
    """

    name = "vimco"
    surrogate = VimcoSurrogate
