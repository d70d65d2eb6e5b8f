"""The Gumbels of a unit, located and scaled, before they are normalised."""

from typing import Any

from keras import ops

from keras_concrete import noise
from keras_concrete.backend import tf, tfp
from keras_concrete.distributions.categorical import scaled_noise
from keras_concrete.distributions.impossible import LOG_ZERO, possible
from keras_concrete.distributions.parameterized import ParameterizedVector
from keras_concrete.distributions.parameters import properties
from keras_concrete.distributions.standard import Gumbel, sample_key
from keras_concrete.types import Tensor

__all__ = ["LocatedGumbels"]

tfb: Any = tfp.bijectors
tfd: Any = tfp.distributions


class LocatedGumbels(ParameterizedVector):
    """Distribution of the n variables (log alpha + G) / t (section C.3).

    They are independent, and softmax of them is Concrete. Impossible states (see
    `ExpConcrete`) are -1e9, and no part of the density, which is 0 where they are not.

    Args:
        temperature: Positive number or tensor, scalar or of the batch shape.
        logits: log alpha, on the last axis. Computed in float32.
        name: Name prefixed to operations.

    Shapes:
        Batch shape that of `logits` without its last axis, event shape `(n,)`.
        `log_prob` is in nats.

    Example:
    >>> round(float(LocatedGumbels(1.0, [0.0, 0.0]).log_prob([0.0, 0.0])), 3)
    -2.0
    """

    def __init__(
        self, temperature: Tensor, logits: Tensor, name: str = "LocatedGumbels"
    ) -> None:
        parameters = dict(locals())
        with tf.name_scope(name) as name:
            self._set_parameters(logits, None, temperature)
            super().__init__(
                dtype=tf.float32,
                reparameterization_type=tfd.FULLY_REPARAMETERIZED,
                validate_args=False,
                allow_nan_stats=True,
                parameters=parameters,
                name=name,
            )

    @classmethod
    def _parameter_properties(
        cls, dtype: tf.DType, num_classes: int | None = None
    ) -> dict[str, Any]:
        described = properties(event_ndims=1, is_relaxed=True)
        return {name: described[name] for name in ("temperature", "logits")}

    def node(self, gumbels: Tensor) -> Tensor:
        """Adds Gumbel noise to the logits, and divides by the temperature."""
        scaled, impossible = scaled_noise(
            self._read_logits(), gumbels, self._read_temperature()
        )
        return ops.where(impossible, LOG_ZERO, scaled)

    def _sample_n(self, n: Tensor, seed: Tensor | None = None) -> Tensor:
        shape = (n, *ops.shape(self._read_logits()))
        return self.node(noise.gumbel(shape, sample_key(seed)))

    def _log_prob(self, node: Tensor) -> Tensor:
        self._check_size(node)
        logits, impossible = possible(self._read_logits())
        scale = 1.0 / ops.expand_dims(self._read_temperature(), -1)
        of_each = tfd.TransformedDistribution(
            Gumbel(), tfb.Chain([tfb.Scale(scale=scale), tfb.Shift(logits)])
        )
        terms = of_each.log_prob(ops.where(impossible, 0.0, node))
        # A Gumbel is not normalised: only the node of an impossible state is as low.
        of_impossible = ops.cast(
            ops.where(node > LOG_ZERO / 2, -float("inf"), 0.0), "float32"
        )
        return ops.sum(ops.where(impossible, of_impossible, terms), axis=-1)
