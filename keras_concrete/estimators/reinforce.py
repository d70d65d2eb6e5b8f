"""REINFORCE, without a baseline and with a running mean."""

from typing import ClassVar

from keras import ops

from keras_concrete import objectives
from keras_concrete.estimators.score_function import (
    ScoreFunction,
    score,
    update_average,
)
from keras_concrete.estimators.surrogate import Surrogate
from keras_concrete.moving_average import moving_average
from keras_concrete.types import Tensor

__all__ = ["Reinforce", "ReinforceRunningMean"]


class ReinforceSurrogate(Surrogate):
    """The bound as the learning signal of all layers, less a baseline of 0.

    The gradient is `signal * d log q + d L_m`, the second through log p and log q at
    fixed samples.
    """

    def call(
        self,
        log_joint: list[Tensor],
        log_posterior: list[Tensor],
        conditions: list[Tensor],
    ) -> Tensor:
        bound = super().call(log_joint, log_posterior, conditions)
        log_q = objectives.sum_terms(log_posterior)
        if len(log_q.shape) == 2:
            log_q = ops.sum(log_q, axis=1)
        return bound + score(self.centered(bound), log_q)

    def centered(self, bound: Tensor) -> Tensor:
        """The bound less a baseline."""
        return bound


class RunningMeanSurrogate(ReinforceSurrogate):
    """The same, less a running mean of earlier batches' bounds.

    Attributes:
        decay: The mean becomes `decay * mean + (1 - decay) * batch mean`, after its use:
            a sample never sees itself, so the gradient stays unbiased.
    """

    decay: ClassVar[float] = 0.9

    def build(self, joint_shapes: list, posterior_shapes: list, conditions: list) -> None:
        """Adds the mean, a weight that does not train."""
        self.mean = moving_average(self, "mean")

    def centered(self, bound: Tensor) -> Tensor:
        """The bound less the mean of earlier batches."""
        centered = bound - self.mean
        update_average(self, self.mean, self.decay, bound)
        return centered


class Reinforce(ScoreFunction):
    """REINFORCE without a baseline (Williams, 1992)."""

    name = "reinforce"
    surrogate = ReinforceSurrogate


class ReinforceRunningMean(ScoreFunction):
    """REINFORCE less a running mean of earlier bounds."""

    name = "reinforce_running_mean"
    surrogate = RunningMeanSurrogate
