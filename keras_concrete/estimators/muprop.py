"""MuProp: a linear baseline at the mean-field state, whose mean is known."""

from typing import TYPE_CHECKING, Any, ClassVar

from keras import ops

from keras_concrete import objectives
from keras_concrete.estimators.base import (
    LinearScore,
    check_sample_axis,
    linear_log_mass,
    rows_of,
)
from keras_concrete.estimators.score_function import ScoreFunction, score
from keras_concrete.estimators.surrogate import (
    Surrogate,
    bound_with_gradient_of,
    with_gradient_of,
)
from keras_concrete.types import Tensor

if TYPE_CHECKING:
    from keras_concrete.distributions.units import Unit

__all__ = ["MuProp"]


class MuPropSurrogate(Surrogate):
    """Each sample's log-weight against that of the mean-field state.

    The last row but one is the mean-field state, through which its log-weight has the
    gradient that the nodes turn into the linear baseline; the last one is the same state
    without a gradient, which takes from the parameters what the other has given them.
    """

    def build(self, joint_shapes: list, posterior_shapes: list, conditions: list) -> None:
        """Refuses terms without a sample axis."""
        check_sample_axis("muprop", joint_shapes[0])

    def call(
        self,
        log_joint: list[Tensor],
        log_posterior: list[Tensor],
        conditions: list[Tensor],
    ) -> Tensor:
        rows = objectives.log_weights(log_joint, log_posterior)
        log_weights, mean_field, fixed = rows[:, :-2], rows[:, -2], rows[:, -1]
        log_p = objectives.sum_terms(log_joint)[:, :-2]
        log_q = objectives.sum_terms(log_posterior)[:, :-2]
        gains = log_p + score(log_weights - mean_field[:, None], log_q)
        return bound_with_gradient_of(
            log_weights, ops.mean(gains, axis=1) + mean_field - fixed
        )


class MuProp(LinearScore, ScoreFunction):
    """MuProp (Gu et al., 2016), a first-order Taylor expansion as the baseline.

    The mean-field state u runs through the network beside the samples: each of its layers
    is the mean of that layer of q, given the means before it. With the log-weight
    `f = log p(x, z) - log q(z given x)`, continued to such states linearly in each unit's
    masses (`sum_i z_i log pi_i`), the logits of a layer get the mean over the m samples
    of `(f(z) - f(u) - f'(u) (z - mu)) * d log q(z) + f'(u) * d mu`. Here z and mu are
    those of the layer: its sample, and the mean given the sampled layers before it. The
    second term is the mean of what the first subtracts.

    * Objective: the mean ELBO of the m samples, L_1 and not L_m: for L_m use `"vimco"`.
    * Bias: none. Decoder evaluations a step: m + 2, of which two are of the mean-field
      state, one to pass its gradient on to q and one to keep it from p.
    * Works in belief networks of any depth, and in any model that ends in
      `MultiSampleBound`, gives the sampler `num_samples` and is smooth in the states, on
      units of any number of states. Under another loss choose one whose gradient flows
      through the states.

    The paper's further baselines, learned from the data and scaled by the variance, are
    those of `"nvil"` and are left out. The temperature has no effect.

    Reference:
        Gu, Levine, Sutskever & Mnih, "MuProp: Unbiased Backpropagation for Stochastic
        Neural Networks", ICLR 2016.
    """

    name = "muprop"
    surrogate = MuPropSurrogate
    objective: ClassVar[str] = "mean ELBO"
    rows_besides: ClassVar[int] = 2

    def node(
        self, unit: "Unit", logits: Tensor, noise: Any, temperature: Tensor
    ) -> Tensor:
        """Nodes of the samples; of the mean-field state, with the baseline's gradient."""
        of_samples, of_mean, of_fixed = (
            rows_of(logits, *rows) for rows in ((0, -2), (-2, -1), (-1, None))
        )
        node = unit.node(of_samples, noise, temperature)
        # At temperature 1 and without noise the relaxed state is the mean.
        mean = unit.node(of_mean, unit.mode_noise(ops.shape(of_mean)), 1.0)
        smooth = _linear_baseline(unit, node, of_samples)
        # Through the mean-field layers before this one, not through weights.
        smooth = smooth + unit.mean(of_mean) - unit.mean(of_fixed)
        rows = [node, with_gradient_of(mean, smooth), ops.stop_gradient(mean)]
        return ops.concatenate(rows, axis=1)

    def state(self, unit: "Unit", node: Tensor) -> Tensor:
        """Discrete samples, and means, to which the gradient of the node passes."""
        samples, means = unit.discrete_state(node[:, :-2]), node[:, -2:]
        means = with_gradient_of(unit.relaxed_state(means), means)
        return ops.concatenate([samples, means], axis=1)


def _linear_baseline(unit: "Unit", node: Tensor, logits: Tensor) -> Tensor:
    """What, times f'(u), has the gradient that corrects for the linear baseline.

    Args:
        unit: The circuit.
        node: Nodes of the samples.
        logits: Logits that they were drawn with.

    Returns:
        Tensor of the shape of a state, with one row.
    """
    state, mean = unit.discrete_state(node), unit.mean(logits)
    log_q = linear_log_mass(unit, state, logits)
    units = tuple(range(2, len(log_q.shape)))
    log_q = ops.sum(log_q, axis=units, keepdims=True)
    if len(log_q.shape) < len(state.shape):
        log_q = ops.expand_dims(log_q, -1)
    return ops.mean(mean - score(state - mean, log_q), axis=1, keepdims=True)
