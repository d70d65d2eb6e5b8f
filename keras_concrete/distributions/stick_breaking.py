"""A categorical unit as a row of binary decisions: this state, or one after it."""

from keras import ops

from keras_concrete import noise
from keras_concrete.distributions.impossible import LOG_ZERO
from keras_concrete.distributions.units import CategoricalUnit
from keras_concrete.types import Shape, Tensor

__all__ = ["StickBreakingUnit", "log_odds_of_decisions"]


class StickBreakingUnit(CategoricalUnit):
    """n logits on the last axis; Logistic noise, one for each of n - 1 decisions.

    The state is the first whose decision says so, and the last one if none does. It has
    the law of a categorical unit of these logits; its node is the log of the state.
    """

    def noise(self, logits_shape: Shape, key: Tensor) -> Tensor:
        """Draws the noise of the decisions."""
        return noise.logistic((*logits_shape[:-1], logits_shape[-1] - 1), key)

    def node(self, logits: Tensor, noise: Tensor, temperature: Tensor) -> Tensor:
        """The log of the state; the temperature has no effect."""
        log_odds = log_odds_of_decisions(self.log_masses(logits))
        decisions = ops.cast(log_odds + noise >= 0.0, "float32")
        stopped = ops.cumsum(decisions, axis=-1)
        rest = ops.cast(stopped[..., -1:] == 0.0, "float32")
        first = decisions * ops.cast(stopped == 1.0, "float32")
        state = ops.concatenate([first, rest], axis=-1)
        is_nan = ops.any(ops.isnan(log_odds), axis=-1, keepdims=True)
        return ops.where(is_nan, float("nan"), LOG_ZERO * (1.0 - state))


def log_odds_of_decisions(log_masses: Tensor) -> Tensor:
    """Log-odds of each state but the last against those after it.

    Args:
        log_masses: Log-probabilities of n states on the last axis, finite.

    Returns:
        Tensor with n - 1 on the last axis, finite. Where the states after have less than
        1e-37, it is as if they had that.

    Example:
    >>> odds = log_odds_of_decisions(ops.log([0.5, 0.3, 0.2]))
    >>> [round(float(x), 3) for x in ops.exp(odds)]
    [1.0, 1.5]
    """
    from_last = ops.cumsum(ops.flip(ops.exp(log_masses), axis=-1), axis=-1)
    after = ops.flip(from_last[..., :-1], axis=-1)
    return log_masses[..., :-1] - ops.log(ops.maximum(after, 1e-37))
