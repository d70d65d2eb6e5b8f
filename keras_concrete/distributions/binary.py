"""The relaxations of binary units, of appendix B.

The *node* is Y = (log alpha + L) / temperature with Logistic noise L, and the relaxed
state is sigmoid(Y). `LogitBinaryConcrete` is the distribution of the node and the one to
use in an objective: at low temperature float32 cannot tell most states from 0 and 1,
and no density can be had back from a state that has become 1.
"""

from typing import Any

import numpy as np
from keras import ops

from keras_concrete import noise
from keras_concrete.backend import tf, tfp
from keras_concrete.distributions.impossible import (
    is_certain,
    log_prob_unless_certain,
    settled,
)
from keras_concrete.distributions.parameterized import Parameterized
from keras_concrete.distributions.parameters import properties
from keras_concrete.distributions.sigmoid import Sigmoid
from keras_concrete.distributions.standard import Logistic, sample_key
from keras_concrete.types import Tensor

__all__ = ["BinaryConcrete", "LogitBinaryConcrete"]

tfb: Any = tfp.bijectors
tfd: Any = tfp.distributions


class LogitBinaryConcrete(Parameterized):
    """Distribution of the node of a relaxed binary unit (section C.3.2).

    Y = (log alpha + L) / temperature, with log-density
    `log t - t y + log alpha - 2 log(1 + exp(-t y + log alpha))`, t the temperature: the
    cheat sheet's Logistic(log alpha, t). `sigmoid(Y)` is BinaryConcrete.

    Where |log alpha| is 5000 or more the state is certain: the node is +-1e9, and the
    log-density that of a unit of one state, 0 at nodes whose state is the certain one and
    -inf elsewhere. So a certain unit adds nothing to a KL of equally certain ones. A
    temperature that trains has no gradient (NaN) of nodes whose log alpha is infinite:
    write +-1e9 there.

    Args:
        temperature: Positive number or tensor, scalar or of the shape of `logits`.
        logits: log alpha, the log-odds of state 1, infinite where it is certain. Computed
            in float32.
        probs: The probability of state 1, in place of `logits`.
        validate_args: Whether arguments and samples are checked at run time.
        allow_nan_stats: As in every TFP distribution.
        name: Name prefixed to operations.

    Shapes:
        Batch shape that of `logits`, event shape `()`. `log_prob` is in nats.

    Raises:
        ValueError: If `temperature` would broadcast against `logits`, or not exactly one
            of `logits` and `probs` is given.

    Example:
    >>> node = LogitBinaryConcrete(2 / 3, logits=[0.0, 3.0])
    >>> node.log_prob([0.0, 4.5]).numpy().round(3)
    array([-1.792, -1.792], dtype=float32)
    """

    def __init__(
        self,
        temperature: Tensor,
        logits: Tensor | None = None,
        probs: Tensor | None = None,
        validate_args: bool = False,
        allow_nan_stats: bool = True,
        name: str = "LogitBinaryConcrete",
    ) -> None:
        parameters = dict(locals())
        with tf.name_scope(name) as name:
            self._set_parameters(logits, probs, temperature, validate_args)
            super().__init__(
                dtype=tf.float32,
                reparameterization_type=tfd.FULLY_REPARAMETERIZED,
                validate_args=validate_args,
                allow_nan_stats=allow_nan_stats,
                parameters=parameters,
                name=name,
            )

    @classmethod
    def _parameter_properties(
        cls, dtype: tf.DType, num_classes: int | None = None
    ) -> dict[str, Any]:
        return properties(event_ndims=0, is_relaxed=True)

    def node(self, logistics: Tensor) -> Tensor:
        """Adds Logistic noise to the logits, and divides by the temperature."""
        logits = self._read_logits()
        # Chosen last: XLA rounds a training step in another way if logits are chosen.
        node = self._relocation(logits).forward(logistics)
        return ops.where(is_certain(logits), settled(logits), node)

    def _relocation(self, logits: Tensor) -> Any:
        scale = 1.0 / self._read_temperature()
        return tfb.Chain([tfb.Scale(scale=scale), tfb.Shift(logits)])

    def _relocated(self) -> tfp.distributions.Distribution:
        """The distribution as it is unless the unit is certain."""
        relocation = self._relocation(self._read_logits())
        return tfd.TransformedDistribution(Logistic(), relocation)

    def _sample_n(self, n: Tensor, seed: Tensor | None = None) -> Tensor:
        shape = (n, *ops.shape(self._read_logits()))
        return self.node(noise.logistic(shape, sample_key(seed)))

    def _log_prob(self, node: Tensor) -> Tensor:
        log_prob = self._relocated().log_prob(node)
        return log_prob_unless_certain(log_prob, node, self._read_logits())

    def _cdf(self, node: Tensor) -> Tensor:
        return self._unless_certain(self._relocated().cdf(node), node, 1.0, 0.0)

    def _log_cdf(self, node: Tensor) -> Tensor:
        value = self._relocated().log_cdf(node)
        return self._unless_certain(value, node, 0.0, -float("inf"))

    def _survival_function(self, node: Tensor) -> Tensor:
        value = self._relocated().survival_function(node)
        return self._unless_certain(value, node, 0.0, 1.0)

    def _log_survival_function(self, node: Tensor) -> Tensor:
        value = self._relocated().log_survival_function(node)
        return self._unless_certain(value, node, -float("inf"), 0.0)

    def _unless_certain(
        self, value: Tensor, node: Tensor, from_there: float, before: float
    ) -> Tensor:
        """A value, or one of two where the unit is a step: at state 0, or at state 1."""
        logits = self._read_logits()
        is_before = ops.logical_and(logits > 0.0, ops.sigmoid(node) < 1.0)
        step = ops.where(is_before, np.float32(before), np.float32(from_there))
        return ops.where(is_certain(logits), step, value)

    def _quantile(self, probability: Tensor) -> Tensor:
        return self.node(Logistic().quantile(probability))

    def _mean(self) -> Tensor:
        return self.node(0.0)

    def _mode(self) -> Tensor:
        return self.node(0.0)

    def _variance(self) -> Tensor:
        variance = Logistic().variance() / self._read_temperature() ** 2
        certain = is_certain(self._read_logits())
        return ops.where(certain, 0.0, variance)

    def _entropy(self) -> Tensor:
        entropy = Logistic().entropy() - ops.log(self._read_temperature())
        return ops.where(is_certain(self._read_logits()), 0.0, entropy)

    def _default_event_space_bijector(self) -> Any:
        return tfb.Identity()


