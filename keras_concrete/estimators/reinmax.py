"""ReinMax: straight-through to the second order."""

from typing import TYPE_CHECKING, Any

from keras import ops

from keras_concrete.estimators.straight_through import StraightThrough, state_of_masses
from keras_concrete.estimators.surrogate import with_gradient_of
from keras_concrete.types import Tensor

if TYPE_CHECKING:
    from keras_concrete.distributions.units import Unit

__all__ = ["ReinMax"]


class ReinMax(StraightThrough):
    """ReinMax: discrete states with a gradient that is exact for quadratic functions.

    With the probabilities `pi = softmax(logits)` and the state D drawn, a gradient g with
    respect to the state becomes `(2 J((pi + D) / 2) - J(pi) / 2) g` with respect to the
    logits, where `J(v) = diag(v) - v v'` is the Jacobian of softmax (algorithm 2). On the
    mean over D this is the exact gradient of `E[f(D)]` of one unit where f is quadratic
    in the state (Heun's method), as that of `"straight_through"` is where f is linear.

    * Objective: the mean of what the model ends in, with masses scored linearly in the
      state, `sum_i z_i log pi_i`.
    * Bias: of the third order in the state, for one unit; for more, what their
      interaction leaves. Decoder evaluations a step: m.
    * Works in any model, and under any loss, on units of any number of states. Without
      bias: `"reinforce_loo"`, `"vimco"`.

    The temperature has no effect: that of the paper's variants is 1.

    Reference:
        Liu, Dong, Liu, Yu & Gao, "Bridging Discrete and Backpropagation: Straight-Through
        and Beyond", NeurIPS 2023.
    """

    name = "reinmax"

    def node(
        self, unit: "Unit", logits: Tensor, noise: Any, temperature: Tensor
    ) -> Tensor:
        """The node, with the gradient of the state."""
        node = unit.node(logits, noise, temperature)
        drawn = unit.masses(unit.discrete_state(node))
        log_masses = unit.log_masses(logits)
        masses = ops.exp(log_masses)
        middle = ops.stop_gradient((masses + drawn) / 2.0)
        # Of log-masses with the gradient of softmax at `middle`.
        mean = ops.sum(middle * log_masses, axis=-1, keepdims=True)
        smooth = 2.0 * middle * (log_masses - mean) - masses / 2.0
        return with_gradient_of(node, state_of_masses(smooth, node))
