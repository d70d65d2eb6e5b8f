"""The doubly reparameterised gradient of the relaxed bound of several samples."""

from typing import TYPE_CHECKING, Any, ClassVar

from keras import ops

from keras_concrete import objectives
from keras_concrete.estimators.base import RelaxedEstimator, check_sample_axis, rows_of
from keras_concrete.estimators.surrogate import Surrogate, bound_with_gradient_of
from keras_concrete.types import Tensor

if TYPE_CHECKING:
    from keras_concrete.distributions.units import Unit

__all__ = ["ConcreteDreg"]


class DregSurrogate(Surrogate):
    """Samples weighed with the squares of their weights, and what q's score would add.

    The second half of the rows holds the samples again, without gradients through their
    nodes, so that only parameters get a gradient from it: those of p what they lack, and
    those of q minus the score that the first half has given them.
    """

    def build(self, joint_shapes: list, posterior_shapes: list, conditions: list) -> None:
        """Refuses terms without a sample axis."""
        check_sample_axis("concrete_dreg", joint_shapes[0])

    def call(
        self,
        log_joint: list[Tensor],
        log_posterior: list[Tensor],
        conditions: list[Tensor],
    ) -> Tensor:
        log_weights, fixed = ops.split(
            objectives.log_weights(log_joint, log_posterior), 2, axis=1
        )
        _, log_p_fixed = ops.split(objectives.sum_terms(log_joint), 2, axis=1)
        weights = objectives.shares(log_weights)
        through_nodes = weights**2 * (log_weights - fixed)
        smooth = ops.sum(through_nodes + weights * log_p_fixed, axis=1)
        return bound_with_gradient_of(log_weights, smooth)


class ConcreteDreg(RelaxedEstimator):
    """The doubly reparameterised gradient (DReG) of `"concrete"`.

    With the self-normalised weights `w_i` of the m samples, the parameters of q get
    `sum_i w_i**2 * d log(p(x, z_i) / q(z_i given x))`, through the nodes z_i alone and
    not through q's density, and those of p `sum_i w_i * d log p(x, z_i)` (IWAE-DReG).
    So the signal of q's gradient does not drown in noise as m grows, as that of
    `"concrete"` does (Rainforth et al., 2018), and the gradient is 0 where q is the exact
    posterior. With m = 1 it is the gradient that "sticks the landing" (Roeder et al.,
    2017).

    * Objective: L_m of the relaxed graph, as of `"concrete"`.
    * Bias: none for that; for the discrete bound that of `"concrete"`. Decoder
      evaluations a step: 2 m, since each sample stands on the sample axis twice in
      training, from the second one on without a gradient through its node. At equal cost
      `"concrete"` draws 2 m samples.
    * Works in belief networks of any depth, and in any model that ends in
      `MultiSampleBound` and gives the sampler `num_samples`, on units of any number of
      states. Under another loss use `"concrete"`. The decoder must have no noise of its
      own (Dropout, say): each sample and its copy are to have the same log p.
    * In a conditional network, which draws from its prior, it is at m = 1 `"concrete"`
      with the prior's score, 0 on the mean, added: noise, and no gain.

    Reference:
        Tucker, Lawson, Gu & Maddison, "Doubly Reparameterized Gradient Estimators for
        Monte Carlo Objectives", ICLR 2019.
    """

    name = "concrete_dreg"
    surrogate = DregSurrogate
    pathwise: ClassVar[bool] = False
    convex_when_cold: ClassVar[bool] = True
    rows_per_sample: ClassVar[int] = 2

    def node(
        self, unit: "Unit", logits: Tensor, noise: Any, temperature: Tensor
    ) -> Tensor:
        """The nodes, and the same ones without their gradient."""
        num_samples = ops.shape(noise)[1]
        node = unit.node(rows_of(logits, 0, num_samples), noise, temperature)
        return ops.concatenate([node, ops.stop_gradient(node)], axis=1)
