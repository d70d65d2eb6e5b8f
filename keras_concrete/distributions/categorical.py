"""The relaxations of units of n states, of sections 3.2 and C.3.

The *node* is the point of the log-simplex, Y = log_softmax((log alpha + G) / t) with
Gumbel noise G and temperature t; the relaxed state is exp(Y). `ExpConcrete` is the
distribution of the node and the one to use in an objective: coordinates of a state
underflow, coordinates of the node do not.
"""

from typing import Any

from keras import ops

from keras_concrete import noise
from keras_concrete.backend import tf, tfp
from keras_concrete.distributions.impossible import (
    LOG_ZERO,
    log_density_of_impossible,
    possible,
)
from keras_concrete.distributions.parameterized import ParameterizedVector
from keras_concrete.distributions.parameters import properties
from keras_concrete.distributions.simplex import SoftmaxCentered
from keras_concrete.distributions.standard import sample_key
from keras_concrete.types import Tensor

__all__ = ["Concrete", "ExpConcrete", "scaled_noise"]

tfb: Any = tfp.bijectors
tfd: Any = tfp.distributions


def scaled_noise(
    logits: Tensor, noise: Tensor, temperature: Tensor
) -> tuple[Tensor, Tensor]:
    """(log alpha + noise) / t, the circuit of figure 1 before its softmax.

    Args:
        logits: Float32 tensor with the states on its last axis.
        noise: Noise of the shape of `logits`, or with further axes before them.
        temperature: Tensor of the shape of `logits` without the last axis, or a scalar.

    Returns:
        Float32 tensor, and which of the states are impossible; what the first holds at
        those is far below the rest.
    """
    logits, impossible = possible(logits)
    return (logits + noise) / ops.expand_dims(temperature, -1), impossible


