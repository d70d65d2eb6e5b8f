"""The discrete twin of the n-ary relaxations."""

from typing import Any

from keras import ops

from keras_concrete import noise
from keras_concrete.backend import tf, tfp
from keras_concrete.distributions.impossible import certain_rows, possible
from keras_concrete.distributions.masses import kl_of_masses
from keras_concrete.distributions.parameterized import ParameterizedVector
from keras_concrete.distributions.parameters import properties
from keras_concrete.distributions.rounding import one_hot_of_largest
from keras_concrete.distributions.standard import sample_key
from keras_concrete.types import Tensor

__all__ = ["Discrete"]

tfd: Any = tfp.distributions


class Discrete(ParameterizedVector):
    """The one-hot twin of the n-ary relaxations, P(X_k = 1) = softmax(logits)_k.

    Args:
        logits: log alpha, unnormalised log-probabilities on the last axis, -inf for
            states that cannot be. Computed in float32.
        probs: The probabilities, in place of `logits`.
        validate_args: Whether arguments and samples are checked at run time.
        allow_nan_stats: As in every TFP distribution.
        name: Name prefixed to operations.

    Shapes:
        Batch shape that of `logits` without its last axis, event shape `(n,)`. States
        are float32 one-hot vectors, or NaN where a logit is; `log_prob`, `entropy` and
        `kl_divergence` are in nats.

    Raises:
        ValueError: If not exactly one of `logits` and `probs` is given, or it has no axis
            of states.

    Example:
    >>> Discrete(logits=[0.0, 0.0]).log_prob([1.0, 0.0]).numpy().round(3)
    np.float32(-0.693)
    >>> round(float(Discrete(probs=[0.5, 0.0, 0.5]).entropy()), 3)
    0.693
    """

    def __init__(
        self,
        logits: Tensor | None = None,
        probs: Tensor | None = None,
        validate_args: bool = False,
        allow_nan_stats: bool = True,
        name: str = "Discrete",
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
        return properties(event_ndims=1)

    def _sample_n(self, n: Tensor, seed: Tensor | None = None) -> Tensor:
        logits, _ = possible(self._read_logits())
        shape = (n, *ops.shape(logits))
        return one_hot_of_largest(logits + noise.gumbel(shape, sample_key(seed)))

    def _log_prob(self, state: Tensor) -> Tensor:
        self._check_size(state)
        chosen = one_hot_of_largest(state)
        chosen_log_prob = ops.where(chosen > 0, self._log_probabilities(), chosen)
        return ops.sum(chosen_log_prob, axis=-1)

    def _log_probabilities(self) -> Tensor:
        return ops.log_softmax(certain_rows(self._read_logits()))

    def _mean(self) -> Tensor:
        return ops.softmax(certain_rows(self._read_logits()))

    def _mode(self) -> Tensor:
        return one_hot_of_largest(self._read_logits())

    def _entropy(self) -> Tensor:
        log_masses = self._log_probabilities()
        return -kl_of_masses(log_masses, ops.zeros_like(log_masses))

    def _sample_control_dependencies(self, value: Tensor) -> list:
        if not self.validate_args:
            return []
        is_one_hot = (tf.reduce_sum(value, axis=-1) == 1.0) & tf.reduce_all(
            (value == 0.0) | (value == 1.0), axis=-1
        )
        message = "Samples must be one-hot vectors."
        return [tf.debugging.Assert(tf.reduce_all(is_one_hot), [message, value])]


@tfd.RegisterKL(Discrete, Discrete)
def _kl(q: Discrete, p: Discrete, name: str | None = None) -> Tensor:
    """Sum over the states of P_q log(P_q / P_p); inf if p excludes a state of q."""
    with tf.name_scope(name or "kl_discrete_discrete"):
        return kl_of_masses(q._log_probabilities(), p._log_probabilities())
