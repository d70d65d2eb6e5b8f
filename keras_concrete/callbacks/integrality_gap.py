"""The callback that watches what rounding costs."""

from typing import Any

import keras
import numpy as np
from keras import ops

from keras_concrete import noise, objectives
from keras_concrete.array_batches import examples_of, tensors_as_fit_takes
from keras_concrete.callbacks.bounds import bound_of, check_ends_in_bound
from keras_concrete.checks import check_positive, check_seed
from keras_concrete.latent_variable_model import LatentVariableModel, check_model_data
from keras_concrete.programs import compiled
from keras_concrete.seeding import fixed_noise
from keras_concrete.types import Tensor

__all__ = ["IntegralityGap"]


class IntegralityGap(keras.callbacks.Callback):
    """Adds the discrete and the relaxed bound on held-out data to the logs, and the gap.

    After each epoch, in nats per example: `val_bound_discrete`, what counts in the end;
    `val_bound_relaxed`, what training sees; and `val_integrality_gap`, relaxed less
    discrete. All epochs and both graphs have the same noise, so that epochs compare, and
    training goes on as it would have without. Stop early on what matters by
    `keras.callbacks.EarlyStopping("val_bound_discrete", mode="max")`, listed after it.

    It is for belief networks, and for a model of your own that ends in its bound: the
    output of `MultiSampleBound`, alone or as `"bound"` of a dict.

    Args:
        x: Held-out binary data, `(examples, visible units)`; for a conditional network
            the pair `(context, image)`; for a model of your own its inputs.
        num_samples: Samples m of both bounds, which may be more than in training. A model
            of your own has its own number.
        batch_size: Examples at a time.
        seed: Integer, of which alone the noise is a function.

    Raises:
        ValueError: If `x` holds no arrays of examples, `num_samples` or `batch_size` is
            not a positive integer, `seed` not an integer, or the model that it is used
            with has no bound, or is not for such data.

    Example:
    >>> from keras_concrete import SigmoidBeliefNetwork
    >>> model, x = SigmoidBeliefNetwork("3H-4V", seed=0), np.eye(4)
    >>> model.compile("adam")
    >>> history = model.fit(x, callbacks=[IntegralityGap(x)], verbose=0).history
    >>> [name for name in history if name.startswith("val")]
    ['val_bound_discrete', 'val_bound_relaxed', 'val_integrality_gap']
    """

    def __init__(
        self, x: Any, num_samples: int = 1, batch_size: int = 256, seed: int = 0
    ) -> None:
        super().__init__()
        check_positive("num_samples", num_samples, int)
        check_positive("batch_size", batch_size, int)
        check_seed(seed)
        self._x, self._num_examples = examples_of(x)
        self._num_samples = num_samples
        self._batch_size = batch_size
        self._key = noise.key_from_seed(np.uint32(seed))

    def on_train_begin(self, logs: Any = None) -> None:
        """Prepares the function that evaluates a batch."""
        model = self.model
        check_ends_in_bound("IntegralityGap", model, hasattr(model, "log_weights"))
        if isinstance(model, LatentVariableModel):
            check_model_data(model, self._x)

        def bounds(x: Any, key: Tensor, training: bool) -> Tensor:
            if hasattr(model, "log_weights"):
                log_weights = model.log_weights(x, self._num_samples, training, key)
                return objectives.importance_weighted_bound(log_weights)
            with fixed_noise(model, key):
                return bound_of(model(x, training=training))

        self._bounds = compiled(
            bounds,
            lambda: model,
            static=["training"],
            jit_compile=bool(model.jit_compile),
            reduce_retracing=True,
        )

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Adds the three numbers to the logs."""
        relaxed, discrete = self._mean(training=True), self._mean(training=False)
        if logs is not None:
            logs["val_bound_discrete"] = discrete
            logs["val_bound_relaxed"] = relaxed
            logs["val_integrality_gap"] = relaxed - discrete

    def _mean(self, training: bool) -> float:
        bounds = []
        for i, start in enumerate(range(0, self._num_examples, self._batch_size)):
            rows = slice(start, start + self._batch_size)
            x = tensors_as_fit_takes(self._x, rows)
            key = noise.fold_in(self._key, i)
            bounds.append(ops.convert_to_numpy(self._bounds(x, key, training)))
        return float(np.mean(np.concatenate(bounds)))
