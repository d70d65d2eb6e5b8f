"""REINFORCE with the other samples as the baseline of each."""

from typing import ClassVar

from keras import ops

from keras_concrete import objectives
from keras_concrete.estimators.score_function import ScoreFunction, score
from keras_concrete.estimators.surrogate import Surrogate, bound_with_gradient_of
from keras_concrete.types import Tensor
from keras_concrete.unknown_sizes import held_to_several

__all__ = [
    "ReinforceLeaveOneOut",
    "check_several_samples",
    "less_mean_of_others",
    "log_weights_of_several",
]


class LeaveOneOutSurrogate(Surrogate):
    """The log-weight of each sample, less the mean of the others, is its signal.

    The value is L_m, as for all estimators; the gradient is that of the mean ELBO.
    """

    def build(self, joint_shapes: list, posterior_shapes: list, conditions: list) -> None:
        """Refuses a single sample."""
        check_several_samples("reinforce_loo", joint_shapes[0])

    def call(
        self,
        log_joint: list[Tensor],
        log_posterior: list[Tensor],
        conditions: list[Tensor],
    ) -> Tensor:
        log_weights = log_weights_of_several("reinforce_loo", log_joint, log_posterior)
        log_q = objectives.sum_terms(log_posterior)
        gains = score(less_mean_of_others(log_weights), log_q)
        smooth = ops.mean(objectives.sum_terms(log_joint) + gains, axis=1)
        return bound_with_gradient_of(log_weights, smooth)


def less_mean_of_others(values: Tensor) -> Tensor:
    """Each sample's value less the mean of the other samples'.

    Args:
        values: Float tensor `(batch, num_samples)`, of at least 2 samples.

    Returns:
        Tensor of that shape.

    Example:
    >>> import numpy as np
    >>> less_mean_of_others(np.float32([[1.0, 2.0, 6.0]])).numpy()
    array([[-3. , -1.5,  4.5]], dtype=float32)
    """
    size = ops.cast(ops.shape(values)[1], values.dtype)
    return (values - ops.mean(values, axis=1, keepdims=True)) * (size / (size - 1.0))


def check_several_samples(estimator: str, shape: tuple) -> None:
    """Refuses terms of a single sample.

    Raises:
        ValueError: If the terms have no sample axis, or one of a single sample.
    """
    if len(shape) == 1 or shape[1] == 1:
        raise ValueError(
            f"{_needs_several(estimator)} Received: terms of shape {tuple(shape)}"
        )


def log_weights_of_several(
    estimator: str, log_joint: list[Tensor], log_posterior: list[Tensor]
) -> Tensor:
    """The log-weights, of at least two samples also in calls after the first.

    Args:
        estimator: Name of the estimator, for an error.
        log_joint: Terms of log p.
        log_posterior: Terms of log q.

    Returns:
        Tensor `(batch, num_samples)`, which is refused when it runs where a graph does
        not know its size before.

    Raises:
        ValueError: If the terms have no sample axis, or one of a single sample.
    """
    log_weights = objectives.log_weights(log_joint, log_posterior)
    check_several_samples(estimator, log_weights.shape)
    return held_to_several(log_weights, _needs_several(estimator))


def _needs_several(estimator: str) -> str:
    return (
        f"The estimator {estimator!r} compares each sample with the others, so that "
        "it needs `num_samples` of at least 2; for one sample use 'nvil'."
    )


class ReinforceLeaveOneOut(ScoreFunction):
    """REINFORCE less the mean of the other samples (Kool et al., 2019).

    The gradient is the mean over samples i of
    `(f_i - mean of f_j over j != i) * d log q(z_i) + d log p(x, z_i)`, with the
    log-weight `f = log p(x, z) - log q(z given x)`. The baseline of a sample does not
    see that sample, so that nothing is biased; the gradient of -log q(z) itself is 0 on
    the mean and left out.

    * Objective: the mean ELBO of the m samples, L_1 and not L_m. More samples lower the
      variance, and do not tighten the bound: for L_m use `"vimco"`.
    * Bias: none. Decoder evaluations a step: m, of at least 2; for one use `"nvil"`.
    * Works in any model that ends in `MultiSampleBound`, on units of any number of
      states. Under another loss choose one whose gradient flows through the states.

    Reference:
        Kool, van Hoof & Welling, "Buy 4 REINFORCE Samples, Get a Baseline for Free!",
        ICLR workshop 2019.
    """

    name = "reinforce_loo"
    surrogate = LeaveOneOutSurrogate
    objective: ClassVar[str] = "mean ELBO"
    signals_only: ClassVar[bool] = True
