"""Gumbel-Rao: straight-through Gumbel-softmax, averaged over noise of the same state."""

from typing import TYPE_CHECKING, Any, ClassVar

from keras import ops

from keras_concrete import noise as noises
from keras_concrete.estimators.straight_through import (
    StraightThrough,
    softmax_of_moved,
    state_of_masses,
)
from keras_concrete.estimators.surrogate import with_gradient_of
from keras_concrete.types import Shape, Tensor

if TYPE_CHECKING:
    from keras_concrete.distributions.units import Unit

__all__ = ["GumbelRao", "conditional_gumbels"]


class GumbelRao(StraightThrough):
    """Gumbel-Rao: `"straight_through_gumbel_softmax"` with less variance.

    The state D is drawn once. Its gradient is the mean, over K draws of Gumbels G_k from
    their distribution given D, of that of `softmax((log pi + G_k) / temperature)`. Each
    G_k is held fixed: the paper would have the gradient flow through the dependence of
    G_k on the logits too, but only without it is the mean that of straight-through
    Gumbel-softmax, as the Rao-Blackwell argument has it.

    * Objective: as of `"straight_through_gumbel_softmax"`, with masses scored linearly in
      the state, `sum_i z_i log pi_i`.
    * Bias: the same; less variance. Decoder evaluations a step: m; the K draws are of the
      units only.
    * Works in any model, and under any loss, on units of any number of states. Without
      bias: `"reinforce_loo"`, `"vimco"`.

    Attributes:
        num_draws: K. For another, derive a class with another `name` and register it.

    Reference:
        Paulus, Maddison & Krause, "Rao-Blackwellizing the Straight-Through Gumbel-Softmax
        Gradient Estimator", ICLR 2021.
    """

    name = "gumbel_rao"
    num_draws: ClassVar[int] = 10

    def noise(self, unit: "Unit", shape: Shape, key: Tensor) -> Any:
        """Noise of the state, and a key for that of the K draws."""
        return unit.noise(shape, key), noises.fold_in(key, 1)

    def node(
        self, unit: "Unit", logits: Tensor, noise: Any, temperature: Tensor
    ) -> Tensor:
        """The node, with the gradient of the state."""
        noise, key = noise
        node = unit.node(logits, noise, temperature)
        drawn = unit.masses(ops.stop_gradient(unit.discrete_state(node)))
        # The draws on axis 1, behind the rows of the batch, which may each have a key.
        log_masses = ops.expand_dims(unit.log_masses(logits), 1)
        rows, *units = ops.shape(drawn)
        gumbels = noises.gumbel((rows, self.num_draws, *units), key)
        perturbed = conditional_gumbels(ops.expand_dims(drawn, 1), log_masses, gumbels)
        relaxed = softmax_of_moved(log_masses, perturbed, temperature)
        smooth = state_of_masses(ops.mean(relaxed, axis=1), node)
        return with_gradient_of(node, smooth)


def conditional_gumbels(drawn: Tensor, log_masses: Tensor, gumbels: Tensor) -> Tensor:
    """Draws log-masses plus Gumbels, given which of the sums is the largest.

    Args:
        drawn: One-hot tensor `(..., n)`: which one is the largest.
        log_masses: Normalised log-probabilities, of a shape that broadcasts to that.
        gumbels: Independent standard Gumbels, `(..., n)`.

    Returns:
        Tensor of the shape of `gumbels`.

    Reference:
        Maddison & Tarlow, "Gumbel Machinery", 2017.
    """
    # The largest sum is a standard Gumbel, whichever it is; the others lie below it.
    largest = ops.sum(drawn * gumbels, axis=-1, keepdims=True)
    below = -ops.logaddexp(-(log_masses + gumbels), -largest)
    return ops.where(drawn > 0.5, largest, below)
