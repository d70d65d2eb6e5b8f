"""Gapped straight-through: straight-through Gumbel-softmax without its noise."""

from typing import TYPE_CHECKING, Any, ClassVar

from keras import ops

from keras_concrete.estimators.straight_through import (
    StraightThrough,
    softmax_of_moved,
    state_of_masses,
)
from keras_concrete.estimators.surrogate import with_gradient_of
from keras_concrete.types import Tensor

if TYPE_CHECKING:
    from keras_concrete.distributions.units import Unit

__all__ = ["GappedStraightThrough"]


class GappedStraightThrough(StraightThrough):
    """Gapped straight-through (GST-1.0): a softmax in which the drawn state is ahead.

    Given the state that was drawn, its logit is raised to that of the likeliest state,
    and those of the others are lowered to at least a gap below. The discrete state has
    the gradient of the softmax of these logits at the temperature, and what was added to
    them is held fixed. So its relaxed state agrees with the discrete one, as that of
    `"straight_through_gumbel_softmax"` does, and has no noise but that of the draw.

    * Objective: the mean of what the model ends in, with masses scored linearly in the
      state, `sum_i z_i log pi_i`.
    * Bias: yes. Meant to have the low variance of `"gumbel_rao"` without its K draws.
      Decoder evaluations a step: m.
    * Works in any model, and under any loss, on units of any number of states. Without
      bias: `"reinforce_loo"`, `"vimco"`.

    Attributes:
        gap: In nats. For another, derive a class with another `name` and register it.

    Reference:
        Fan, Chi, Rudnicky & Ramadge, "Training Discrete Deep Generative Models via Gapped
        Straight-Through Estimator", ICML 2022.
    """

    name = "gapped_straight_through"
    gap: ClassVar[float] = 1.0

    def node(
        self, unit: "Unit", logits: Tensor, noise: Any, temperature: Tensor
    ) -> Tensor:
        """The node, with the gradient of the state."""
        node = unit.node(logits, noise, temperature)
        drawn = unit.masses(unit.discrete_state(node))
        log_masses = unit.log_masses(logits)
        largest = ops.max(log_masses, axis=-1, keepdims=True, initial=-float("inf"))
        lowered = ops.minimum(log_masses, largest - self.gap)
        moved = ops.where(drawn > 0.5, largest, lowered)
        relaxed = softmax_of_moved(log_masses, moved, temperature)
        return with_gradient_of(node, state_of_masses(relaxed, node))
