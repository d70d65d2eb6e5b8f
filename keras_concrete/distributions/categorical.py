"""Units of n states: the one-hot Discrete, and its relaxations of sections 3.2 and C.3.

The *node* is the point of the log-simplex, Y = log_softmax((log alpha + G) / t) with
Gumbel noise G and temperature t; the relaxed state is exp(Y). `ExpConcrete` is the
distribution of the node and the one to use in an objective: coordinates of a state
underflow, coordinates of the node do not.
"""

from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp
from keras import ops

from keras_concrete import noise
from keras_concrete.distributions.parameters import (
    as_float32,
    checked_temperature,
    temperature_and_logits,
)
from keras_concrete.distributions.standard import sample_key
from keras_concrete.distributions.vectors import VectorDistribution
from keras_concrete.types import Tensor

__all__ = ["Concrete", "Discrete", "ExpConcrete"]

tfd: Any = tfp.distributions


class ExpConcrete(VectorDistribution):
    """Distribution of the node of a relaxed n-ary unit (section C.3.1).

    Y = log_softmax((log alpha + G) / t), with the paper's log-density
    `log (n-1)! + (n-1) log t + sum_k u_k - n logsumexp(u)`, u = log alpha - t y.

    As in the paper and in TFP this is Concrete's density times the product of the n
    coordinates of the state. Over the first n - 1 log-coordinates it therefore lacks a
    factor 1 / x_n and does not integrate to 1; in the ratio of two densities at one
    point, which is what objectives use, the factor cancels.

    Args:
        temperature: Positive number or tensor, scalar or of the batch shape.
        logits: log alpha, unnormalised log-probabilities on the last axis. Computed in
            float32.
        validate_args: Whether TFP checks its arguments at run time.
        allow_nan_stats: As in every TFP distribution.
        name: Name prefixed to operations.

    Shapes:
        Batch shape that of `logits` without its last axis, event shape `(n,)`.
        `log_prob` is in nats.

    Raises:
        ValueError: If `temperature` would broadcast, or `logits` has no axis of states.

    Example:
    >>> import numpy as np
    >>> node = ExpConcrete(1.0, logits=[0.0, 0.0, 0.0])
    >>> round(float(node.log_prob(np.log([0.2, 0.3, 0.5]).astype("float32"))), 3)
    -2.806
    """

    def __init__(
        self,
        temperature: Tensor,
        logits: Tensor,
        validate_args: bool = False,
        allow_nan_stats: bool = True,
        name: str = "ExpConcrete",
    ) -> None:
        parameters = dict(locals())
        with tf.name_scope(name) as name:
            logits = as_float32(logits)
            self.temperature = checked_temperature(temperature, logits.shape[:-1])
            super().__init__(
                logits,
                tfd.FULLY_REPARAMETERIZED,
                validate_args=validate_args,
                allow_nan_stats=allow_nan_stats,
                parameters=parameters,
                name=name,
            )

    @classmethod
    def _parameter_properties(
        cls, dtype: tf.DType, num_classes: int | None = None
    ) -> dict[str, Any]:
        return temperature_and_logits(event_ndims=1)

    def _sample_n(self, n: Tensor, seed: Tensor | None = None) -> Tensor:
        temperature = ops.expand_dims(self.temperature, -1)
        return ops.log_softmax(_noisy_logits(self, n, seed) / temperature)

    def _log_prob(self, node: Tensor) -> Tensor:
        self._check_size(node)
        num_states = ops.cast(ops.shape(self.logits)[-1], "float32")
        temperature = ops.expand_dims(self.temperature, -1)
        terms = ops.log_softmax(self.logits - temperature * node)
        constant = tf.math.lgamma(num_states) + (num_states - 1.0) * ops.log(
            self.temperature
        )
        return constant + ops.sum(terms, axis=-1)


