"""The K-sample bound of a trained model, for any K, in constant memory."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from keras_concrete.array_batches import examples_of, tensors_as_fit_takes
from keras_concrete.checks import check_flag, check_positive, check_seed
from keras_concrete.latent_variable_model import LatentVariableModel, check_model_data
from keras_concrete.model_passes import LogLikelihood, check_passes, samples_of_a_pass
from keras_concrete.weight_sums import compiled_summary, keys_of_groups, merge

__all__ = ["BoundEstimate", "evaluate_bound", "standard_error"]

# Log-weights in flight at a time: few enough for the cache of a processor.
_PAIRS = 2_000
_PAIRS_ON_GPU = 10_000
# Log-weights of a call of the compiled program, at least, unless the examples are fewer.
_PAIRS_OF_CALL = 50_000


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
    log_likelihood: LogLikelihood | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> BoundEstimate:
    """Estimates the bound L_K of equation 8 on each example.

    Samples are drawn in chunks and their weights summed as they come, so memory does not
    grow with K. The model is left as it was: its generators and averages are not used.

    Three kinds of models have log-weights to sum: belief networks and others with the
    method `log_weights`; models that run one `MultiSampleBound`, whatever else they
    return, by as many passes with new noise as K needs; and models trained by a
    reconstruction and KL terms (a sampler's `prior`, or `RelaxedKL`), if
    `log_likelihood` says what log p(x given z) is. Neither weights of the KL terms nor
    losses count here.

    Args:
        model: A model of one of these kinds, whose weights exist.
        x: What the model takes: an array of examples, or a tuple, list or dict of them;
            for a conditional belief network the pair `(context, image)`.
        num_samples: K, the number of samples for each example. It need not be a multiple
            of the model's own number.
        training: False for the discrete graph, whose bound approximates the
            log-likelihood from below; True for the relaxed graph.
        seed: Integer, of which alone the noise is a function.
        verbose: Whether to show a progress bar.
        log_likelihood: Function from `x` and the outputs of the model, for a batch, to
            log p(x given z) in nats, `(batch,)`, or `(batch, num_samples)` where the
            model has a sample axis. With a layer without weights that is passed again a
            second evaluation compiles nothing.
        progress: Function that is told after each batch how many are done, and of how
            many, in place of the progress bar.

    Returns:
        The bounds and effective sample sizes of the examples.

    Raises:
        ValueError: If there are no examples, `num_samples` is not a positive integer,
            `training` not True or False, `seed` not an integer, or `model` is of none of
            the three kinds.

    Example:
    >>> from keras_concrete import SigmoidBeliefNetwork
    >>> model = SigmoidBeliefNetwork("3H-4V", seed=0)
    >>> estimate = evaluate_bound(model, np.eye(4), num_samples=2_000, verbose=False)
    >>> estimate.bounds.shape, estimate.num_samples
    ((4,), 2000)

    A model of your own, trained by a reconstruction and the KL term of its sampler:

    >>> import keras_concrete as kc
    >>> inputs = keras.Input((4,))
    >>> logits = keras.layers.Dense(3)(inputs)
    >>> state = kc.BinaryConcreteSample(0.5, prior="uniform")(logits)
    >>> autoencoder = keras.Model(inputs, keras.layers.Dense(4)(state))
    >>> estimate = evaluate_bound(
    ...     autoencoder, np.eye(4), 1_000, log_likelihood=kc.BernoulliLogLikelihood(),
    ...     verbose=False,
    ... )
    >>> estimate.bounds.shape
    (4,)
    """
    check_positive("num_samples", num_samples, int)
    check_flag("training", training)
    check_seed(seed)
    has_method = hasattr(model, "log_weights") and log_likelihood is None
    if not has_method:
        check_passes(model, training, log_likelihood)
    x, num_examples = examples_of(x)
    if isinstance(model, LatentVariableModel):
        check_model_data(model, x)
    pairs = _PAIRS if "cpu" in keras.distribution.list_devices()[0] else _PAIRS_ON_GPU
    chunk = math.ceil(num_samples / math.ceil(num_samples / pairs))
    repeats = None
    if not has_method:
        samples = samples_of_a_pass(
            model, tensors_as_fit_takes(x, [0]), training, log_likelihood
        )
        repeats = math.ceil(chunk / samples)
        chunk = repeats * samples
    group = min(num_examples, max(1, pairs // chunk))
    num_groups = math.ceil(num_examples / group)
    groups_of_call = min(num_groups, math.ceil(_PAIRS_OF_CALL / (group * num_samples)))
    num_calls = math.ceil(num_groups / groups_of_call)
    summarise = compiled_summary(model, chunk, training, repeats, log_likelihood)
    first_word = ops.convert_to_tensor(np.uint32(seed))
    # Of JAX's loops the lengths are known when they are compiled.
    is_static = keras.backend.backend() == "jax"
    length = num_samples if is_static else ops.convert_to_tensor(num_samples, "int32")
    if progress is None:
        progress = _progress_bar(num_calls, verbose)
    estimates = []
    for i in range(num_calls):
        groups = np.arange(i * groups_of_call, (i + 1) * groups_of_call, dtype="int32")
        # The last are filled up with the first examples: one shape, one compilation.
        places = (groups[:, None] * group + np.arange(group)) % num_examples
        keys = keys_of_groups(first_word, ops.convert_to_tensor(groups))
        summaries = summarise(tensors_as_fit_takes(x, places), keys, length)
        estimates.append(merge(np.asarray(summaries)).reshape(2, -1))
        progress(i + 1, num_calls)
    log_sum, effective = np.concatenate(estimates, axis=1)[:, :num_examples]
    return BoundEstimate(
        bounds=log_sum - math.log(num_samples),
        effective_sample_sizes=effective,
        num_samples=num_samples,
        training=training,
    )


def _progress_bar(num_calls: int, verbose: bool) -> Callable[[int, int], None]:
    bar = keras.utils.Progbar(num_calls, verbose=int(verbose), unit_name="batch")
    return lambda done, _: bar.update(done)
