"""The arithmetic of Hard Concrete gates: stretched, and cut off at 0 and 1."""

import math

from keras import ops

from keras_concrete.types import Tensor

__all__ = ["hard_gate", "log_odds_of_open"]


def hard_gate(state: Tensor, stretch: float) -> Tensor:
    """Stretches a state to (-stretch, 1 + stretch), and cuts off what is outside [0, 1].

    Args:
        state: Relaxed binary states, in [0, 1].
        stretch: How far the interval reaches beyond 0 and 1.

    Returns:
        Tensor of the shape of `state`, exactly 0 and exactly 1 near the ends; no gradient
        reaches the states there.

    Example:
    >>> import numpy as np
    >>> hard_gate(np.float32([0.05, 0.5, 0.95]), 0.1).numpy()
    array([0. , 0.5, 1. ], dtype=float32)
    """
    return ops.clip(state * (1.0 + 2.0 * stretch) - stretch, 0.0, 1.0)


def log_odds_of_open(logits: Tensor, temperature: Tensor, stretch: float) -> Tensor:
    """The log-odds that a random gate is not 0 (equation 12 of Louizos et al.).

    `log alpha - temperature * log(-gamma / zeta)`, with gamma = -stretch and
    zeta = 1 + stretch.

    Args:
        logits: log alpha.
        temperature: Temperature of the noise.
        stretch: How far the interval reaches beyond 0 and 1.

    Returns:
        Tensor of the shape of `logits`.

    Example:
    >>> import numpy as np
    >>> np.round(log_odds_of_open(np.float32([0.0]), 1.0, 0.5), 4)
    array([1.0986], dtype=float32)
    """
    return logits - temperature * (math.log(stretch) - math.log1p(stretch))
