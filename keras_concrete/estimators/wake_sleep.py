"""Reweighted wake-sleep: q learns from samples by their shares of the weights."""

from typing import ClassVar

from keras import ops

from keras_concrete import objectives
from keras_concrete.estimators.leave_one_out import (
    check_several_samples,
    log_weights_of_several,
)
from keras_concrete.estimators.score_function import ScoreFunction
from keras_concrete.estimators.surrogate import Surrogate, bound_with_gradient_of
from keras_concrete.types import Tensor

__all__ = ["ReweightedWakeSleep"]


class WakeSleepSurrogate(Surrogate):
    """Each sample teaches p and q as much as its share of the weights says."""

    estimator: ClassVar[str] = "reweighted_wake_sleep"

    def build(self, joint_shapes: list, posterior_shapes: list, conditions: list) -> None:
        """Refuses a single sample."""
        check_several_samples(self.estimator, joint_shapes[0])

    def call(
        self,
        log_joint: list[Tensor],
        log_posterior: list[Tensor],
        conditions: list[Tensor],
    ) -> Tensor:
        log_weights = log_weights_of_several(self.estimator, log_joint, log_posterior)
        log_both = objectives.sum_terms([*log_joint, *log_posterior])
        smooth = ops.sum(objectives.shares(log_weights) * log_both, axis=1)
        return bound_with_gradient_of(log_weights, smooth)


class ReweightedWakeSleep(ScoreFunction):
    """Reweighted wake-sleep, with q trained awake (Bornschein & Bengio, 2015).

    With the self-normalised weights `w_i` of the m samples, p gets
    `sum_i w_i * d log p(x, z_i)`, its gradient of L_m, and q
    `sum_i w_i * d log q(z_i given x)`, which for m without end is the gradient of minus
    KL(p(z given x) || q): q is to cover the posterior. No signal of the size of the bound
    multiplies the score of q, as in REINFORCE.

    * Objective: L_m for p. For q the KL above, for m without end; for few samples none is
      known, and for one nothing would be learnt.
    * Bias: none for p; q follows another objective than the discrete bound. Decoder
      evaluations a step: m, of at least 2.
    * Works in any model that ends in `MultiSampleBound`, on units of any number of
      states. A conditional network draws from its prior, which gets the gradient of q.
      Under another loss choose one whose gradient flows through the states.

    Dreams, the update of q on images drawn from p, are not in it.

    Reference:
        Bornschein & Bengio, "Reweighted Wake-Sleep", ICLR 2015; Le, Kosiorek, Siddharth,
        Teh & Wood, "Revisiting Reweighted Wake-Sleep for Models with Stochastic Control
        Flow", UAI 2019, their wake-wake.
    """

    name = "reweighted_wake_sleep"
    surrogate = WakeSleepSurrogate
    is_unbiased: ClassVar[bool] = False
    signals_only: ClassVar[bool] = True