class ExpConcrete(ParameterizedVector):
    """Distribution of the node of a relaxed n-ary unit (section C.3.1).

    Y = log_softmax((log alpha + G) / t), with the paper's log-density
    `log (n-1)! + (n-1) log t + sum_k u_k - n logsumexp(u)`, u = log alpha - t y.

    As in the paper and in TFP this is Concrete's density times the product of the n
    coordinates of the state. Over the first n - 1 log-coordinates it therefore lacks a
    factor 1 / x_n and does not integrate to 1; in the ratio of two densities at one
    point, which is what objectives use, the factor cancels.

    States whose logit is -inf, or 5000 below the largest, are impossible. The unit is
    then one of the states that are left: n, the sums and the product are over those, a
    coordinate of the node is -1e9 at an impossible state, and `log_prob` is -inf where
    such a state has mass. So the KL of posterior and prior with one mask is that of the
    smaller units. A logit of +inf makes the other states impossible.

    Args:
        temperature: Positive number or tensor, scalar or of the batch shape.
        logits: log alpha, unnormalised log-probabilities on the last axis. Computed in
            float32.
        probs: The probabilities, in place of `logits`.
        validate_args: Whether arguments and samples are checked at run time.
        allow_nan_stats: As in every TFP distribution.
        name: Name prefixed to operations.

    Shapes:
        Batch shape that of `logits` without its last axis, event shape `(n,)`.
        `log_prob` is in nats.

    Raises:
        ValueError: If `temperature` would broadcast, if not exactly one of `logits` and
            `probs` is given, or it has no axis of states.

    Example:
    >>> import numpy as np
    >>> node = ExpConcrete(1.0, logits=[0.0, 0.0, 0.0])
    >>> round(float(node.log_prob(np.log([0.2, 0.3, 0.5]).astype("float32"))), 3)
    -2.806
    """

    def __init__(
        self,
        temperature: Tensor,
        logits: Tensor | None = None,
        probs: Tensor | None = None,
        validate_args: bool = False,
        allow_nan_stats: bool = True,
        name: str = "ExpConcrete",
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
        return properties(event_ndims=1, is_relaxed=True)

    def node(self, gumbels: Tensor) -> Tensor:
        """Adds Gumbel noise to the logits, divides by the temperature, normalises."""
        scaled, impossible = scaled_noise(
            self._read_logits(), gumbels, self._read_temperature()
        )
        return ops.where(impossible, LOG_ZERO, ops.log_softmax(scaled))

    def _sample_n(self, n: Tensor, seed: Tensor | None = None) -> Tensor:
        shape = (n, *ops.shape(self._read_logits()))
        return self.node(noise.gumbel(shape, sample_key(seed)))

    def _log_prob(self, node: Tensor) -> Tensor:
        self._check_size(node)
        logits, impossible = possible(self._read_logits())
        temperature = self._read_temperature()
        masked = ops.where(impossible, 0.0, node)
        exponents = logits - ops.expand_dims(temperature, -1) * masked
        terms = ops.log_softmax(ops.where(impossible, -float("inf"), exponents))
        n = ops.sum(ops.cast(ops.logical_not(impossible), "float32"), axis=-1)
        constant = tf.math.lgamma(n) + (n - 1.0) * ops.log(temperature)
        terms = ops.where(impossible, log_density_of_impossible(node), terms)
        return constant + ops.sum(terms, axis=-1)

    def _sample_control_dependencies(self, node: Tensor) -> list:
        if not self.validate_args:
            return []
        bound = "Samples must be less than or equal to `0` for `ExpConcrete`."
        total = "The logsumexp of samples must be `0` for `ExpConcrete`."
        return [
            tf.debugging.assert_non_positive(node, bound),
            tf.debugging.assert_near(
                tf.reduce_logsumexp(node, axis=-1), 0.0, atol=1e-4, message=total
            ),
        ]

    def _default_event_space_bijector(self) -> Any:
        checks = self.validate_args
        to_simplex = SoftmaxCentered(validate_args=checks)
        return tfb.Chain([tfb.Log(validate_args=checks), to_simplex], checks)


class Concrete(ParameterizedVector, tfd.TransformedDistribution):
    """Distribution of the state of a relaxed n-ary unit (definition 1, equation 11).

    X = softmax((log alpha + G) / t). For display and for checks: objectives should
    score the node with `ExpConcrete`, since coordinates of a state that underflow to 0
    in float32 have lost their density. Where j coordinates are exactly 0, `log_prob` is
    the density's limit as they vanish together: `inf` if n t < j (t + 1), else `-inf`,
    and so where both are equal, though the limit is finite there. Impossible states (see
    `ExpConcrete`) are not counted: the density is over the simplex of the others.

    It takes the place of `tfp.distributions.RelaxedOneHotCategorical`, and `ExpConcrete`
    that of `ExpRelaxedOneHotCategorical`, and they differ in two ways: they compute in
    float32 whatever they are given, as all of this package does; and they refuse a
    temperature whose shape would enlarge the batch, so that one unit cannot become many
    by mistake.

    Args:
        temperature: Positive number or tensor, scalar or of the batch shape.
        logits: log alpha, unnormalised log-probabilities on the last axis. Computed in
            float32.
        probs: The probabilities, in place of `logits`.
        validate_args: Whether arguments and samples are checked at run time.
        allow_nan_stats: As in every TFP distribution.
        name: Name prefixed to operations.

    Shapes:
        Batch shape that of `logits` without its last axis, event shape `(n,)`.
        `log_prob` is in nats.

    Raises:
        ValueError: If `temperature` would broadcast, if not exactly one of `logits` and
            `probs` is given, or it has no axis of states.

    Example:
    >>> state = Concrete(1.0, probs=[0.2, 0.3, 0.5])
    >>> round(float(state.log_prob([0.2, 0.3, 0.5])), 3)
    0.904
    """

    def __init__(
        self,
        temperature: Tensor,
        logits: Tensor | None = None,
        probs: Tensor | None = None,
        validate_args: bool = False,
        allow_nan_stats: bool = True,
        name: str = "Concrete",
    ) -> None:
        parameters = dict(locals())
        with tf.name_scope(name) as name:
            self._set_parameters(logits, probs, temperature, validate_args)
            super().__init__(
                distribution=ExpConcrete(
                    temperature, logits, probs, validate_args, allow_nan_stats
                ),
                bijector=tfb.Exp(),
                validate_args=validate_args,
                parameters=parameters,
                name=name,
            )

    @classmethod
    def _parameter_properties(
        cls, dtype: tf.DType, num_classes: int | None = None
    ) -> dict[str, Any]:
        return properties(event_ndims=1, is_relaxed=True)

    def _log_prob(self, state: Tensor) -> Tensor:
        self._check_size(state)
        _, impossible = possible(self._read_logits())
        temperature = self._read_temperature()
        is_zero = state <= 0.0
        log_state = ops.log(ops.where(is_zero, 1e-30, state))
        node = ops.where(ops.logical_and(impossible, is_zero), LOG_ZERO, log_state)
        jacobian = ops.sum(ops.where(impossible, 0.0, -log_state), axis=-1)
        inside = self.distribution._log_prob(node) + jacobian
        is_possible = ops.logical_not(impossible)
        vanishing = ops.logical_and(is_possible, is_zero)
        num_zeros, n = (
            ops.sum(ops.cast(chosen, "float32"), axis=-1)
            for chosen in (vanishing, is_possible)
        )
        grows = n * temperature < num_zeros * (temperature + 1.0)
        limit = ops.cast(ops.where(grows, float("inf"), -float("inf")), "float32")
        # -inf where an impossible state has mass too.
        return ops.where(
            ops.logical_and(num_zeros > 0, inside > -float("inf")), limit, inside
        )

    def _sample_control_dependencies(self, state: Tensor) -> list:
        if not self.validate_args:
            return []
        total = "Coordinates of samples must sum to `1` for `Concrete`."
        return [
            tf.debugging.assert_non_negative(state, "Samples must be non-negative."),
            tf.debugging.assert_near(
                tf.reduce_sum(state, axis=-1), 1.0, atol=1e-4, message=total
            ),
        ]

    def _default_event_space_bijector(self) -> Any:
        return SoftmaxCentered(validate_args=self.validate_args)
