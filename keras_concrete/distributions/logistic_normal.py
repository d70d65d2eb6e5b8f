"""The logistic normal relaxation: Gaussian noise through a softmax (section 5.2)."""

import math
from typing import Any

from keras import ops

from keras_concrete.backend import tf, tfp
from keras_concrete.distributions.categorical import scaled_noise
from keras_concrete.distributions.impossible import (
    LOG_ZERO,
    log_density_of_impossible,
    possible,
    settled,
)
from keras_concrete.distributions.parameterized import ParameterizedVector
from keras_concrete.distributions.parameters import properties
from keras_concrete.distributions.relocated import BinaryNoise, RelocatedBinary
from keras_concrete.distributions.standard import sample_key
from keras_concrete.noise import normal
from keras_concrete.normal_quantile import normal_quantile
from keras_concrete.types import Tensor

__all__ = ["ExpLogisticNormal", "LogitLogisticNormal"]

tfd: Any = tfp.distributions


class ExpLogisticNormal(ParameterizedVector):
    """Node of a unit of n states with Gaussian noise: log of a logistic normal vector.

    Y = log_softmax((log alpha + E) / t) with n independent standard normals E: the
    circuit of `ExpConcrete` with another noise. The density is that of the n - 1
    log-ratios log(x_k / x_n), `-|P (t y - log alpha)|**2 / 2 + (n - 1) log(t / sqrt(2
    pi)) - log(n) / 2`, where P subtracts the mean: the logistic normal density of
    Aitchison & Shen (1980) times the product of the coordinates, as `ExpConcrete` is
    Concrete's.

    At any temperature the unit rounds to the same multinomial probit, whose mass has no
    closed form: the paper evaluates the discrete distribution with the same logits
    instead (section 5.2). At any temperature, too, the density of the state goes to 0
    towards the vertices, which is why the paper warns of Gaussian noise (section C.4).
    Impossible states are left out, as in `ExpConcrete`.

    Args:
        temperature: Positive number or tensor, scalar or of the batch shape.
        logits: log alpha, unnormalised log-probabilities on the last axis. Computed in
            float32.
        probs: The probabilities that are the softmax of `logits`, in its place.
        validate_args: Whether arguments are checked at run time.
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
    >>> node = ExpLogisticNormal(1.0, logits=[0.0, 0.0])
    >>> round(float(node.log_prob(np.log([0.5, 0.5]).astype("float32"))), 3)
    -1.266
    """

    def __init__(
        self,
        temperature: Tensor,
        logits: Tensor | None = None,
        probs: Tensor | None = None,
        validate_args: bool = False,
        allow_nan_stats: bool = True,
        name: str = "ExpLogisticNormal",
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

    def node(self, noise: Tensor) -> Tensor:
        """Adds Gaussian noise to the logits, divides by the temperature, normalises."""
        scaled, impossible = scaled_noise(
            self._read_logits(), noise, self._read_temperature()
        )
        return ops.where(impossible, LOG_ZERO, ops.log_softmax(scaled))

    def _sample_n(self, n: Tensor, seed: Tensor | None = None) -> Tensor:
        shape = (n, *ops.shape(self._read_logits()))
        return self.node(normal(shape, sample_key(seed)))

    def _log_prob(self, node: Tensor) -> Tensor:
        self._check_size(node)
        logits, impossible = possible(self._read_logits())
        temperature = self._read_temperature()
        is_possible = ops.logical_not(impossible)
        n = ops.sum(ops.cast(is_possible, "float32"), axis=-1)
        noise = ops.expand_dims(temperature, -1) * ops.where(is_possible, node, 0.0)
        noise = ops.where(is_possible, noise - logits, 0.0)
        mean = ops.sum(noise, axis=-1, keepdims=True) / ops.expand_dims(n, -1)
        noise = ops.where(is_possible, noise - mean, 0.0)
        terms = ops.where(impossible, log_density_of_impossible(node), -0.5 * noise**2)
        constant = ops.log(temperature) - 0.5 * math.log(2.0 * math.pi)
        return ops.sum(terms, axis=-1) + (n - 1.0) * constant - 0.5 * ops.log(n)


# The noise on the log-odds of two states that have independent standard normals.
_DIFFERENCE_OF_NORMALS = BinaryNoise(
    log_prob=lambda value: -0.25 * value**2 - 0.5 * math.log(4.0 * math.pi),
    quantile=lambda probability: math.sqrt(2.0) * normal_quantile(probability),
    upper_quantile=lambda probability: -math.sqrt(2.0) * normal_quantile(probability),
)


class LogitLogisticNormal(RelocatedBinary):
    """The same for n = 2, by log-odds: Y = (log alpha + E_1 - E_2) / t.

    Its location is not moved to keep the probability of state 1, as that of
    `RelocatedBinary` is: it rounds to a probit of log alpha.

    Args:
        temperature: Positive number or tensor, scalar or of the shape of `logits`.
        logits: log alpha, the log-odds of state 1.

    Example:
    >>> round(float(LogitLogisticNormal(1.0, 0.0).log_prob(0.0)), 3)
    -1.266
    """

    def __init__(self, temperature: Tensor, logits: Tensor) -> None:
        super().__init__(_DIFFERENCE_OF_NORMALS, temperature, logits)

    def _shift(self, logits: Tensor) -> Tensor:
        return settled(logits)
