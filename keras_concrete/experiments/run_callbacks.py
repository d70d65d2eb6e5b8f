"""Callbacks of a run, which write to its folder."""

import math
import os
import time
from pathlib import Path
from typing import Any

import keras

from keras_concrete.experiments.advice import resume_command
from keras_concrete.files import PARTIAL, write_whole

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
        partial = self._path.with_name(f"{PARTIAL}{self._path.name}")
        try:
            self.model.save(partial)
            os.replace(partial, self._path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            folder = self._path.parent
            raise OSError(
                f"The model cannot be saved in {folder} ({error.strerror or error}). "
                "What is there is whole, from the last epoch that could be saved. Free "
                f"the disk, then go on: {resume_command(folder)}"
            ) from error


class BestCheckpoint(keras.callbacks.Callback):
    """Keeps a copy of the checkpoint of the epoch with the largest validation bound.

    List it after the `Checkpoint` that it copies from.

    Args:
        checkpoint: File that the `Checkpoint` writes.
        path: File to write.
        best: The best validation bound of the epochs before; minus infinity for none.
    """

    def __init__(self, checkpoint: Path, path: Path, best: float = -math.inf) -> None:
        super().__init__()
        self._checkpoint = checkpoint
        self._path = path
        self._best = best

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Copies the checkpoint if the epoch was the best so far, or the first."""
        val_bound = (logs or {})["val_bound"]
        is_best = val_bound > self._best
        if is_best:
            self._best = val_bound
        if is_best or not self._path.exists():
            write_whole(self._path, self._checkpoint.read_bytes())


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
        with self._path.open("a") as file:
            header = "" if file.tell() else "epoch,seconds\n"
            file.write(f"{header}{epoch},{seconds:.3f}\n")
