"""How many steps of training one program runs, where Keras's `fit` counts single ones."""

import math
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import keras

__all__ = ["StepsAhead", "acts_between_batches"]

# Of one execution: long against a launch, short to whoever watches or interrupts.
_SECONDS = 0.2

# Keras's callbacks that are called for each batch, and then do nothing if so set.
_BY_EPOCHS = {
    keras.callbacks.ModelCheckpoint: "save_freq",
    keras.callbacks.BackupAndRestore: "save_freq",
    keras.callbacks.TensorBoard: "update_freq",
}

Logs = dict[str, Any]


class StepsAhead(keras.callbacks.Callback):
    """Trains some steps ahead of the loop in `fit`, and hands out their logs one by one.

    So `fit` counts steps, shows them and calls callbacks as if each had been an execution
    of its own. It never trains beyond the end of an epoch. For one call of `fit`.
    """

    def __init__(self) -> None:
        super().__init__()
        self._waiting: deque[Logs] = deque()
        self._num_left = math.inf
        self._num_steps = 1

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Starts to count the steps of an epoch, where their number is known."""
        self._num_left = self.params["steps"] or math.inf
        self._waiting.clear()

    def next_logs(self, run: Callable[[int], list[Logs]]) -> Logs:
        """What the next step of the epoch reports.

        Args:
            run: Trains up to so many steps and returns the logs of each. Raises
                `StopIteration` if there are no more data.

        Returns:
            The logs.
        """
        if not self._waiting:
            start = time.perf_counter()
            self._waiting.extend(run(int(min(self._num_steps, self._num_left))))
            seconds = (time.perf_counter() - start) / len(self._waiting)
            self._num_left -= len(self._waiting)
            self._num_steps = min(10_000, max(1, int(_SECONDS / seconds)))
        return self._waiting.popleft()


def acts_between_batches(callbacks: Any) -> bool:
    """Whether some callback might read or change the model between two batches.

    Args:
        callbacks: The argument of `fit`.

    Returns:
        True if one overrides a method that is called for each batch of training, unless
        it has a true attribute `only_watches`; checkpoints of Keras's own do so for
        epochs as well, and are asked.

    Example:
    >>> acts_between_batches([keras.callbacks.EarlyStopping()])
    False
    >>> acts_between_batches(keras.callbacks.ModelCheckpoint("m.keras", save_freq=10))
    True
    """
    if isinstance(callbacks, keras.callbacks.CallbackList):
        return True
    return any(map(_acts, keras.tree.flatten(callbacks))) if callbacks else False


def _acts(callback: keras.callbacks.Callback) -> bool:
    if getattr(callback, "only_watches", False):
        return False
    for kind, attribute in _BY_EPOCHS.items():
        if type(callback) is kind and getattr(callback, attribute) == "epoch":
            return False
    return any(
        getattr(getattr(callback, name), "__func__", None)
        is not getattr(keras.callbacks.Callback, name)
        for name in (
            "on_train_batch_begin",
            "on_train_batch_end",
            "on_batch_begin",
            "on_batch_end",
        )
    )
