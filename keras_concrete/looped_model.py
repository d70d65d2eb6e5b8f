"""Many steps of training in one call of a compiled program.

Keras runs `steps_per_execution` steps in a TensorFlow loop around a compiled step. Each
step then pays for a launch: its variables are handed over, and written to new memory.
With the loop inside the program a step of the paper's networks takes less time.
"""

from collections.abc import Callable
from typing import Any

import keras

from keras_concrete.seeding import num_replicas
from keras_concrete.types import Tensor

__all__ = ["LoopedModel"]

TrainFunction = Callable[[Any], dict[str, Tensor]]


class LoopedModel(keras.Model):
    """A model that compiles the steps of one execution together.

    With `compile(jit_compile=True, steps_per_execution=k)`, and data from a
    `tf.data.Dataset` whose batches all have one shape (`drop_remainder=True`), `fit` runs
    k steps in one XLA program; with other settings and data as every Keras model. The
    numbers are the same, and so is all that callbacks see.
    """

    train_function: Any

    def make_train_function(self, force: bool = False) -> None:
        """Makes the function that `fit` calls for each execution."""
        if self.train_function is None or force:
            super().make_train_function(force)
            together = self.jit_compile and self.steps_per_execution > 1
            if together and num_replicas() == 1 and not self.run_eagerly:
                self.train_function = _compile_loop(self, self.train_function)


def _compile_loop(model: keras.Model, one_by_one: TrainFunction) -> TrainFunction:
    """Makes a train function; `one_by_one` is for data that one program cannot take."""
    import tensorflow as tf

    num_steps = model.steps_per_execution

    @tf.function(jit_compile=True)
    def train(batches: Any, count: Tensor) -> dict[str, Tensor]:
        def body(step: Tensor) -> Tensor:
            model.train_step(keras.tree.map_structure(lambda part: part[step], batches))
            return step + 1

        tf.while_loop(lambda step: step < count, body, [0])
        return model.get_metrics_result()

    @tf.function
    def take(iterator: tf.data.Iterator) -> tuple[Any, Tensor]:
        spec = iterator.element_spec
        arrays = [
            tf.TensorArray(part.dtype, num_steps, element_shape=part.shape)
            for part in keras.tree.flatten(spec)
        ]

        def body(count: Tensor, batch: tf.experimental.Optional, arrays: Any) -> Any:
            parts = keras.tree.flatten(batch.get_value())
            arrays = [
                array.write(count, part)
                for array, part in zip(arrays, parts, strict=True)
            ]
            is_last = count + 1 == num_steps
            batch = tf.cond(is_last, lambda: batch, iterator.get_next_as_optional)
            return count + 1, batch, arrays

        count, _, arrays = tf.while_loop(
            lambda count, batch, _: (count < num_steps) & batch.has_value(),
            body,
            [0, iterator.get_next_as_optional(), arrays],
        )
        batches = [array.stack() for array in arrays]
        return keras.tree.pack_sequence_as(spec, batches), count

    def execute(iterator: Any) -> dict[str, Tensor]:
        if not (isinstance(iterator, tf.data.Iterator) and _has_fixed_shapes(iterator)):
            return one_by_one(iterator)
        batches, count = take(iterator)
        if not count:
            raise StopIteration
        return train(batches, count)

    return execute


def _has_fixed_shapes(iterator: Any) -> bool:
    import tensorflow as tf

    specs = keras.tree.flatten(iterator.element_spec)
    return all(
        isinstance(spec, tf.TensorSpec) and spec.shape.is_fully_defined()
        for spec in specs
    )
