"""The discrete twin of the binary relaxations."""

from typing import Any

import numpy as np
from keras import ops

from keras_concrete import noise
from keras_concrete.backend import tf, tfp
from keras_concrete.distributions.impossible import settled
from keras_concrete.distributions.masses import kl_of_masses
from keras_concrete.distributions.parameterized import Parameterized
from keras_concrete.distributions.parameters import properties
from keras_concrete.distributions.rounding import is_not_negative
from keras_concrete.distributions.standard import sample_key
from keras_concrete.types import Tensor

__all__ = ["Bernoulli"]

_LARGEST = float(np.finfo(np.float32).max)

tfd: Any = tfp.distributions


class Bernoulli(Parameterized):
    """The discrete twin of the binary relaxations: P(X = 1) = sigmoid(logits).

    Args:
        logits: log alpha, the log-odds of state 1; infinite where the state is certain.
            Computed in float32.
        probs: The probability of state 1, in place of `logits`.
        validate_args: Whether arguments and samples are checked at run time.
        allow_nan_stats: As in every TFP distribution.
        name: Name prefixed to operations.

    Shapes:
        Batch shape that of `logits`, event shape `()`. States are float32, 0 or 1, or NaN
        where the logit is; `log_prob`, `entropy` and `kl_divergence` are in nats.

    Raises:
        ValueError: If not exactly one of `logits` and `probs` is given.

    Example:
    >>> Bernoulli(logits=0.0).log_prob([0.0, 1.0]).numpy().round(3)
    array([-0.693, -0.693], dtype=float32)
    >>> fair, biased = Bernoulli(probs=0.5), Bernoulli(probs=0.9)
    >>> round(float(fair.kl_divergence(biased)), 3)
    0.511
    """

    def __init__(
        self,
        logits: Tensor | None = None,
        probs: Tensor | None = None,
        validate_args: bool = False,
        allow_nan_stats: bool = True,
        name: str = "Bernoulli",
    ) -> None:
        parameters = dict(locals())
        with tf.name_scope(name) as name:
            self._set_parameters(logits, probs)
            super().__init__(
                dtype=tf.float32,
                reparameterization_type=tfd.NOT_REPARAMETERIZED,
                validate_args=validate_args,
                allow_nan_stats=allow_nan_stats,
                parameters=parameters,
                name=name,
            )

    @classmethod
    def _parameter_properties(
        cls, dtype: tf.DType, num_classes: int | None = None
    ) -> dict[str, Any]:
        return properties(event_ndims=0)

    def _sample_n(self, n: Tensor, seed: Tensor | None = None) -> Tensor:
        logits = self._read_logits()
        shape = (n, *ops.shape(logits))
        return is_not_negative(logits + noise.logistic(shape, sample_key(seed)))

    def _log_prob(self, value: Tensor) -> Tensor:
        # -softplus(-+logits), with one logarithm for a logit however many values it has.
        # Clipped, infinite logits have a mass of 0 or 1, and no difference of infinities.
        logits = ops.clip(self._read_logits(), -_LARGEST, _LARGEST)
        distance = ops.abs(logits)
        sure = 0.5 * (ops.where(value > 0.5, logits, -logits) - distance)
        return sure - ops.log1p(ops.exp(-distance))

    def _log_masses(self) -> Tensor:
        return ops.stack([self._log_prob(0.0), self._log_prob(1.0)], axis=-1)

    def _mean(self) -> Tensor:
        return ops.sigmoid(self._read_logits())

    def _variance(self) -> Tensor:
        logits = self._read_logits()
        return ops.sigmoid(logits) * ops.sigmoid(-logits)

    def _mode(self) -> Tensor:
        return is_not_negative(self._read_logits())

    def _entropy(self) -> Tensor:
        distance = ops.abs(settled(self._read_logits()))
        return ops.softplus(-distance) + distance * ops.sigmoid(-distance)

    def _sample_control_dependencies(self, value: Tensor) -> list:
        if not self.validate_args:
            return []
        is_state = tf.reduce_all((value == 0.0) | (value == 1.0))
        return [tf.debugging.Assert(is_state, ["Samples must be 0 or 1.", value])]


@tfd.RegisterKL(Bernoulli, Bernoulli)
def _kl(q: Bernoulli, p: Bernoulli, name: str | None = None) -> Tensor:
    """Sum over both states of P_q log(P_q / P_p); inf if p excludes a state of q."""
    with tf.name_scope(name or "kl_bernoulli_bernoulli"):
        return kl_of_masses(q._log_masses(), p._log_masses())
