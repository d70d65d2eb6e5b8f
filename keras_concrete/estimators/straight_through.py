"""Straight-through estimators: discrete states forward, a smooth state's gradient back.

They have not been shown to be the gradient of any objective (section 4). Masses are
scored linearly in the state, so that gradients reach it.
"""

from typing import TYPE_CHECKING, ClassVar

from keras import ops

from keras_concrete.estimators.relaxed import GumbelSoftmax
from keras_concrete.estimators.surrogate import with_gradient_of
from keras_concrete.types import Tensor

if TYPE_CHECKING:
    from keras_concrete.distributions.units import Unit

__all__ = [
    "StraightThrough",
    "StraightThroughGumbelSoftmax",
    "softmax_of_moved",
    "state_of_masses",
]


class StraightThrough(GumbelSoftmax):
    """Discrete states with the gradient of their expectation.

    Bengio, Léonard & Courville, "Estimating or Propagating Gradients Through Stochastic
    Neurons", 2013. The temperature has no effect.
    """

    name = "straight_through"
    convex_when_cold: ClassVar[bool] = False

    def node(
        self, unit: "Unit", logits: Tensor, noise: Tensor, temperature: Tensor
    ) -> Tensor:
        """The node, with the gradient of the expected state."""
        node = super().node(unit, logits, noise, temperature)
        return with_gradient_of(node, unit.mean(logits))

    def state(self, unit: "Unit", node: Tensor) -> Tensor:
        """The rounded node; the gradient of the node passes unchanged."""
        return with_gradient_of(unit.discrete_state(node), node)


class StraightThroughGumbelSoftmax(GumbelSoftmax):
    """Discrete states with the gradient of the relaxed state of the same noise.

    Jang, Gu & Poole, "Categorical Reparameterization with Gumbel-Softmax", ICLR 2017.
    """

    name = "straight_through_gumbel_softmax"
    convex_when_cold: ClassVar[bool] = False

    def state(self, unit: "Unit", node: Tensor) -> Tensor:
        """The rounded node, with the gradient of the relaxed state."""
        return with_gradient_of(unit.discrete_state(node), unit.relaxed_state(node))


def softmax_of_moved(log_masses: Tensor, moved: Tensor, temperature: Tensor) -> Tensor:
    """The softmax of log-masses that were moved, by what is held fixed in its gradient.

    Args:
        log_masses: Log-masses of the states of each unit, on the last axis.
        moved: Where they were moved to.
        temperature: Of the softmax.

    Returns:
        Tensor of the shape of `moved`.
    """
    fixed = ops.stop_gradient(moved - log_masses)
    return ops.softmax((log_masses + fixed) / temperature, axis=-1)


def state_of_masses(masses: Tensor, node: Tensor) -> Tensor:
    """The state whose `Unit.masses` these are: of a binary unit that of state 1.

    Args:
        masses: Weights of the states of each unit, on the last axis.
        node: A node of the units.

    Returns:
        Tensor of the rank of the node.
    """
    is_binary = len(masses.shape) > len(node.shape)
    return masses[..., 1] if is_binary else masses
