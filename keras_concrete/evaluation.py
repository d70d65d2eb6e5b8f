"""The K-sample bound of a trained model, for any K, in constant memory."""

import math
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_concrete import noise
from keras_concrete.checks import check_positive, check_seed
from keras_concrete.latent_variable_model import LatentVariableModel
from keras_concrete.types import Tensor

__all__ = ["BoundEstimate", "evaluate_bound", "standard_error"]

# Log-weights in flight at a time: larger is no faster, and uses more memory.
_PAIRS = 10_000
_SAMPLES = 1_000


@dataclass(frozen=True)
class BoundEstimate:
    """The K-sample bound on each of several examples.

    Attributes:
        bounds: Bound on the log-likelihood of each example in nats, `(examples,)`.
        effective_sample_sizes: Of the K weights of each example, `(examples,)`.
        num_samples: K. A bound means nothing without it.
        training: True for the relaxed graph, False for the discrete one.
    """

    bounds: np.ndarray
    effective_sample_sizes: np.ndarray
    num_samples: int
    training: bool

    @property
    def mean(self) -> float:
        """Mean bound over the examples, in nats."""
        return float(np.mean(self.bounds))

    @property
    def standard_error(self) -> float:
        """Standard error of that mean as an estimate for the population of examples."""
        return standard_error(self.bounds)

    @property
    def effective_sample_size(self) -> float:
        """Mean effective sample size over the examples."""
        return float(np.mean(self.effective_sample_sizes))


def standard_error(values: np.ndarray) -> float:
    """Standard error of the mean of a sample; NaN for a single value.

    Args:
        values: Array of shape `(size,)`.

    Returns:
        The standard error.
    """
    if len(values) < 2:
        return math.nan
    return float(np.std(values, ddof=1) / math.sqrt(len(values)))


