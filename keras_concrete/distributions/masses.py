"""Sums over the states of discrete units."""

from keras import ops

from keras_concrete.types import Tensor

__all__ = ["kl_of_masses"]


def kl_of_masses(log_q: Tensor, log_p: Tensor) -> Tensor:
    """The Kullback-Leibler divergence of masses q from p.

    Args:
        log_q: Log-masses with the states on the last axis; -inf for those that cannot be.
        log_p: The same of p.

    Returns:
        Sum over the states of `q log(q / p)`, in nats: inf where p excludes a state that
        q does not.

    Example:
    >>> import numpy as np
    >>> half = np.log(np.float32([0.5, 0.5]))
    >>> round(float(kl_of_masses(half, np.log(np.float32([0.25, 0.75])))), 3)
    0.144
    """
    # A state of mass 0 adds 0, and no gradient of 0 * inf; NaN counts, and so stays NaN.
    counts = ops.logical_not(ops.exp(log_q) <= 0.0)
    counted_q, counted_p = (ops.where(counts, terms, 0.0) for terms in (log_q, log_p))
    terms = ops.exp(counted_q) * (counted_q - counted_p)
    return ops.sum(ops.where(counts, terms, 0.0), axis=-1)
