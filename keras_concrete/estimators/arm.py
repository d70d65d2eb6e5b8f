"""ARM: antithetic pairs of states, weighed with the noise that drew them."""

from typing import TYPE_CHECKING, Any, ClassVar

from keras import ops

from keras_concrete.estimators.disarm import Disarm, DisarmSurrogate
from keras_concrete.types import Tensor

if TYPE_CHECKING:
    from keras_concrete.distributions.units import Unit

__all__ = ["Arm"]


class ArmSurrogate(DisarmSurrogate):
    """Pairs whose difference is weighed with u - 1/2, u the uniform noise of a unit."""

    estimator: ClassVar[str] = "arm"

    def of_units(self, logits: Tensor, node: Tensor) -> Tensor:
        """The logits, weighed with u - 1/2, a function of the Logistic noise."""
        noise = ops.stop_gradient(node - logits)
        return 0.5 * ops.tanh(0.5 * noise) * logits


class Arm(Disarm):
    """ARM (Yin & Zhou, 2019), the augment-REINFORCE-merge estimator, for binary units.

    Pairs z, z' of opposite noise, as in `"disarm"`. The gradient with respect to a logit
    of the layer that is drawn first is the mean over pairs of `(f(z) - f(z')) (u - 1/2)`,
    with the uniform noise u by which z is 1 where `u > sigmoid(-logit)`. `"disarm"` is
    its mean given the states, and has less variance at the same cost: this one is for
    comparisons. Layers drawn from these have the signals of `"reinforce_loo"`.

    * Objective: the mean ELBO of the m samples, L_1 and not L_m: for L_m use `"vimco"`.
    * Bias: none. Decoder evaluations a step: m, which is even.
    * Works where `"disarm"` does, on binary units. The temperature has no effect.

    Reference:
        Yin & Zhou, "ARM: Augment-REINFORCE-Merge Gradient for Stochastic Binary
        Networks", ICLR 2019.
    """

    name = "arm"
    surrogate = ArmSurrogate
    binary_only: ClassVar[bool] = True

    def node(
        self, unit: "Unit", logits: Tensor, noise: Any, temperature: Tensor
    ) -> Tensor:
        """The node at temperature 1, less its logit the noise."""
        return super().node(unit, logits, noise, 1.0)
