"""A Keras model whose `fit` is fast as it is called: `compile(optimizer)`, `fit(x)`.

Keras calls a compiled step once for each batch. Each call pays for a launch: the model's
variables are handed over, and written to new memory. With the loop over steps inside the
program a step of the paper's networks takes half the time.
"""

from typing import Any

import keras

from keras_concrete.array_batches import with_batches
from keras_concrete.steps_ahead import StepsAhead, acts_between_batches
from keras_concrete.sublayers import all_layers
from keras_concrete.training_loop import TrainingLoop

__all__ = ["LoopedModel"]


class LoopedModel(keras.Model):
    """A model that XLA compiles, with many steps of training in one program.

    `compile(optimizer)` leaves two of Keras's settings to the model, on TensorFlow:

    - `jit_compile="auto"` is XLA wherever it can work: not under a distribution strategy,
      with `run_eagerly=True`, or where a layer does not support it.
    - Without `steps_per_execution`, `fit` trains as many steps in one call as take a
      fifth of a second, never beyond the end of an epoch, and then reports them one by
      one: progress bar, history and epochs are those of single steps. Where a callback
      acts between batches (it overrides `on_train_batch_end`, say), or there are
      `metrics`, steps run one by one.

    What you set yourself is taken as it is: `steps_per_execution=1` and
    `jit_compile=False` are Keras's own `fit`. The numbers do not depend on either, but
    for the rounding of XLA.
    """

    train_function: Any
    _steps_ahead: StepsAhead | None = None
    _open_settings: tuple[str, ...] = ()
    _has_metrics = False

    def compile(self, **kwargs: Any) -> None:
        """Configures training as `keras.Model.compile` does."""
        if keras.backend.backend() == "tensorflow":
            is_open = {
                "jit_compile": kwargs.get("jit_compile", "auto") == "auto",
                "steps_per_execution": "steps_per_execution" not in kwargs,
            }
            self._open_settings = tuple(name for name in is_open if is_open[name])
            _check_strategy(kwargs)
        if "jit_compile" in self._open_settings:
            kwargs["jit_compile"] = self._can_be_compiled(kwargs)
        self._has_metrics = bool(kwargs.get("metrics") or kwargs.get("weighted_metrics"))
        super().compile(**kwargs)

    def _can_be_compiled(self, settings: dict[str, Any]) -> bool:
        return (
            not settings.get("run_eagerly")
            and self._has_one_replica
            and all(layer.supports_jit for layer in all_layers(self))
        )

    def get_compile_config(self) -> dict[str, Any] | None:
        """What `compile` was given; what it was not stays open in a loaded model."""
        config = super().get_compile_config()
        return config and {
            name: value
            for name, value in config.items()
            if name not in self._open_settings
        }

    def fit(self, callbacks: Any = None, **kwargs: Any) -> Any:
        """Trains as `keras.Model.fit` does."""
        if self._has_one_replica:
            kwargs = with_batches(kwargs)
        if "steps_per_execution" in self._open_settings and self._can_loop:
            if not acts_between_batches(callbacks):
                self._steps_ahead = StepsAhead()
                callbacks = [*keras.tree.flatten(callbacks or []), self._steps_ahead]
        try:
            return super().fit(callbacks=callbacks, **kwargs)
        finally:
            self._steps_ahead = None

    @property
    def _can_loop(self) -> bool:
        return (
            self._has_one_replica
            and bool(self.jit_compile)
            and not self.run_eagerly
            and not self._has_metrics
        )

    @property
    def _has_one_replica(self) -> bool:
        """Whether TensorFlow trains it, and no strategy trains copies of it."""
        if keras.backend.backend() != "tensorflow":
            return False
        return self.distribute_strategy.num_replicas_in_sync == 1

    def make_train_function(self, force: bool = False) -> None:
        """Makes the function that `fit` calls for each execution."""
        if self.train_function is None or force:
            super().make_train_function(force)
            if self._can_loop:
                # Not while it is traced, which would be for another trace.
                self.optimizer.build(self.trainable_variables)
                self.train_function = self._looped(self.train_function)

    def _looped(self, one_by_one: Any) -> Any:
        loop = TrainingLoop(self)

        def execute(iterator: Any) -> dict[str, Any]:
            num_steps = self.steps_per_execution
            if not loop.takes(iterator) or (num_steps, self._steps_ahead) == (1, None):
                return one_by_one(iterator)
            if self._steps_ahead is not None:
                return self._steps_ahead.next_logs(lambda n: loop.run(iterator, n))
            logs = loop.run(iterator, num_steps)
            while len(logs) < num_steps:
                try:
                    logs += loop.run(iterator, num_steps - len(logs))
                except StopIteration:
                    break
            return logs[-1]

        return execute


def _check_strategy(settings: dict[str, Any]) -> None:
    """Refuses what Keras cannot run under a distribution strategy.

    Raises:
        ValueError: If it is XLA, several steps an execution, or several machines.
    """
    import tensorflow as tf

    strategy = tf.distribute.get_strategy()
    if isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        raise ValueError(
            "Keras's fit does not run under MultiWorkerMirroredStrategy: use "
            "tf.distribute.MirroredStrategy on one machine, or a training loop of your "
            "own with strategy.run."
        )
    if strategy.num_replicas_in_sync == 1:
        return
    for name, limit in (("jit_compile", False), ("steps_per_execution", 1)):
        value = settings.get(name, limit)
        if value != "auto" and value is not None and value > limit:
            raise ValueError(
                f"Argument `{name}` must be {limit} under a tf.distribute strategy of "
                f"several replicas, where Keras can run no other: leave it out. "
                f"Received: {name}={value!r}"
            )
