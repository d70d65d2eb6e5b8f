"""The logistic normal relaxation: Gaussian noise through a softmax (section 5.2)."""

import math
from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp
from keras import ops

from keras_concrete.distributions.parameters import (
    as_float32,
    checked_temperature,
    temperature_and_logits,
)
from keras_concrete.distributions.standard import sample_key
from keras_concrete.distributions.vectors import VectorDistribution
from keras_concrete.noise import normal
from keras_concrete.types import Tensor

__all__ = ["ExpLogisticNormal"]

tfd: Any = tfp.distributions


class ExpLogisticNormal(VectorDistribution):
    """Node of a unit of n states with Gaussian noise: log of a logistic normal vector.

    Y = log_softmax(log alpha + s E) with n independent standard normals E, s the scale,
    which plays the part of a temperature. The density is that of the n - 1 log-ratios
    log(x_k / x_n), `-(|P (y - log alpha)| / s)**2 / 2 - (n - 1) log(s sqrt(2 pi)) -
    log(n) / 2`, where P subtracts the mean: the logistic normal density of Aitchison &
    Shen (1980) times the product of the coordinates, as `ExpConcrete` is Concrete's.

    The unit rounds to a multinomial probit, whose mass has no closed form: the paper
    evaluates the discrete distribution with the same logits instead (section 5.2).

    Args:
        scale: Positive number or tensor, scalar or of the batch shape.
        logits: log alpha, unnormalised log-probabilities on the last axis. Computed in
            float32.
        validate_args: Whether TFP checks its arguments at run time.
        allow_nan_stats: As in every TFP distribution.
        name: Name prefixed to operations.

    Shapes:
        Batch shape that of `logits` without its last axis, event shape `(n,)`.
        `log_prob` is in nats.

    Raises:
        ValueError: If `scale` would broadcast, or `logits` has no axis of states.

    Example:
    >>> import numpy as np
    >>> node = ExpLogisticNormal(1.0, logits=[0.0, 0.0])
    >>> round(float(node.log_prob(np.log([0.5, 0.5]).astype("float32"))), 3)
    -1.266
    """

    def __init__(
        self,
        scale: Tensor,
        logits: Tensor,
        validate_args: bool = False,
        allow_nan_stats: bool = True,
        name: str = "ExpLogisticNormal",
    ) -> None:
        parameters = dict(locals())
        with tf.name_scope(name) as name:
            logits = as_float32(logits)
            self.scale = checked_temperature(scale, logits.shape[:-1], name="scale")
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
        return temperature_and_logits(event_ndims=1, temperature="scale")

    def _sample_n(self, n: Tensor, seed: Tensor | None = None) -> Tensor:
        shape = (n, *ops.shape(self.logits))
        noise = normal(shape, sample_key(seed))
        return self.node(noise)

    def node(self, noise: Tensor) -> Tensor:
        """Adds noise of the scale to the logits, and normalises."""
        return ops.log_softmax(self.logits + ops.expand_dims(self.scale, -1) * noise)

    def _log_prob(self, node: Tensor) -> Tensor:
        self._check_size(node)
        num_states = ops.cast(ops.shape(self.logits)[-1], "float32")
        difference = node - self.logits
        difference = difference - ops.mean(difference, axis=-1, keepdims=True)
        scaled = difference / ops.expand_dims(self.scale, -1)
        constant = 0.5 * math.log(2.0 * math.pi) + ops.log(self.scale)
        return (
            -0.5 * ops.sum(scaled**2, axis=-1)
            - (num_states - 1.0) * constant
            - 0.5 * ops.log(num_states)
        )
