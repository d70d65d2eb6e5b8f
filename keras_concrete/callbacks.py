"""Callbacks for `fit`."""

import os
import time
from pathlib import Path
from typing import Any

import keras

__all__ = ["Checkpoint", "Stopwatch"]


class Checkpoint(keras.callbacks.Callback):
    """Saves the model after each epoch, in one step that cannot be half done.

    Stopped at any moment, the file holds the model of one full epoch or another: weights,
    optimizer and noise generators.

    Args:
        path: File to write, with the ending `.keras`.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Writes the file beside its place, then moves it there."""
        partial = self._path.with_name("partial.keras")
        self.model.save(partial)
        os.replace(partial, self._path)


class Stopwatch(keras.callbacks.Callback):
    """Times each epoch, with its validation and the callbacks listed before this one.

    Attributes:
        seconds: Seconds of each epoch.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Starts the watch."""
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Stops the watch."""
        self.seconds.append(time.perf_counter() - self._start)

    def steps_per_second(self, steps_per_epoch: int) -> float | None:
        """Rate over all epochs but the first, which compiles; None before the second."""
        seconds = self.seconds[1:]
        return steps_per_epoch * len(seconds) / sum(seconds) if seconds else None
