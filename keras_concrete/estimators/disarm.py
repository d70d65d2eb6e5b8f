"""DisARM: antithetic pairs of states of binary units."""

from typing import TYPE_CHECKING, Any, ClassVar

from keras import ops

from keras_concrete import objectives
from keras_concrete.estimators.base import Surrogate, with_gradient_of
from keras_concrete.estimators.leave_one_out import less_mean_of_others
from keras_concrete.estimators.score_function import ScoreFunction, score
from keras_concrete.types import Tensor

if TYPE_CHECKING:
    from keras_concrete.distributions.units import Unit

__all__ = ["Disarm", "DisarmSurrogate"]


class DisarmSurrogate(Surrogate):
    """Pairs of the layer drawn first against each other; others leave one out.

    The value is L_m, as for all estimators; the gradient is that of the mean ELBO.

    Attributes:
        estimator: Name of the estimator, for errors.
    """

    estimator: ClassVar[str] = "disarm"

    def build(self, joint_shapes: list, posterior_shapes: list, conditions: list) -> None:
        """Refuses samples that are not pairs, and terms without their logits."""
        shape = joint_shapes[0]
        if len(shape) == 1 or (shape[1] is not None and shape[1] % 2):
            raise ValueError(
                f"The estimator {self.estimator!r} draws samples in antithetic pairs: "
                "pass an even `num_samples`, or use 'reinforce_loo', which takes any "
                "from 2, or 'nvil', which takes one. Received: terms of shape "
                f"{tuple(shape)}"
            )
        if len(conditions) != 2:
            raise ValueError(
                f"The estimator {self.estimator!r} reads the logits of units one by one. "
                "Call MultiSampleBound on the triple (log_joint, log_posterior, [logits, "
                "node]), with the logits and the node of the sampler that has "
                "`num_samples`, whose term comes first in log_posterior. Received: "
                f"{len(conditions)} conditions"
            )

    def call(
        self,
        log_joint: list[Tensor],
        log_posterior: list[Tensor],
        conditions: list[Tensor],
    ) -> Tensor:
        log_weights = objectives.log_weights(log_joint, log_posterior)
        gains = objectives.sum_terms(log_joint)
        weighted = self._weighted_log_mass(*conditions)
        gains = gains + score(_less_partner(log_weights), weighted)
        for log_q in log_posterior[1:]:
            gains = gains + score(less_mean_of_others(log_weights), log_q)
        return with_gradient_of(
            objectives.importance_weighted_bound(log_weights), ops.mean(gains, axis=1)
        )

    def _weighted_log_mass(self, logits: Tensor, node: Tensor) -> Tensor:
        """Log q of each sample, with a weight for each unit."""
        # A bound beyond which a unit is certain, for logits of -inf.
        logits = ops.clip(ops.cast(logits, "float32"), -1000.0, 1000.0)
        if len(logits.shape) < len(node.shape):
            logits = ops.expand_dims(logits, 1)
        units = tuple(range(2, len(node.shape)))
        return ops.sum(self.of_units(logits, ops.stop_gradient(node)), axis=units)

    def of_units(self, logits: Tensor, node: Tensor) -> Tensor:
        """Log q of each unit's state, weighed with the mass of the likelier one."""
        log_masses = ops.cast(node >= 0.0, "float32") * logits - ops.softplus(logits)
        return ops.stop_gradient(ops.sigmoid(ops.abs(logits))) * log_masses


def _less_partner(values: Tensor) -> Tensor:
    """Each sample's value less that of the other one of its pair."""
    first, second = ops.split(values, 2, axis=1)
    return ops.concatenate([first - second, second - first], axis=1)


class Disarm(ScoreFunction):
    """DisARM (Dong et al., 2020), for binary units.

    Samples come in pairs z, z' whose units have opposite noise in the layer that is drawn
    first. The gradient with respect to a logit l of this layer is the mean over pairs of
    `(f(z) - f(z')) / 2 * (z - z') * sigmoid(|l|)`, with the log-weight
    `f = log p(x, z) - log q(z given x)` (equation 9, and its mean over several pairs).
    Layers drawn from these draw noise of their own for each sample; they have the signals
    of `"reinforce_loo"`, since a pair of theirs would have to share what it is
    conditioned on, at the price of a decoder evaluation more for each layer.

    * Objective: the mean ELBO of the m samples, L_1 and not L_m: for L_m use `"vimco"`.
    * Bias: none. Decoder evaluations a step: m, which is even.
    * Works in belief networks, and in any model that ends in `MultiSampleBound` and calls
      it on `(log_joint, log_posterior, [logits, node])`, on binary units. For units of
      more states use `"reinforce_loo"`.

    Reference:
        Dong, Mnih & Tucker, "DisARM: An Antithetic Gradient Estimator for Binary Latent
        Variables", NeurIPS 2020.
    """

    name = "disarm"
    surrogate = DisarmSurrogate
    binary_only: ClassVar[bool] = True
    reads_first_draw: ClassVar[bool] = True
    objective: ClassVar[str] = "mean ELBO"
    signals_only: ClassVar[bool] = True

    def node(
        self, unit: "Unit", logits: Tensor, noise: Any, temperature: Tensor
    ) -> Tensor:
        """The node; with logits that samples share, samples of opposite noise."""
        # The layer drawn first has one row of logits for all samples.
        if len(logits.shape) > 1 and logits.shape[1] == 1:
            size = ops.shape(noise)[1]
            own = noise[:, : size - size // 2]
            noise = ops.concatenate([own, -own[:, : size // 2]], axis=1)
        return unit.node(logits, noise, temperature)
