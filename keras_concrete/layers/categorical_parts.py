"""Log-probabilities of categorical variables, mixed with noise, and their KL."""

import math

from keras import ops

from keras_concrete.types import Tensor

__all__ = ["categorical_kl", "unimix"]


def unimix(logits: Tensor, share: float = 0.01) -> Tensor:
    """Log-probabilities of a softmax mixed with a uniform distribution.

    `log((1 - share) softmax(logits) + share / n)`: none is below `share / n`, so that no
    KL of two such distributions is beyond `log(n / share)` nats.

    Args:
        logits: Float32 tensor with the n states on its last axis.
        share: Share of the uniform distribution, in [0, 1).

    Returns:
        Tensor of that shape, normalised.

    Example:
    >>> import numpy as np
    >>> ops.exp(unimix(np.array([50.0, 0.0], "float32"))).numpy().round(3)
    array([0.995, 0.005], dtype=float32)
    """
    log_probs = ops.log_softmax(logits)
    if share == 0:
        return log_probs
    uniform = math.log(share / logits.shape[-1])
    return ops.logaddexp(log_probs + math.log1p(-share), uniform)


def categorical_kl(log_q: Tensor, log_p: Tensor) -> Tensor:
    """The KL of categorical variables, summed over all of an example.

    Args:
        log_q: Log-probabilities `(batch, variables, states)`, all of them finite.
        log_p: The same of p.

    Returns:
        Tensor `(batch,)`, in nats.
    """
    return ops.sum(ops.exp(log_q) * (log_q - log_p), axis=(1, 2))
