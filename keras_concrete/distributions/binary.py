"""Binary units: the Bernoulli, and its relaxations of appendix B.

The *node* is Y = (log alpha + L) / temperature with Logistic noise L, and the relaxed
state is sigmoid(Y). `LogitBinaryConcrete` is the distribution of the node and the one to
use in an objective: at low temperature float32 cannot tell most states from 0 and 1,
and no density can be had back from a state that has become 1.
"""

from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from keras import ops

from keras_concrete.distributions.parameters import (
    as_float32,
    checked_temperature,
    temperature_and_logits,
)
from keras_concrete.distributions.standard import Logistic, sample_key
from keras_concrete.types import Tensor

__all__ = ["Bernoulli", "BinaryConcrete", "LogitBinaryConcrete", "Sigmoid"]

_LARGEST = float(np.finfo(np.float32).max)

tfb: Any = tfp.bijectors
tfd: Any = tfp.distributions


class Sigmoid(tfb.Bijector):
    """The bijector from a node to its relaxed state, with gradients that stay finite.

    The gradient of TFP's own is NaN from 89 upward in float32.

    Example:
    >>> float(Sigmoid().forward(0.0))
    0.5
    """

    def __init__(self, validate_args: bool = False, name: str = "Sigmoid") -> None:
        super().__init__(
            forward_min_event_ndims=0,
            validate_args=validate_args,
            parameters=dict(locals()),
            name=name,
        )

    @classmethod
    def _is_increasing(cls) -> bool:
        return True

    def _forward(self, node: Tensor) -> Tensor:
        return ops.sigmoid(node)

    def _inverse(self, state: Tensor) -> Tensor:
        return ops.log(state) - ops.log1p(-state)

    def _forward_log_det_jacobian(self, node: Tensor) -> Tensor:
        return -ops.softplus(node) - ops.softplus(-node)


class LogitBinaryConcrete(tfd.TransformedDistribution):
    """Distribution of the node of a relaxed binary unit (section C.3.2).

    Y = (log alpha + L) / temperature, with log-density
    `log t - t y + log alpha - 2 log(1 + exp(-t y + log alpha))`, t the temperature: the
    cheat sheet's Logistic(log alpha, t). `sigmoid(Y)` is BinaryConcrete.

    Args:
        temperature: Positive number or tensor, scalar or of the shape of `logits`.
        logits: log alpha, the log-odds of state 1. Computed in float32.
        validate_args: Whether TFP checks its arguments at run time.
        allow_nan_stats: As in every TFP distribution.
        name: Name prefixed to operations.

    Shapes:
        Batch shape that of `logits`, event shape `()`. `log_prob` is in nats.

    Raises:
        ValueError: If `temperature` would broadcast against `logits`.

    Example:
    >>> node = LogitBinaryConcrete(2 / 3, logits=[0.0, 3.0])
    >>> node.log_prob([0.0, 4.5]).numpy().round(3)
    array([-1.792, -1.792], dtype=float32)
    """

    def __init__(
        self,
        temperature: Tensor,
        logits: Tensor,
        validate_args: bool = False,
        allow_nan_stats: bool = True,
        name: str = "LogitBinaryConcrete",
    ) -> None:
        parameters = dict(locals())
        with tf.name_scope(name) as name:
            self.logits = as_float32(logits)
            self.temperature = checked_temperature(temperature, self.logits.shape)
            bijector = tfb.Chain(
                [tfb.Scale(scale=1.0 / self.temperature), tfb.Shift(self.logits)]
            )
            super().__init__(
                distribution=Logistic(allow_nan_stats=allow_nan_stats),
                bijector=bijector,
                validate_args=validate_args,
                parameters=parameters,
                name=name,
            )

    @classmethod
    def _parameter_properties(
        cls, dtype: tf.DType, num_classes: int | None = None
    ) -> dict[str, Any]:
        return temperature_and_logits(event_ndims=0)


