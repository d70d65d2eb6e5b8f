"""The multi-sample bound of equation 8 and its parts, as functions of log-weights.

A log-weight is log p(x, z) - log q(z given x): one number per example and sample, of
shape `(batch, num_samples)`, or `(batch,)` where a model has no sample axis. All values
are in nats.
"""

from collections.abc import Sequence

from keras import ops

from keras_concrete.types import Tensor
from keras_concrete.unknown_sizes import held_to_shape

__all__ = [
    "check_terms",
    "effective_sample_size",
    "importance_weighted_bound",
    "log_weights",
    "shares",
    "sum_terms",
]


def sum_terms(terms: Tensor | Sequence[Tensor]) -> Tensor:
    """Sums log-probabilities given as one tensor or as a list of one per latent layer.

    Args:
        terms: A tensor, or a non-empty list of tensors of one shape.

    Returns:
        A float32 tensor of that shape.

    Raises:
        ValueError: If the list is empty, or if the shapes differ and would broadcast.
            Sizes that are not known yet are held to agree when the program runs.
    """
    if not isinstance(terms, list | tuple):
        terms = [terms]
    check_terms(terms)
    total = ops.cast(terms[0], "float32")
    shape = ops.shape(total)
    for term in terms[1:]:
        total = total + held_to_shape(ops.cast(term, "float32"), shape)
    return total


def check_terms(terms: Sequence[Tensor]) -> None:
    """Refuses terms that would broadcast.

    Args:
        terms: Tensors of log-probabilities.

    Raises:
        ValueError: If there are none, they differ in shape, or have more axes than those
            of examples and samples.
    """
    if not terms:
        raise ValueError("Argument `terms` must hold at least one tensor. Received: []")
    shapes = {tuple(term.shape) for term in terms}
    ranks = {len(shape) for shape in shapes}
    if len(ranks) > 1 or not ranks <= {1, 2} or _differ(shapes):
        raise ValueError(
            "All terms must have the same shape, (batch, num_samples) or (batch,): "
            "broadcasting would mix up samples. Received: shapes "
            f"{sorted(shapes, key=str)}. Sum over all units and pixels, and pass "
            "sample_axis=True to all layers that score, or to none."
        )


def _differ(shapes: set[tuple]) -> bool:
    return any(len(set(sizes) - {None}) > 1 for sizes in zip(*shapes, strict=True))


def log_weights(
    log_joint: Tensor | Sequence[Tensor], log_posterior: Tensor | Sequence[Tensor]
) -> Tensor:
    """Forms log p(x, z) - log q(z given x).

    Args:
        log_joint: log p(x, z), or the list of its terms, one per layer.
        log_posterior: log q(z given x), or the list of its terms.

    Returns:
        Float32 tensor of shape `(batch, num_samples)` or `(batch,)`.

    Raises:
        ValueError: If the shapes of the terms differ.
    """
    return sum_terms([sum_terms(log_joint), -sum_terms(log_posterior)])


def importance_weighted_bound(log_weights: Tensor) -> Tensor:
    """The log of the mean of the weights, L_m of equation 8 (Burda et al., 2016).

    With one sample this is the log-weight itself, and its mean the ELBO.

    Args:
        log_weights: Float tensor of shape `(batch, num_samples)` or `(batch,)`.

    Returns:
        Tensor of shape `(batch,)`.

    Example:
    >>> import numpy as np
    >>> bound = importance_weighted_bound(np.log([[1.0, 3.0]]))
    >>> round(float(ops.exp(bound)[0]), 3)
    2.0
    """
    if len(log_weights.shape) == 1:
        return log_weights
    num_samples = ops.cast(ops.shape(log_weights)[1], log_weights.dtype)
    return ops.logsumexp(log_weights, axis=1) - ops.log(num_samples)


def shares(log_weights: Tensor) -> Tensor:
    """The self-normalised weights: of each sample, its part of their sum, held fixed.

    Args:
        log_weights: Float tensor of shape `(batch, num_samples)`.

    Returns:
        Tensor of that shape, whose rows add up to 1; no gradient flows through it.

    Example:
    >>> import numpy as np
    >>> shares(np.log([[1.0, 3.0]]).astype("float32")).numpy().round(2)
    array([[0.25, 0.75]], dtype=float32)
    """
    # Keras's softmax warns of a single sample.
    total = ops.logsumexp(log_weights, axis=1, keepdims=True)
    return ops.stop_gradient(ops.exp(log_weights - total))


def effective_sample_size(log_weights: Tensor) -> Tensor:
    """The number of equal weights that would be as good: (sum w)**2 / sum w**2.

    Args:
        log_weights: Float tensor of shape `(batch, num_samples)`.

    Returns:
        Tensor of shape `(batch,)`, between 1 and `num_samples`.

    Example:
    >>> import numpy as np
    >>> round(float(effective_sample_size(np.zeros((1, 8), "float32"))[0]), 3)
    8.0
    """
    return ops.exp(
        2.0 * ops.logsumexp(log_weights, axis=1)
        - ops.logsumexp(2.0 * log_weights, axis=1)
    )
