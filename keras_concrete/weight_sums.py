"""Sums of weights, chunk by chunk: compiled once, in constant memory."""

import weakref
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_concrete import noise
from keras_concrete.model_passes import LogLikelihood, draw_log_weights
from keras_concrete.programs import compiled, mapped
from keras_concrete.types import Tensor

__all__ = ["Summary", "compiled_summary", "keys_of_groups", "merge"]

# From groups of examples, their keys and K to sums of weights.
Summary = Callable[[Any, Tensor, Tensor], Tensor]

# By model, and by what scores its data: itself, or a layer. So a second evaluation of one
# shape compiles nothing, and nothing is kept of models and layers that are gone.
_COMPILED: weakref.WeakKeyDictionary[
    keras.Model, weakref.WeakKeyDictionary[keras.layers.Layer, dict[tuple, Summary]]
] = weakref.WeakKeyDictionary()


def compiled_summary(
    model: keras.Model,
    chunk: int,
    training: bool,
    repeats: int | None = None,
    log_likelihood: LogLikelihood | None = None,
) -> Summary:
    """The function that draws samples, chunk by chunk, and summarises their weights.

    It takes groups of examples, `(groups, examples of a group, ...)`, the keys of their
    noise, `(groups, 2)`, and K. It returns `(groups, chunks, 3, examples of a group)`:
    the largest log-weight w of each example in each chunk, the sum of exp(log-weight - w)
    and that of its squares.

    Args:
        model: Has the method `log_weights`, or passes that tell them.
        chunk: Number of samples at a time.
        training: Whether the graph is relaxed.
        repeats: How often each example stands in the batch of a pass, for a model
            without the method; else None.
        log_likelihood: For a model with KL terms, else None. Kept for another
            evaluation is what was compiled with a layer without weights; a function may
            read what has changed since.

    Returns:
        A compiled function.
    """

    def given() -> LogLikelihood | None:
        return log_likelihood

    arguments = (weakref.ref(model), chunk, training, repeats)
    scorer: Any
    likelihood_of: Callable[[], LogLikelihood | None]
    if log_likelihood is None:
        scorer, likelihood_of = model, given
    elif isinstance(log_likelihood, keras.layers.Layer) and not log_likelihood.variables:
        scorer, likelihood_of = log_likelihood, weakref.ref(log_likelihood)
    else:
        return _compile(*arguments, given)
    by_scorer = _COMPILED.setdefault(model, weakref.WeakKeyDictionary())
    functions = by_scorer.setdefault(scorer, {})
    settings = (chunk, training, repeats, tuple(map(id, getattr(model, "variables", ()))))
    if settings not in functions:
        functions[settings] = _compile(*arguments, likelihood_of)
    return functions[settings]


def _scale(largest: Tensor) -> Tensor:
    """What log-weights are measured by: the largest, but where all weights are 0."""
    return ops.where(ops.equal(largest, -float("inf")), 0.0, largest)


def _compile(
    model_of: Callable[[], Any],
    chunk: int,
    training: bool,
    repeats: int | None,
    likelihood_of: Callable[[], LogLikelihood | None],
) -> Summary:
    def of_chunk(x: Any, key: Tensor, left: Tensor) -> Tensor:
        """The largest log-weight of each example, and sums of weights by its measure."""
        model = model_of()
        if repeats is None:
            log_weights = model.log_weights(x, chunk, training, key)
        else:
            log_weights = draw_log_weights(
                model, x, repeats, training, key, likelihood_of()
            )
        is_wanted = ops.arange(chunk, dtype="int32") < left
        log_weights = ops.where(is_wanted, log_weights, -float("inf"))
        largest = ops.max(log_weights, axis=1)
        weights = ops.exp(log_weights - _scale(largest)[:, None])
        return ops.stack([largest, ops.sum(weights, axis=1), ops.sum(weights**2, axis=1)])

    # The loops are in the program: what a chunk needs then stays in the processor's cache
    # and is allocated once, which saves a third of the time.
    def summarise(groups: Any, keys: Tensor, num_samples: Tensor) -> Tensor:
        chunks = ops.arange((num_samples + chunk - 1) // chunk, dtype="int32")

        def of_group(group: tuple[Any, Tensor]) -> Tensor:
            x, key = group
            return mapped(
                lambda j: of_chunk(x, noise.fold_in(key, j), num_samples - j * chunk),
                chunks,
                "float32",
            )

        return mapped(of_group, (groups, keys), "float32")

    return compiled(
        summarise, model_of, ["num_samples"], jit_compile=True, autograph=False
    )


def _keys_of_groups(seed: Tensor, groups: Tensor) -> Tensor:
    """The keys of the noise of groups of examples.

    Args:
        seed: Integer scalar tensor.
        groups: Numbers of the groups, an int32 vector.

    Returns:
        uint32 tensor `(groups, 2)`.
    """
    key = noise.key_from_seed(seed)
    return mapped(lambda group: noise.fold_in(key, group), groups, "uint32")


# Not under XLA, which would compile its hundred scalar operations for seconds.
keys_of_groups = compiled(_keys_of_groups, autograph=False)


def merge(summaries: np.ndarray) -> np.ndarray:
    """Merges chunks in float64: log-weights of large images are large numbers.

    Args:
        summaries: Array `(..., chunks, 3, examples)`.

    Returns:
        Array `(2, ..., examples)`: the log of the sum of the weights, and their effective
        number: -inf and 0 where all weights are 0.
    """
    largest, sums, sums_of_squares = np.moveaxis(summaries.astype("float64"), -2, 0)
    overall = largest.max(axis=-2)
    overall = np.where(np.isneginf(overall), 0.0, overall)
    scale = np.exp(largest - overall[..., None, :])
    total = np.sum(scale * sums, axis=-2)
    squares = np.sum(scale**2 * sums_of_squares, axis=-2)
    with np.errstate(divide="ignore"):
        log_sum = overall + np.log(total)
    return np.stack([log_sum, total**2 / np.where(squares == 0.0, 1.0, squares)])