def evaluate_bound(
    model: keras.Model,
    x: Any,
    num_samples: int = 50_000,
    training: bool = False,
    seed: int = 0,
    verbose: bool = True,
) -> BoundEstimate:
    """Estimates the bound L_K of equation 8 on each example.

    Samples are drawn in chunks and their weights summed as they come, so memory does not
    grow with K. The model is left as it was: its generators and averages are not used.

    Args:
        model: A `SigmoidBeliefNetwork`, or any model with the method `log_weights` of
            `LatentVariableModel`.
        x: Binary data, `(examples, visible units)`; for a conditional network the pair
            `(context, image)`.
        num_samples: K, the number of samples for each example.
        training: False for the discrete graph, whose bound approximates the
            log-likelihood from below; True for the relaxed graph.
        seed: Integer, of which alone the noise is a function.
        verbose: Whether to show a progress bar.

    Returns:
        The bounds and effective sample sizes of the examples.

    Raises:
        ValueError: If there are no examples, `num_samples` is not a positive integer,
            `seed` not an integer, or `model` has no `log_weights`.

    Example:
    >>> from keras_concrete import SigmoidBeliefNetwork
    >>> model = SigmoidBeliefNetwork("3H-4V", seed=0)
    >>> estimate = evaluate_bound(model, np.eye(4), num_samples=2_000, verbose=False)
    >>> estimate.bounds.shape, estimate.num_samples
    ((4,), 2000)
    """
    check_positive("num_samples", num_samples, int)
    check_seed(seed)
    if not hasattr(model, "log_weights"):
        raise ValueError(
            "Argument `model` must have the method log_weights(x, num_samples, training, "
            "seed) of keras_concrete.LatentVariableModel, as SigmoidBeliefNetwork has. "
            f"Received: a {type(model).__name__}"
        )
    parts = [np.asarray(part) for part in (x if isinstance(x, tuple) else (x,))]
    num_examples = len(parts[0]) if parts[0].ndim else 0
    if num_examples == 0 or any(
        part.ndim != 2 or len(part) != num_examples for part in parts
    ):
        raise ValueError(
            "Argument `x` must have shape (examples, visible units), with at least one "
            "example, or be a pair of such arrays. Received: shape "
            + ", ".join(str(part.shape) for part in parts)
        )
    if isinstance(model, LatentVariableModel):
        if len(parts) != 1 + model.is_conditional:
            raise ValueError(
                "Argument `x` must be one array, or for a conditional network the pair "
                f"(context, image). Received: {len(parts)} arrays"
            )
        model.check_data(*parts)
    num_chunks = math.ceil(num_samples / _SAMPLES)
    chunk = math.ceil(num_samples / num_chunks)
    batch = min(num_examples, max(1, _PAIRS // chunk))
    summarise = _compiled(model, chunk, training, is_pair=isinstance(x, tuple))
    num_batches = math.ceil(num_examples / batch)
    progress = keras.utils.Progbar(
        num_batches * num_chunks, verbose=int(verbose), unit_name="chunk"
    )
    estimates = []
    for i in range(num_batches):
        # The last batch is filled up with the first rows: one shape, one compilation.
        places = np.arange(i * batch, (i + 1) * batch) % num_examples
        rows = [ops.convert_to_tensor(part[places], dtype="float32") for part in parts]
        summaries = []
        for j in range(num_chunks):
            key = _key_of(*(tf.constant(word) for word in (seed, i, j)))
            left = tf.constant(num_samples - j * chunk)
            summaries.append(summarise(rows, key, left))
            progress.add(1)
        estimates.append(_merged(np.stack([np.asarray(s) for s in summaries])))
    log_sum, effective = np.concatenate(estimates, axis=1)[:, :num_examples]
    return BoundEstimate(
        bounds=log_sum - math.log(num_samples),
        effective_sample_sizes=effective,
        num_samples=num_samples,
        training=training,
    )


# Not under XLA, which would compile its hundred scalar operations for seconds.
@tf.function
def _key_of(seed: Tensor, batch_index: Tensor, chunk_index: Tensor) -> Tensor:
    key = noise.key_from_seed(seed)
    return noise.fold_in(noise.fold_in(key, batch_index), chunk_index)


Summary = Callable[[list[Tensor], Tensor, Tensor], Tensor]

# By model, so that a second evaluation of one shape compiles nothing, and nothing is kept
# of a model that is gone.
_COMPILED: weakref.WeakKeyDictionary[keras.Model, dict[tuple, Summary]] = (
    weakref.WeakKeyDictionary()
)


def _compiled(model: keras.Model, chunk: int, training: bool, is_pair: bool) -> Summary:
    """The function that draws a chunk of samples and summarises their weights."""
    variables = tuple(map(id, getattr(model, "variables", ())))
    functions = _COMPILED.setdefault(model, {})
    settings = (chunk, training, is_pair, variables)
    if settings not in functions:
        functions[settings] = _compile(weakref.ref(model), chunk, training, is_pair)
    return functions[settings]


def _compile(
    model: weakref.ref[keras.Model], chunk: int, training: bool, is_pair: bool
) -> Summary:
    @tf.function(jit_compile=True)
    def summarise(rows: list[Tensor], key: Tensor, left: Tensor) -> Tensor:
        """The largest log-weight of each example, and sums of weights by its measure.

        Args:
            rows: The examples.
            key: Key of the noise.
            left: How many samples are still wanted; the others weigh nothing.

        Returns:
            Tensor `(3, batch)`: the largest log-weight w, the sum of exp(log-weight - w),
            and that of its squares.
        """
        inputs = tuple(rows) if is_pair else rows[0]
        log_weights = model().log_weights(inputs, chunk, training, key)  # type: ignore
        is_wanted = ops.arange(chunk, dtype="int32") < left
        log_weights = ops.where(is_wanted, log_weights, -float("inf"))
        largest = ops.max(log_weights, axis=1)
        weights = ops.exp(log_weights - largest[:, None])
        return ops.stack([largest, ops.sum(weights, axis=1), ops.sum(weights**2, axis=1)])

    return summarise


def _merged(summaries: np.ndarray) -> np.ndarray:
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
