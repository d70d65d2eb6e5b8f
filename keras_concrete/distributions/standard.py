"""The noise of the relaxations as distributions: Gumbel and Logistic, standard."""

import math
from typing import Any

import keras
from keras import ops

from keras_concrete import noise
from keras_concrete.backend import tf, tfp
from keras_concrete.types import Shape, Tensor

__all__ = ["Gumbel", "Logistic", "sample_key"]

tfd: Any = tfp.distributions

_EULER_GAMMA = 0.5772156649015329


class _Standard(tfd.Distribution):
    """A scalar float32 distribution without parameters, drawn by this package."""

    def __init__(
        self,
        validate_args: bool = False,
        allow_nan_stats: bool = True,
        name: str | None = None,
    ) -> None:
        parameters = dict(locals())
        super().__init__(
            dtype=tf.float32,
            reparameterization_type=tfd.FULLY_REPARAMETERIZED,
            validate_args=validate_args,
            allow_nan_stats=allow_nan_stats,
            parameters=parameters,
            name=name or type(self).__name__,
        )

    @classmethod
    def _parameter_properties(
        cls, dtype: tf.DType, num_classes: int | None = None
    ) -> dict[str, Any]:
        return {}

    def _event_shape(self) -> tf.TensorShape:
        return tf.TensorShape([])

    def _event_shape_tensor(self) -> Tensor:
        return tf.constant([], dtype=tf.int32)

    def _default_event_space_bijector(self) -> Any:
        return tfp.bijectors.Identity()

    def _sample_n(self, n: Tensor, seed: Tensor | None = None) -> Tensor:
        return self._noise((n,), sample_key(seed))

    def _noise(self, shape: Shape, key: Tensor) -> Tensor:
        raise NotImplementedError


def sample_key(seed: Tensor | int | None) -> Tensor:
    """Makes a key of this package's noise from any seed that TFP accepts."""
    seed = tfp.random.sanitize_seed(seed)
    if keras.backend.backend() == "jax":
        import jax

        seed = jax.random.key_data(seed)
    return noise.key_from_seed(seed)


class Gumbel(_Standard):
    """The standard Gumbel distribution, G = -log(-log(U)).

    Density `exp(-g - exp(-g))`: first row of the paper's cheat sheet (appendix F). Below
    -50 the log-density is held at about -exp(50), so that sums of it over many units, and
    their slopes, stay finite in float32 and bfloat16.

    Args:
        validate_args: Whether TFP checks its arguments at run time.
        allow_nan_stats: As in every TFP distribution.
        name: Name prefixed to operations.

    Example:
    >>> round(float(Gumbel().log_prob(0.0)), 3)
    -1.0
    """

    def _noise(self, shape: Shape, key: Tensor) -> Tensor:
        return noise.gumbel(shape, key)

    def _log_prob(self, value: Tensor) -> Tensor:
        return -value - ops.exp(ops.minimum(-value, 50.0))

    def _cdf(self, value: Tensor) -> Tensor:
        return ops.exp(-ops.exp(-value))

    def _log_cdf(self, value: Tensor) -> Tensor:
        return -ops.exp(-value)

    def _survival_function(self, value: Tensor) -> Tensor:
        return -ops.expm1(-ops.exp(-value))

    def _log_survival_function(self, value: Tensor) -> Tensor:
        # With z = exp(-value), log(1 - exp(-z)) is log(z) - z / 2 + ... where z is small.
        near, far = ops.clip(value, -5.0, 15.0), ops.maximum(value, 15.0)
        return ops.where(
            value <= 15.0,
            tfp.math.log1mexp(ops.exp(-near)),
            -far - 0.5 * ops.exp(-far),
        )

    def _quantile(self, probability: Tensor) -> Tensor:
        return -ops.log(-ops.log(probability))

    def _entropy(self) -> Tensor:
        return tf.constant(1.0 + _EULER_GAMMA)

    def _mode(self) -> Tensor:
        return tf.constant(0.0)

    def _mean(self) -> Tensor:
        return tf.constant(_EULER_GAMMA)

    def _variance(self) -> Tensor:
        return tf.constant(math.pi**2 / 6)


class Logistic(_Standard):
    """The standard Logistic distribution, L = log(U) - log(1 - U).

    Density `exp(-l) / (1 + exp(-l))**2`: second row of the cheat sheet. The difference
    of two independent Gumbels has this distribution (appendix B).

    Args:
        validate_args: Whether TFP checks its arguments at run time.
        allow_nan_stats: As in every TFP distribution.
        name: Name prefixed to operations.

    Example:
    >>> round(float(Logistic().log_prob(0.0)), 3)
    -1.386
    """

    def _noise(self, shape: Shape, key: Tensor) -> Tensor:
        return noise.logistic(shape, key)

    def _log_prob(self, value: Tensor) -> Tensor:
        # Beside |value| no digit is lost by log(1 + ...), twice as fast as log1p(...).
        distance = ops.abs(value)
        return -distance - 2.0 * ops.log(1.0 + ops.exp(-distance))

    def _cdf(self, value: Tensor) -> Tensor:
        return ops.sigmoid(value)

    def _log_cdf(self, value: Tensor) -> Tensor:
        return -ops.softplus(-value)

    def _survival_function(self, value: Tensor) -> Tensor:
        return ops.sigmoid(-value)

    def _log_survival_function(self, value: Tensor) -> Tensor:
        return -ops.softplus(value)

    def _quantile(self, probability: Tensor) -> Tensor:
        return ops.log(probability) - ops.log1p(-probability)

    def _entropy(self) -> Tensor:
        return tf.constant(2.0)

    def _mode(self) -> Tensor:
        return tf.constant(0.0)

    def _mean(self) -> Tensor:
        return tf.constant(0.0)

    def _variance(self) -> Tensor:
        return tf.constant(math.pi**2 / 3)
