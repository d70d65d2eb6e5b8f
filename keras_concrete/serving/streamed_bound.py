"""The bound by any number of samples, in constant memory."""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from keras_concrete import noise
from keras_concrete.latent_variable_model import LatentVariableModel
from keras_concrete.serving.endpoint import at_least
from keras_concrete.types import Tensor

__all__ = ["streamed_bound"]

# Samples of an example scored at a time.
_CHUNK = 100


def streamed_bound(
    model: LatentVariableModel, x: Any, num_samples: Tensor, seed: Tensor
) -> Tensor:
    """The bound L_m by a number m of samples that is known at run time.

    Args:
        model: Draws the log-weights.
        x: Data, `(batch, visible units)`, or the pair `(context, data)`.
        num_samples: int32 scalar tensor, at least 1.
        seed: int32 scalar tensor.

    Returns:
        float32 tensor `(batch,)`, in nats. Where a runtime leaves out assertions (XLA,
        ONNX) it is NaN for less than 1 sample.

    Raises:
        tf.errors.InvalidArgumentError: If there is less than 1 sample.
    """
    num_samples = at_least(1, "num_samples", num_samples)
    key = noise.key_from_seed(seed)
    chunk = tf.clip_by_value(num_samples, 1, _CHUNK)

    def add_chunk(
        index: Tensor, done: Tensor, log_sum: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        log_weights = model.log_weights(x, chunk, seed=noise.fold_in(key, index))
        left = num_samples - done
        log_weights = tf.where(tf.range(chunk) < left, log_weights, -float("inf"))
        log_sum = ops.logaddexp(log_sum, ops.logsumexp(log_weights, axis=1))
        return index + 1, done + tf.minimum(chunk, left), log_sum

    rows = keras.tree.flatten(x)[0]
    start = tf.fill(tf.shape(rows)[:1], -float("inf"))
    _, _, log_sum = tf.while_loop(
        lambda _, done, __: done < num_samples,
        add_chunk,
        (tf.constant(0), tf.constant(0), start),
    )
    return log_sum - tf.math.log(tf.cast(num_samples, tf.float32))
