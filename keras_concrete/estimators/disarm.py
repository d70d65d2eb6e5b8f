"""DisARM: antithetic pairs of states."""

from typing import TYPE_CHECKING, Any, ClassVar

from keras import ops

from keras_concrete import objectives
from keras_concrete.estimators.base import beside_samples, check_first_draw
from keras_concrete.estimators.leave_one_out import less_mean_of_others
from keras_concrete.estimators.score_function import ScoreFunction, score
from keras_concrete.estimators.surrogate import Surrogate, bound_with_gradient_of
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
        self._check_pairs(joint_shapes[0])
        check_first_draw(self.estimator, conditions)

    def _check_pairs(self, shape: tuple) -> None:
        if len(shape) == 1 or (shape[1] is not None and shape[1] % 2):
            raise ValueError(
                f"The estimator {self.estimator!r} draws samples in antithetic pairs: "
                "pass an even `num_samples`, or use 'reinforce_loo', which takes any "
                "from 2, or 'nvil', which takes one. Received: terms of shape "
                f"{tuple(shape)}"
            )

    def call(
        self,
        log_joint: list[Tensor],
        log_posterior: list[Tensor],
        conditions: list[Tensor],
    ) -> Tensor:
        log_weights = objectives.log_weights(log_joint, log_posterior)
        self._check_pairs(log_weights.shape)
        gains = objectives.sum_terms(log_joint)
        weighted = self._weighted_log_mass(*conditions)
        gains = gains + score(log_weights - _of_partner(log_weights), weighted)
        for log_q in log_posterior[1:]:
            gains = gains + score(less_mean_of_others(log_weights), log_q)
        return bound_with_gradient_of(log_weights, ops.mean(gains, axis=1))

    def _weighted_log_mass(self, logits: Tensor, node: Tensor) -> Tensor:
        """Log q of each sample, with a weight for each unit, or each of its decisions."""
        # A bound beyond which a unit is certain, for logits of -inf.
        logits = ops.clip(ops.cast(logits, "float32"), -1000.0, 1000.0)
        logits = beside_samples(logits, node)
        weigh = self.of_units if self.num_states == 2 else _of_decisions
        units = tuple(range(2, len(node.shape)))
        return ops.sum(weigh(logits, ops.stop_gradient(node)), axis=units)

    def of_units(self, logits: Tensor, node: Tensor) -> Tensor:
        """Log q of each unit's state, weighed with the mass of the likelier one."""
        return _log_mass(logits, ops.cast(node >= 0.0, "float32"), 1.0)


def _of_decisions(logits: Tensor, node: Tensor) -> Tensor:
    """Log q of the decisions that led to each unit's state.

    Those that led to its partner's as well are weighed as a binary unit; the noise of
    others is not known to the partner.
    """
    # Here and not above: TFP takes a second to import.
    from keras_concrete.distributions.rounding import one_hot_of_largest
    from keras_concrete.distributions.stick_breaking import log_odds_of_decisions

    state = one_hot_of_largest(node)
    reached = (1.0 - ops.cumsum(state, axis=-1) + state)[..., :-1]
    reached_by_both = reached * _of_partner(reached)
    log_odds = log_odds_of_decisions(ops.log_softmax(logits))
    return reached * _log_mass(log_odds, state[..., :-1], reached_by_both)


def _log_mass(logits: Tensor, state: Tensor, is_paired: Any) -> Tensor:
    """Log q of binary states; those of pairs weighed with the mass of the likelier."""
    likelier = ops.sigmoid(ops.abs(logits))
    weight = 1.0 + is_paired * (likelier - 1.0)
    return ops.stop_gradient(weight) * (state * logits - ops.softplus(logits))


def _of_partner(values: Tensor) -> Tensor:
    """The values of the other sample of each pair."""
    first, second = ops.split(values, 2, axis=1)
    return ops.concatenate([second, first], axis=1)


class Disarm(ScoreFunction):
    """DisARM (Dong et al., 2020), and for units of more states by stick-breaking (2021).

    Samples come in pairs z, z' whose units have opposite noise in the layer that is drawn
    first. The gradient with respect to a logit l of a binary unit of this layer is the
    mean over pairs of `(f(z) - f(z')) / 2 * (z - z') * sigmoid(|l|)`, with the log-weight
    `f = log p(x, z) - log q(z given x)` (equation 9, and its mean over several pairs).

    A unit of n states is a row of binary decisions, each for one state or those after it,
    whose pairs have opposite noise. A decision that led to both states of a pair has that
    gradient; one that led to z alone `(f(z) - f(z')) / 2 * (b - sigmoid(l))`, with its
    outcome b and log-odds l; the others none. This is the mean, given the states, of
    `(f(z) - f(z')) (u - 1/2)`, with the uniform noise u of a decision.

    Layers drawn from these draw noise of their own for each sample; they have the signals
    of `"reinforce_loo"`, since a pair of theirs would have to share what it is
    conditioned on, at the price of a decoder evaluation more for each layer.

    * Objective: the mean ELBO of the m samples, L_1 and not L_m: for L_m use `"vimco"`.
    * Bias: none. Decoder evaluations a step: m, which is even.
    * Works in belief networks, and in any model that ends in `MultiSampleBound` and calls
      it on `(log_joint, log_posterior, [logits, node])`, if one sampler alone draws
      first, by its `num_samples`, and the others from what it drew.

    References:
        Dong, Mnih & Tucker, "DisARM: An Antithetic Gradient Estimator for Binary Latent
        Variables", NeurIPS 2020; "Coupled Gradient Estimators for Discrete Latent
        Variables", NeurIPS 2021.
    """

    name = "disarm"
    surrogate = DisarmSurrogate
    reads_first_draw: ClassVar[bool] = True
    pairs_first_draw: ClassVar[bool] = True
    objective: ClassVar[str] = "mean ELBO"
    signals_only: ClassVar[bool] = True

    def unit(self, binary: bool) -> "Unit":
        """Units of one noise for each decision; the masses are those of others."""
        # Here and not above: TFP takes a second to import.
        from keras_concrete.distributions.stick_breaking import StickBreakingUnit

        return super().unit(binary) if binary else StickBreakingUnit()

    def discrete_unit(self, binary: bool) -> "Unit":
        """The circuit of all others."""
        return super().unit(binary)

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