class Concrete(tfd.TransformedDistribution):
    """Distribution of the state of a relaxed n-ary unit (definition 1, equation 11).

    X = softmax((log alpha + G) / t). For display and for checks: objectives should
    score the node with `ExpConcrete`, since coordinates of a state that underflow to 0
    in float32 have lost their density. Where j coordinates are exactly 0, `log_prob` is
    the density's limit as they vanish together: `inf` if n t < j (t + 1), else `-inf`,
    and so where both are equal, though the limit is finite there.

    Args:
        temperature: Positive number or tensor, scalar or of the batch shape.
        logits: log alpha, unnormalised log-probabilities on the last axis. Computed in
            float32.
        validate_args: Whether TFP checks its arguments at run time.
        allow_nan_stats: As in every TFP distribution.
        name: Name prefixed to operations.

    Shapes:
        Batch shape that of `logits` without its last axis, event shape `(n,)`.
        `log_prob` is in nats.

    Example:
    >>> state = Concrete(1.0, logits=[0.0, 0.0, 0.0])
    >>> round(float(state.log_prob([1 / 3, 1 / 3, 1 / 3])), 3)
    0.693
    """

    def __init__(
        self,
        temperature: Tensor,
        logits: Tensor,
        validate_args: bool = False,
        allow_nan_stats: bool = True,
        name: str = "Concrete",
    ) -> None:
        parameters = dict(locals())
        with tf.name_scope(name) as name:
            node = ExpConcrete(temperature, logits)
            self.temperature, self.logits = node.temperature, node.logits
            super().__init__(
                distribution=node,
                bijector=tfp.bijectors.Exp(),
                validate_args=validate_args,
                parameters=parameters,
                name=name,
            )

    @classmethod
    def _parameter_properties(
        cls, dtype: tf.DType, num_classes: int | None = None
    ) -> dict[str, Any]:
        return temperature_and_logits(event_ndims=1)

    def _log_prob(self, state: Tensor) -> Tensor:
        is_zero = state <= 0.0
        inside = super()._log_prob(ops.where(is_zero, 1e-30, state))
        num_zeros = ops.sum(ops.cast(is_zero, "float32"), axis=-1)
        num_states = ops.cast(ops.shape(self.logits)[-1], "float32")
        grows = num_states * self.temperature < num_zeros * (self.temperature + 1.0)
        limit = ops.where(grows, float("inf"), -float("inf"))
        return ops.where(num_zeros > 0, ops.cast(limit, "float32"), inside)


class Discrete(VectorDistribution):
    """The one-hot twin of the n-ary relaxations, P(X_k = 1) = softmax(logits)_k.

    Args:
        logits: log alpha, unnormalised log-probabilities on the last axis. Computed in
            float32.
        validate_args: Whether TFP checks its arguments at run time.
        allow_nan_stats: As in every TFP distribution.
        name: Name prefixed to operations.

    Shapes:
        Batch shape that of `logits` without its last axis, event shape `(n,)`. States
        are float32 one-hot vectors; `log_prob` is in nats.

    Example:
    >>> Discrete(logits=[0.0, 0.0]).log_prob([1.0, 0.0]).numpy().round(3)
    np.float32(-0.693)
    """

    def __init__(
        self,
        logits: Tensor,
        validate_args: bool = False,
        allow_nan_stats: bool = True,
        name: str = "Discrete",
    ) -> None:
        parameters = dict(locals())
        with tf.name_scope(name) as name:
            super().__init__(
                as_float32(logits),
                tfd.NOT_REPARAMETERIZED,
                validate_args=validate_args,
                allow_nan_stats=allow_nan_stats,
                parameters=parameters,
                name=name,
            )

    @classmethod
    def _parameter_properties(
        cls, dtype: tf.DType, num_classes: int | None = None
    ) -> dict[str, Any]:
        return {"logits": tfp.util.ParameterProperties(event_ndims=1)}

    def _sample_n(self, n: Tensor, seed: Tensor | None = None) -> Tensor:
        return self._one_hot(_noisy_logits(self, n, seed))

    def _log_prob(self, state: Tensor) -> Tensor:
        self._check_size(state)
        chosen = self._one_hot(state)
        log_probabilities = ops.log_softmax(self.logits)
        return ops.sum(ops.where(chosen > 0, log_probabilities, 0.0), axis=-1)

    def _mean(self) -> Tensor:
        return ops.softmax(self.logits)

    def _mode(self) -> Tensor:
        return self._one_hot(self.logits)

    def _one_hot(self, scores: Tensor) -> Tensor:
        chosen = ops.argmax(scores, axis=-1)
        return ops.one_hot(chosen, ops.shape(self.logits)[-1], dtype="float32")


def _noisy_logits(
    distribution: VectorDistribution, n: Tensor, seed: Tensor | None
) -> Tensor:
    shape = (n, *ops.shape(distribution.logits))
    return distribution.logits + noise.gumbel(shape, sample_key(seed))