class BinaryConcrete(Parameterized, tfd.TransformedDistribution):
    """Distribution of the state of a relaxed binary unit (definition 2, equation 17).

    X = sigmoid((log alpha + L) / temperature). For display and for checks: objectives
    should score the node with `LogitBinaryConcrete`, since a state that rounds to 0 or 1
    in float32 has lost its density. At exactly 0 and 1 `log_prob` is the density's
    limit: `inf` below temperature 1, `-inf` above. Of a certain unit it is `inf` at its
    state and `-inf` elsewhere.

    It takes the place of `tfp.distributions.RelaxedBernoulli`, and differs in two ways:
    it computes in float32 whatever it is given, as all of this package does; and it
    refuses a temperature whose shape would enlarge the batch, so that a prior cannot be
    scored once for each of its posterior's temperatures by mistake.

    Args:
        temperature: Positive number or tensor, scalar or of the shape of `logits`.
        logits: log alpha, the log-odds of state 1, infinite where it is certain. Computed
            in float32.
        probs: The probability of state 1, in place of `logits`.
        validate_args: Whether arguments and samples are checked at run time.
        allow_nan_stats: As in every TFP distribution.
        name: Name prefixed to operations.

    Shapes:
        Batch shape that of `logits`, event shape `()`. `log_prob` is in nats.

    Raises:
        ValueError: If `temperature` would broadcast against `logits`, or not exactly one
            of `logits` and `probs` is given.

    Example:
    >>> BinaryConcrete(1.0, probs=0.5).log_prob([0.2, 0.5]).numpy().round(3) + 0.0
    array([0., 0.], dtype=float32)
    """

    def __init__(
        self,
        temperature: Tensor,
        logits: Tensor | None = None,
        probs: Tensor | None = None,
        validate_args: bool = False,
        allow_nan_stats: bool = True,
        name: str = "BinaryConcrete",
    ) -> None:
        parameters = dict(locals())
        with tf.name_scope(name) as name:
            self._set_parameters(logits, probs, temperature, validate_args)
            super().__init__(
                distribution=LogitBinaryConcrete(
                    temperature, logits, probs, validate_args, allow_nan_stats
                ),
                bijector=Sigmoid(),
                validate_args=validate_args,
                parameters=parameters,
                name=name,
            )

    @classmethod
    def _parameter_properties(
        cls, dtype: tf.DType, num_classes: int | None = None
    ) -> dict[str, Any]:
        return properties(event_ndims=0, is_relaxed=True)

    def _log_prob(self, value: Tensor) -> Tensor:
        on_boundary = ops.logical_or(value <= 0.0, value >= 1.0)
        inside = super()._log_prob(ops.where(on_boundary, 0.5, value))
        logits, temperature = self._read_logits(), self._read_temperature()
        # Towards an end, log p = log t + (t - 1) log(distance) -+ log alpha.
        finite = ops.log(temperature) + ops.where(value <= 0.0, -logits, logits)
        limit = ops.where(
            temperature < 1.0,
            float("inf"),
            ops.where(temperature > 1.0, float("-inf"), finite),
        )
        is_its_state = ops.equal(value >= 1.0, logits > 0.0)
        of_certain = ops.where(is_its_state, float("inf"), float("-inf"))
        of_certain = ops.cast(of_certain, "float32")
        limit = ops.where(is_certain(logits), of_certain, limit)
        limit = ops.where(ops.logical_or(value < 0.0, value > 1.0), float("-inf"), limit)
        return ops.where(on_boundary, limit, inside)

    def _sample_control_dependencies(self, value: Tensor) -> list:
        if not self.validate_args:
            return []
        at_most = "Sample must be less than or equal to `1`."
        return [
            tf.debugging.assert_non_negative(value, "Sample must be non-negative."),
            tf.debugging.assert_less_equal(value, 1.0, at_most),
        ]

    def _default_event_space_bijector(self) -> Any:
        return Sigmoid()
