"""States that cannot be, and those that are certain: masks, as logits.

A logit of -inf, or one `LIMIT` nats or more below the largest of its unit (masks are
often written -1e9), marks a state as impossible: it has probability 0 and is never drawn,
and no gradient reaches its logit. A unit with impossible states is a unit of the states
that are left. A logit of +inf makes all other states impossible; several share equally.

Logits that are nearer together keep every bit. NaN logits give NaN.
"""

import keras
import numpy as np
from keras import ops

from keras_concrete.types import Tensor

__all__ = [
    "LIMIT",
    "LOG_ZERO",
    "certain_rows",
    "in_float32",
    "is_certain",
    "log_density_of_impossible",
    "log_prob_unless_certain",
    "possible",
    "ruled_out",
    "settled",
]

# In nats. The package promises its numbers for logits within +-1000; at a distance of
# 5000 float32 keeps a thousandth, and the probability is 0 at any temperature below 48.
LIMIT = 5000.0

# At this distance a logit is a mask, and no number that a model computes.
_MASK, _MASK_OF_HALVES = 1e7, 2.5e4

# Stands for log(0) where 0 * log(0) must be 0, or where a number is subtracted from
# itself: finite, and 0 when exponentiated at any temperature in use.
LOG_ZERO = -1e9

# Where the state, exp(node) or sigmoid(node), is 0 in float32.
_LOG_OF_A_STATE_OF_ZERO = -104.0

# Of float32, as two Python numbers would not be where Keras's default is another type.
_ZERO, _INFINITY = np.float32(0.0), np.float32("inf")


def possible(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Logits of n states that are finite, and which of the states are impossible.

    Args:
        logits: Float32 tensor with the states on its last axis.

    Returns:
        Logits, `LOG_ZERO` for impossible states; and a boolean tensor of that shape.
        Where the largest logit is beyond `LIMIT`, it is subtracted from its unit's.

    Example:
    >>> import numpy as np
    >>> logits, impossible = possible(np.float32([0.5, -np.inf, 2.0]))
    >>> impossible.numpy()
    array([False,  True, False])
    """
    largest = _largest(logits)
    impossible = logits - largest <= -LIMIT
    shift = ops.where(ops.abs(largest) < LIMIT, 0.0, largest)
    finite = ops.where(logits == float("inf"), 0.0, logits - shift)
    return ops.where(impossible, LOG_ZERO, finite), impossible


def ruled_out(logits: Tensor) -> Tensor:
    """Which of n states a mask rules out, and not what a model has made improbable.

    A mask is a logit of -inf, or one 1e7 below the largest. Logits of a model may lie
    `LIMIT` apart: then a state is impossible for all that is drawn or scored by density,
    and yet a prior has it. Without it a KL from the prior would be too small, and a bound
    that has this KL none.

    Args:
        logits: Float32 tensor with the states on its last axis.

    Returns:
        Boolean tensor of that shape.

    Example:
    >>> import numpy as np
    >>> ruled_out(np.float32([0.5, -1e9, -6000.0, -np.inf])).numpy()
    array([False,  True, False,  True])
    """
    return logits - _largest(logits) <= -_MASK


def in_float32(logits: Tensor) -> Tensor:
    """Logits of n states in float32, with -inf for the masks of float16.

    These are written -3e4 or -65504.

    Args:
        logits: Tensor of any float dtype with the states on its last axis.

    Example:
    >>> import numpy as np
    >>> in_float32(np.float16([0.5, -65504.0])).numpy()
    array([ 0.5, -inf], dtype=float32)
    """
    is_half = keras.backend.standardize_dtype(logits.dtype) == "float16"
    logits = ops.cast(logits, "float32")
    if not is_half:
        return logits
    is_masked = logits - _largest(logits) <= -_MASK_OF_HALVES
    return ops.where(is_masked, -_INFINITY, logits)


def _largest(logits: Tensor) -> Tensor:
    """The largest logit of each unit; of none, where there are no units."""
    largest = ops.max(logits, axis=-1, keepdims=True, initial=-float("inf"))
    return ops.stop_gradient(largest)


def certain_rows(logits: Tensor) -> Tensor:
    """Logits of n states without +inf: where there is one, 0 for each, else -inf."""
    largest = _largest(logits)
    share = ops.where(logits == _INFINITY, _ZERO, -_INFINITY)
    return ops.where(largest == float("inf"), share, logits)


def log_density_of_impossible(node: Tensor) -> Tensor:
    """0 where a coordinate of a node gives its state no mass, else -inf.

    It is what impossible states add to a log-density.
    """
    return ops.where(node > _LOG_OF_A_STATE_OF_ZERO, -_INFINITY, _ZERO)


def settled(log_odds: Tensor) -> Tensor:
    """Log-odds of binary units that are finite: those beyond `LIMIT` are +-1e9.

    Args:
        log_odds: Float32 tensor.

    Returns:
        Float32 tensor.
    """
    at_least = ops.where(log_odds <= -LIMIT, LOG_ZERO, log_odds)
    return ops.where(log_odds >= LIMIT, -LOG_ZERO, at_least)


def is_certain(log_odds: Tensor) -> Tensor:
    """Whether one of the two states of a binary unit is impossible."""
    return ops.abs(log_odds) >= LIMIT


def log_prob_unless_certain(log_prob: Tensor, node: Tensor, log_odds: Tensor) -> Tensor:
    """The log-density of a binary node; of a certain unit 0 at its state, else -inf.

    A unit of one state has one node, of density 1 with respect to the measure that
    counts it.

    Args:
        log_prob: Log-density, read where the unit is not certain.
        node: The node.
        log_odds: Log-odds of state 1.

    Returns:
        Tensor of the shape of `log_prob`.
    """
    towards = ops.where(log_odds > 0.0, node, -node)
    of_state = ops.where(towards >= -_LOG_OF_A_STATE_OF_ZERO, _ZERO, -_INFINITY)
    return ops.where(is_certain(log_odds), of_state, log_prob)
