"""Sums of weights, chunk by chunk: compiled once, in constant memory."""

import weakref
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_concrete import noise
from keras_concrete.model_passes import LogLikelihood, draw_log_weights
from keras_concrete.types import Tensor

__all__ = ["Summary", "compiled_summary", "key_of_chunk", "merge"]

# From examples, a key and the number of samples still wanted to sums of weights.
Summary = Callable[[Any, Tensor, Tensor], Tensor]

# By model, so that a second evaluation of one shape compiles nothing, and nothing is kept
# of a model that is gone.
_COMPILED: weakref.WeakKeyDictionary[keras.Model, dict[tuple, Summary]] = (
    weakref.WeakKeyDictionary()
)


def compiled_summary(
    model: keras.Model,
    chunk: int,
    training: bool,
    repeats: int | None = None,
    log_likelihood: LogLikelihood | None = None,
) -> Summary:
    """The function that draws a chunk of samples and summarises their weights.

    Args:
        model: Has the method `log_weights`, or passes that tell them.
        chunk: Number of samples.
        training: Whether the graph is relaxed.
        repeats: How often each example stands in the batch of a pass, for a model
            without the method; else None.
        log_likelihood: For a model with KL terms, else None. Functions with one are not
            kept for another evaluation, since it may be made anew for each.

    Returns:
        A compiled function.
    """
    if log_likelihood is not None:
        return _compile(weakref.ref(model), chunk, training, repeats, log_likelihood)
    variables = tuple(map(id, getattr(model, "variables", ())))
    functions = _COMPILED.setdefault(model, {})
    settings = (chunk, training, repeats, variables)
    if settings not in functions:
        functions[settings] = _compile(weakref.ref(model), chunk, training, repeats)
    return functions[settings]


def _compile(
    model_of: Callable[[], Any],
    chunk: int,
    training: bool,
    repeats: int | None,
    log_likelihood: LogLikelihood | None = None,
) -> Summary:
    @tf.function(jit_compile=True)
    def summarise(x: Any, key: Tensor, left: Tensor) -> Tensor:
        """The largest log-weight of each example, and sums of weights by its measure.

        Args:
            x: The examples.
            key: Key of the noise.
            left: How many samples are still wanted; the others weigh nothing.

        Returns:
            Tensor `(3, batch)`: the largest log-weight w, the sum of exp(log-weight - w),
            and that of its squares.
        """
        model = model_of()
        if repeats is None:
            log_weights = model.log_weights(x, chunk, training, key)
        else:
            log_weights = draw_log_weights(
                model, x, repeats, training, key, log_likelihood
            )
        is_wanted = ops.arange(chunk, dtype="int32") < left
        log_weights = ops.where(is_wanted, log_weights, -float("inf"))
        largest = ops.max(log_weights, axis=1)
        weights = ops.exp(log_weights - largest[:, None])
        return ops.stack([largest, ops.sum(weights, axis=1), ops.sum(weights**2, axis=1)])

    return summarise


def key_of_chunk(seed: int, batch: int, chunk: int) -> Tensor:
    """The key of the noise of one chunk of samples of one batch of examples."""
    return _key_of(*(tf.constant(word) for word in (seed, batch, chunk)))


# Not under XLA, which would compile its hundred scalar operations for seconds.
@tf.function
def _key_of(seed: Tensor, batch: Tensor, chunk: Tensor) -> Tensor:
    return noise.fold_in(noise.fold_in(noise.key_from_seed(seed), batch), chunk)


def merge(summaries: np.ndarray) -> np.ndarray:
    """Merges chunks in float64: log-weights of large images are large numbers.

    Args:
        summaries: Array `(chunks, 3, batch)`.

    Returns:
        Array `(2, batch)`: the log of the sum of the weights, and their effective number.
    """
    largest, sums, sums_of_squares = np.moveaxis(summaries.astype("float64"), 1, 0)
    scale = np.exp(largest - largest.max(axis=0))
    total = np.sum(scale * sums, axis=0)
    effective = total**2 / np.sum(scale**2 * sums_of_squares, axis=0)
    return np.stack([largest.max(axis=0) + np.log(total), effective])
