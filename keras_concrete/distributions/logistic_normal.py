"""The logistic normal relaxation: Gaussian noise through a softmax (section 5.2)."""

import math
from typing import Any

from keras import ops

from keras_concrete.backend import tf, tfp
from keras_concrete.distributions.impossible import (
    LOG_ZERO,
    log_density_of_impossible,
    log_prob_unless_certain,
    possible,
)
from keras_concrete.distributions.parameterized import ParameterizedVector
from keras_concrete.distributions.parameters import properties
from keras_concrete.distributions.standard import sample_key
from keras_concrete.noise import normal
from keras_concrete.types import Tensor

__all__ = ["ExpLogisticNormal", "LogitLogisticNormal"]

tfd: Any = tfp.distributions


class ExpLogisticNormal(ParameterizedVector):
    """Node of a unit of n states with Gaussian noise: log of a logistic normal vector.

    Y = log_softmax(log alpha + s E) with n independent standard normals E, s the scale,
    which plays the part of a temperature. The density is that of the n - 1 log-ratios
    log(x_k / x_n), `-(|P (y - log alpha)| / s)**2 / 2 - (n - 1) log(s sqrt(2 pi)) -
    log(n) / 2`, where P subtracts the mean: the logistic normal density of Aitchison &
    Shen (1980) times the product of the coordinates, as `ExpConcrete` is Concrete's.

    The unit rounds to a multinomial probit, whose mass has no closed form: the paper
    evaluates the discrete distribution with the same logits instead (section 5.2).
    Impossible states are left out, as in `ExpConcrete`.

    Args:
        scale: Positive number or tensor, scalar or of the batch shape.
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
        ValueError: If `scale` would broadcast, if not exactly one of `logits` and `probs`
            is given, or it has no axis of states.

    Example:
    >>> import numpy as np
    >>> node = ExpLogisticNormal(1.0, logits=[0.0, 0.0])
    >>> round(float(node.log_prob(np.log([0.5, 0.5]).astype("float32"))), 3)
    -1.266
    """

    def __init__(
        self,
        scale: Tensor,
        logits: Tensor | None = None,
        probs: Tensor | None = None,
        validate_args: bool = False,
        allow_nan_stats: bool = True,
        name: str = "ExpLogisticNormal",
    ) -> None:
        parameters = dict(locals())
        with tf.name_scope(name) as name:
            self._set_parameters(logits, probs, scale, validate_args, "scale")
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
        return properties(event_ndims=1, temperature="scale")

    @property
    def scale(self) -> Tensor:
        """The argument, in float32 unless it is a variable."""
        return self._temperature

    def node(self, noise: Tensor) -> Tensor:
        """Adds noise of the scale to the logits, and normalises."""
        logits, impossible = possible(self._read_logits())
        scale = ops.expand_dims(self._read_temperature(), -1)
        return ops.where(impossible, LOG_ZERO, ops.log_softmax(logits + scale * noise))

    def _sample_n(self, n: Tensor, seed: Tensor | None = None) -> Tensor:
        shape = (n, *ops.shape(self._read_logits()))
        return self.node(normal(shape, sample_key(seed)))

    def _log_prob(self, node: Tensor) -> Tensor:
        self._check_size(node)
        logits, impossible = possible(self._read_logits())
        scale = self._read_temperature()
        is_possible = ops.logical_not(impossible)
        n = ops.sum(ops.cast(is_possible, "float32"), axis=-1)
        difference = ops.where(is_possible, node - logits, 0.0)
        mean = ops.sum(difference, axis=-1, keepdims=True) / ops.expand_dims(n, -1)
        difference = ops.where(is_possible, difference - mean, 0.0)
        terms = -0.5 * (difference / ops.expand_dims(scale, -1)) ** 2
        terms = ops.where(impossible, log_density_of_impossible(node), terms)
        constant = 0.5 * math.log(2.0 * math.pi) + ops.log(scale)
        return ops.sum(terms, axis=-1) - (n - 1.0) * constant - 0.5 * ops.log(n)


class LogitLogisticNormal(tfd.Normal):
    """The same for n = 2: a normal distribution of log-odds, settled where certain.

    Args:
        loc: The log-odds of state 1, `settled`.
        scale: Positive number or tensor.

    Example:
    >>> round(float(LogitLogisticNormal(0.0, 1.0).log_prob(0.0)), 3)
    -0.919
    """

    def _log_prob(self, node: Tensor) -> Tensor:
        return log_prob_unless_certain(super()._log_prob(node), node, self.loc)
