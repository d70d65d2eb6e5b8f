"""Steps of training, compiled together with the loop over them."""

import math
import weakref
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_concrete.types import Tensor

__all__ = ["TrainingLoop"]

# Of the batches that wait for one execution.
_MOST_BYTES = 32 * 2**20
_MOST_BATCHES = 256


class TrainingLoop:
    """Trains a model on the batches of an iterator, many in one XLA program.

    The program is for batches of the shape that an iterator's first one has. Others, such
    as a short last one, are trained on one by one and without XLA, which would take
    seconds to compile a program for each shape.

    Args:
        model: A compiled Keras model, whose metrics are made.
    """

    def __init__(self, model: keras.Model) -> None:
        import tensorflow as tf

        self._model = model
        self._train_step = tf.function(
            model.train_step, autograph=False, reduce_retracing=True
        )
        self._train = tf.function(self._steps, jit_compile=True, autograph=False)
        self._take = tf.function(_take, autograph=False)
        # Not the iterator itself, which would wait for seconds to be removed late.
        self._iterator: Callable[[], Any] = lambda: None
        self._shapes: list[Any] = []
        self._next: Any = None

    @staticmethod
    def takes(iterator: Any) -> bool:
        """Whether these are batches that can be stacked: dense tensors of a dataset."""
        import tensorflow as tf

        return isinstance(iterator, tf.data.Iterator) and all(
            isinstance(spec, tf.TensorSpec) and spec.shape.rank is not None
            for spec in keras.tree.flatten(iterator.element_spec)
        )

    def run(self, iterator: Any, num_steps: int) -> list[dict[str, float]]:
        """Trains at least one step and at most `num_steps`.

        Args:
            iterator: Over batches of a `tf.data.Dataset`.
            num_steps: Their greatest number.

        Returns:
            What the metrics were after each step.

        Raises:
            StopIteration: If there are no more batches.
        """
        import tensorflow as tf

        if iterator is not self._iterator():
            self._iterator, self._shapes, self._next = weakref.ref(iterator), [], None
        batch = next(iterator) if self._next is None else self._next
        self._next = None
        shapes = [part.shape for part in keras.tree.flatten(batch)]
        self._shapes = self._shapes or shapes
        if shapes != self._shapes:
            logs = self._train_step(batch)
            return [{name: float(value) for name, value in logs.items()}]
        taken, count, following = self._take(
            iterator, batch, _num_together(batch), tf.constant(num_steps)
        )
        if following.has_value():
            self._next = following.get_value()
        logs = {name: np.asarray(v) for name, v in self._train(taken, count).items()}
        return [
            {name: float(values[i]) for name, values in logs.items()}
            for i in range(int(count))
        ]

    def _steps(self, batches: Any, count: Tensor) -> dict[str, Tensor]:
        """Trains on the first `count` of stacked batches."""
        import tensorflow as tf

        size = keras.tree.flatten(batches)[0].shape[0]
        arrays = {
            name: tf.TensorArray(tf.float32, size)
            for name in self._model.get_metrics_result()
        }

        def body(step: Tensor, arrays: dict[str, Any]) -> tuple[Tensor, dict[str, Any]]:
            batch = keras.tree.map_structure(lambda part: part[step], batches)
            logs = self._model.train_step(batch)
            return step + 1, {
                name: array.write(step, tf.cast(logs[name], tf.float32))
                for name, array in arrays.items()
            }

        _, arrays = tf.while_loop(lambda step, _: step < count, body, (0, arrays))
        return {name: array.stack() for name, array in arrays.items()}


def _num_together(batch: Any) -> int:
    """How many batches one execution takes at most."""
    size = sum(
        math.prod(part.shape) * part.dtype.size for part in keras.tree.flatten(batch)
    )
    return max(1, min(_MOST_BATCHES, _MOST_BYTES // max(1, size)))


def _take(iterator: Any, first: Any, size: int, num_steps: Tensor) -> Any:
    """Stacks batches of one shape.

    Args:
        iterator: Over batches.
        first: The batch before them.
        size: Of the stack, which is filled up with zeros.
        num_steps: How many batches are wanted, with the first.

    Returns:
        The stack, the number of batches in it, and an optional: the batch after them, if
        it was taken, since its shape is another.
    """
    import tensorflow as tf

    spec, firsts = iterator.element_spec, keras.tree.flatten(first)
    num_steps = tf.minimum(num_steps, size)

    def next_if(condition: Tensor) -> tf.experimental.Optional:
        empty = tf.experimental.Optional.empty(spec)
        return tf.cond(condition, iterator.get_next_as_optional, lambda: empty)

    def is_alike(batch: tf.experimental.Optional) -> Tensor:
        parts = keras.tree.flatten(batch.get_value())
        return tf.reduce_all(
            [
                tf.reduce_all(tf.shape(part) == tf.shape(like))
                for part, like in zip(parts, firsts, strict=True)
            ]
        )

    def body(count: Tensor, batch: tf.experimental.Optional, arrays: list) -> Any:
        parts = keras.tree.flatten(batch.get_value())
        arrays = [
            array.write(count, tf.ensure_shape(part, like.shape))
            for array, part, like in zip(arrays, parts, firsts, strict=True)
        ]
        return count + 1, next_if(count + 1 < num_steps), arrays

    count, following, arrays = tf.while_loop(
        lambda count, batch, _: tf.cond(
            batch.has_value(), lambda: is_alike(batch), lambda: False
        ),
        body,
        (
            1,
            next_if(num_steps > 1),
            [
                tf.TensorArray(part.dtype, size, element_shape=part.shape).write(0, part)
                for part in firsts
            ],
        ),
    )
    batches = [array.stack() for array in arrays]
    return keras.tree.pack_sequence_as(spec, batches), count, following
