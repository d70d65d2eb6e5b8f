"""Callbacks of a run, which write to its folder."""

import os
import shutil
import time
from pathlib import Path
from typing import Any

import keras

__all__ = ["BestCheckpoint", "Checkpoint", "Stopwatch"]


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
        try:
            self.model.save(partial)
            os.replace(partial, self._path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            folder = self._path.parent
            raise OSError(
                f"The model cannot be saved in {folder} ({error.strerror or error}). "
                "What is there is whole, from the last epoch that could be saved. Free "
                f"the disk, then go on: keras-concrete train --resume {folder}"
            ) from error


class BestCheckpoint(keras.callbacks.Callback):
    """Keeps a copy of the checkpoint of the epoch with the largest validation bound.

    List it after the `Checkpoint` that it copies from.

    Args:
        checkpoint: File that the `Checkpoint` writes.
        path: File to write.
        val_bounds: Validation bounds of the epochs before, if training goes on.
    """

    def __init__(
        self, checkpoint: Path, path: Path, val_bounds: list[float] | None = None
    ) -> None:
        super().__init__()
        self._checkpoint = checkpoint
        self._path = path
        self._best = -float("inf")
        for val_bound in val_bounds or []:
            is_better = val_bound > self._best
            self._best = max(val_bound, self._best)
        # A stop may have come between the last checkpoint and its copy.
        if val_bounds and is_better:
            self._copy()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Copies the checkpoint if the epoch was the best so far."""
        val_bound = (logs or {})["val_bound"]
        if val_bound > self._best:
            self._best = val_bound
            self._copy()

    def _copy(self) -> None:
        partial = self._path.with_name("partial-best.keras")
        shutil.copyfile(self._checkpoint, partial)
        os.replace(partial, self._path)


class Stopwatch(keras.callbacks.Callback):
    """Writes how long each epoch took, with its validation and the callbacks before it.

    The first epoch of a sitting includes the compilation.

    Args:
        path: CSV file to append to: columns `epoch` and `seconds`.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Starts the watch."""
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Stops the watch and appends a row."""
        seconds = time.perf_counter() - self._start
        header = "" if self._path.exists() else "epoch,seconds\n"
        with self._path.open("a") as file:
            file.write(f"{header}{epoch},{seconds:.3f}\n")