class BinaryConcrete(tfd.TransformedDistribution):
    """Distribution of the state of a relaxed binary unit (definition 2, equation 17).

    X = sigmoid((log alpha + L) / temperature). For display and for checks: objectives
    should score the node with `LogitBinaryConcrete`, since a state that rounds to 0 or 1
    in float32 has lost its density. At exactly 0 and 1 `log_prob` is the density's
    limit: `inf` below temperature 1, `-inf` above.

    Args:
        temperature: Positive number or tensor, scalar or of the shape of `logits`.
        logits: log alpha, the log-odds of state 1. Computed in float32.
        validate_args: Whether TFP checks its arguments at run time.
        allow_nan_stats: As in every TFP distribution.
        name: Name prefixed to operations.

    Shapes:
        Batch shape that of `logits`, event shape `()`. `log_prob` is in nats.

    Example:
    >>> BinaryConcrete(1.0, logits=0.0).log_prob([0.2, 0.5]).numpy().round(3) + 0.0
    array([0., 0.], dtype=float32)
    """

    def __init__(
        self,
        temperature: Tensor,
        logits: Tensor,
        validate_args: bool = False,
        allow_nan_stats: bool = True,
        name: str = "BinaryConcrete",
    ) -> None:
        parameters = dict(locals())
        with tf.name_scope(name) as name:
            node = LogitBinaryConcrete(temperature, logits)
            self.temperature, self.logits = node.temperature, node.logits
            super().__init__(
                distribution=node,
                bijector=Sigmoid(),
                validate_args=validate_args,
                parameters=parameters,
                name=name,
            )

    @classmethod
    def _parameter_properties(
        cls, dtype: tf.DType, num_classes: int | None = None
    ) -> dict[str, Any]:
        return temperature_and_logits(event_ndims=0)

    def _log_prob(self, value: Tensor) -> Tensor:
        on_boundary = ops.logical_or(value <= 0.0, value >= 1.0)
        inside = super()._log_prob(ops.where(on_boundary, 0.5, value))
        # Towards an end, log p = log t + (t - 1) log(distance) -+ log alpha.
        finite = ops.log(self.temperature) + ops.where(
            value <= 0.0, -self.logits, self.logits
        )
        limit = ops.where(
            self.temperature < 1.0,
            float("inf"),
            ops.where(self.temperature > 1.0, float("-inf"), finite),
        )
        limit = ops.where(ops.logical_or(value < 0.0, value > 1.0), float("-inf"), limit)
        return ops.where(on_boundary, limit, inside)


class Bernoulli(tfd.Distribution):
    """The discrete twin of the binary relaxations: P(X = 1) = sigmoid(logits).

    Args:
        logits: log alpha, the log-odds of state 1. Computed in float32.
        validate_args: Whether TFP checks its arguments at run time.
        allow_nan_stats: As in every TFP distribution.
        name: Name prefixed to operations.

    Shapes:
        Batch shape that of `logits`, event shape `()`. States are float32, 0 or 1;
        `log_prob` is in nats.

    Example:
    >>> Bernoulli(logits=0.0).log_prob([0.0, 1.0]).numpy().round(3)
    array([-0.693, -0.693], dtype=float32)
    """

    def __init__(
        self,
        logits: Tensor,
        validate_args: bool = False,
        allow_nan_stats: bool = True,
        name: str = "Bernoulli",
    ) -> None:
        parameters = dict(locals())
        with tf.name_scope(name) as name:
            self.logits = as_float32(logits)
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
        return {"logits": tfp.util.ParameterProperties()}

    def _event_shape(self) -> tf.TensorShape:
        return tf.TensorShape([])

    def _event_shape_tensor(self) -> Tensor:
        return tf.constant([], dtype=tf.int32)

    def _sample_n(self, n: Tensor, seed: Tensor | None = None) -> Tensor:
        shape = (n, *ops.shape(self.logits))
        noisy = self.logits + Logistic()._noise(shape, sample_key(seed))
        return ops.cast(noisy >= 0.0, "float32")

    def _log_prob(self, value: Tensor) -> Tensor:
        # -softplus(-+logits), with one logarithm for a logit however many values it has.
        # Clipped, infinite logits have a mass of 0 or 1, and no difference of infinities.
        logits = ops.clip(self.logits, -_LARGEST, _LARGEST)
        distance = ops.abs(logits)
        sure = 0.5 * (ops.where(value > 0.5, logits, -logits) - distance)
        return sure - ops.log1p(ops.exp(-distance))

    def _mean(self) -> Tensor:
        return ops.sigmoid(self.logits)

    def _variance(self) -> Tensor:
        return ops.sigmoid(self.logits) * ops.sigmoid(-self.logits)

    def _mode(self) -> Tensor:
        return ops.cast(self.logits >= 0.0, "float32")
