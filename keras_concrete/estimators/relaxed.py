"""Estimators whose gradient flows through relaxed states: Concrete and its variants."""

from typing import TYPE_CHECKING, ClassVar

from keras import ops

from keras_concrete.estimators.base import LinearScore, RelaxedEstimator, linear_log_mass
from keras_concrete.types import Tensor

if TYPE_CHECKING:
    from keras_concrete.distributions.units import Unit

__all__ = ["AnalyticKL", "Concrete", "GumbelNode", "GumbelSoftmax"]


class Concrete(RelaxedEstimator):
    """The paper's estimator: every node and mass replaced by its relaxation.

    Equations 25 and 27. The relaxed objective is a lower bound in the relaxed model, and
    the gradient is unbiased for it, though not for the discrete bound.
    """

    name = "concrete"
    convex_when_cold: ClassVar[bool] = True


class GumbelSoftmax(LinearScore, RelaxedEstimator):
    """Relaxed states scored by discrete masses, linear in the state (equation 21).

    The objective of Jang, Gu & Poole, "Categorical Reparameterization with
    Gumbel-Softmax", ICLR 2017. Not a bound in the relaxed model.
    """

    name = "gumbel_softmax"
    convex_when_cold: ClassVar[bool] = True


class AnalyticKL(RelaxedEstimator):
    """Relaxed states, and the discrete KL in closed form (equation 22).

    Masses whose logits do not depend on the node are averaged over the distribution that
    it was drawn from. Others, as those of a prior given a layer that was drawn after the
    node, have no closed form, and are weighed with the relaxed state, as in equation 21.
    Not a bound in the relaxed model.
    """

    name = "concrete_analytic_kl"
    convex_when_cold: ClassVar[bool] = True
    reads_drawn_logits: ClassVar[bool] = True

    def log_prob(
        self,
        unit: "Unit",
        temperature: Tensor,
        logits: Tensor,
        node: Tensor,
        drawn_logits: Tensor | None,
    ) -> Tensor:
        """Weighs the log-masses with the posterior's probabilities, if they are given."""
        if drawn_logits is None:
            return linear_log_mass(unit, self.state(unit, node), logits)
        drawn_logits = ops.broadcast_to(drawn_logits, ops.shape(node))
        return linear_log_mass(unit, unit.mean(drawn_logits), logits)


class GumbelNode(RelaxedEstimator):
    """Relaxed states, with the Gumbels as the node that densities score (section C.3).

    A lower bound in the relaxed model, looser than `concrete`: softmax loses one degree
    of freedom, which the KL of the Gumbels counts. A binary unit has two of them, located
    at 0 and at its logit.

    Warning:
        Under `mixed_float16` give it float32 logits: the log-density falls exponentially
        below its location, and slopes there are beyond 65,504, the largest number of
        float16. With float16 logits Keras's loss scaling skips the steps that have such
        slopes.
    """

    name = "concrete_gumbel_node"
    convex_when_cold: ClassVar[bool] = True

    def unit(self, binary: bool) -> "Unit":
        """The circuit with the Gumbels as the node."""
        from keras_concrete.distributions.gumbel_units import (
            GumbelBinaryUnit,
            GumbelCategoricalUnit,
        )

        return GumbelBinaryUnit() if binary else GumbelCategoricalUnit()
