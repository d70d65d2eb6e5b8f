"""The binary circuit of appendix B for any noise on the reals.

Warning:
    Gaussian noise makes bad discrete units (section C.4): its tails fall faster than the
    logistic function squashes, so at any temperature the density of the state goes to 0
    towards the vertices, and a unit can hold a precise value in the interior.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from keras import ops

from keras_concrete import noise
from keras_concrete.backend import tf, tfp
from keras_concrete.distributions.impossible import (
    LIMIT,
    LOG_ZERO,
    is_certain,
    log_prob_unless_certain,
)
from keras_concrete.distributions.parameterized import Parameterized
from keras_concrete.distributions.parameters import properties
from keras_concrete.distributions.standard import sample_key
from keras_concrete.normal_quantile import normal_quantile
from keras_concrete.types import Tensor

__all__ = ["GAUSSIAN", "BinaryNoise", "RelocatedBinary"]

tfd: Any = tfp.distributions

# Log-odds beyond which a relocated unit's noise would leave float32.
_LARGEST_LOGIT = 80.0


@dataclass(frozen=True)
class BinaryNoise:
    """Noise on the reals, as the binary circuit of appendix B needs it.

    Attributes:
        log_prob: Log-density.
        quantile: The value below which the noise lies with a given probability; called
            on probabilities up to 1/2.
        upper_quantile: The value above which it lies with a given probability; likewise.
            For symmetric noise this is `-quantile`.
    """

    log_prob: Callable[[Tensor], Tensor]
    quantile: Callable[[Tensor], Tensor]
    upper_quantile: Callable[[Tensor], Tensor]


GAUSSIAN = BinaryNoise(
    log_prob=lambda value: -0.5 * (value**2 + math.log(2.0 * math.pi)),
    quantile=normal_quantile,
    upper_quantile=lambda probability: -normal_quantile(probability),
)


class RelocatedBinary(Parameterized):
    """Node of a binary unit with any noise, relocated to keep its probability.

    Y = (N - F^-1(1 / (1 + alpha))) / t, F the distribution function of the noise N: the
    unit is 1 with probability alpha / (1 + alpha), as its discrete twin (appendix B).
    With Logistic noise this is `LogitBinaryConcrete`.

    Args:
        noise: The noise.
        temperature: Positive number or tensor, scalar or of the shape of `logits`.
        logits: log alpha, the log-odds of state 1, taken as +-80 beyond, and from +-5000
            as certain (see `LogitBinaryConcrete`). Computed in float32.
        probs: The probability of state 1, in place of `logits`.
        validate_args: Whether arguments are checked at run time.
        allow_nan_stats: As in every TFP distribution.
        name: Name prefixed to operations.

    Shapes:
        Batch shape that of `logits`, event shape `()`. `log_prob` is in nats.

    Raises:
        ValueError: If `temperature` would broadcast against `logits`.

    Example:
    >>> node = RelocatedBinary(GAUSSIAN, temperature=1.0, logits=0.0)
    >>> round(float(node.log_prob(0.0)), 3)
    -0.919
    """

    def __init__(
        self,
        noise: BinaryNoise,
        temperature: Tensor,
        logits: Tensor | None = None,
        probs: Tensor | None = None,
        validate_args: bool = False,
        allow_nan_stats: bool = True,
        name: str = "RelocatedBinary",
    ) -> None:
        parameters = dict(locals())
        with tf.name_scope(name) as name:
            self.noise = noise
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

    def node(self, noise: Tensor) -> Tensor:
        """Relocates noise and divides it by the temperature."""
        return (noise + self._shift(self._read_logits())) / self._read_temperature()

    def _shift(self, logits: Tensor) -> Tensor:
        """-F^-1(1 / (1 + alpha)), from whichever tail has the precision."""
        clipped = ops.clip(logits, -_LARGEST_LOGIT, _LARGEST_LOGIT)
        is_likely = clipped >= 0.0
        # Not of -|logits|, whose gradient at 0, where logits start, is 0.
        tail = ops.sigmoid(ops.where(is_likely, -clipped, clipped))
        shift = -ops.where(
            is_likely, self.noise.quantile(tail), self.noise.upper_quantile(tail)
        )
        shift = ops.where(logits <= -LIMIT, LOG_ZERO, shift)
        return ops.where(logits >= LIMIT, -LOG_ZERO, shift)

    def _sample_n(self, n: Tensor, seed: Tensor | None = None) -> Tensor:
        shape = (n, *ops.shape(self._read_logits()))
        return self.node(
            noise.from_quantile(
                shape,
                sample_key(seed),
                self.noise.quantile,
                self.noise.upper_quantile,
            )
        )

    def _log_prob(self, node: Tensor) -> Tensor:
        logits, temperature = self._read_logits(), self._read_temperature()
        noise = temperature * node - self._shift(logits)
        # Elsewhere the density of the noise is never read, and may have no gradient.
        noise = ops.where(is_certain(logits), 0.0, noise)
        log_prob = self.noise.log_prob(noise) + ops.log(temperature)
        return log_prob_unless_certain(log_prob, node, logits)
