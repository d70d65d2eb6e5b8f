"""What a person watches while a command works: bars on a terminal, lines in a log."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from keras_concrete.experiments.command_line.console import console, say

__all__ = ["TrainingBar", "bars", "counter"]

# Told how many are done, and of how many.
Counter = Callable[[int, int], None]


def bars() -> Progress:
    """Bars that vanish when they are done, and of which a log shows nothing.

    A task has the field `state`, a few words that stand behind its bar.
    """
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[state]}", markup=False),
        TimeRemainingColumn(compact=True),
        console=console,
        transient=True,
        # A cell may take hours, and the time that is left follows from all that are done.
        speed_estimate_period=7 * 86_400,
        disable=not console.is_interactive,
    )


def counter(progress: Progress, description: str, unit: str) -> Counter:
    """Adds a bar, which moves to and fro until it is told a number.

    Args:
        progress: Where it is added.
        description: Stands before it.
        unit: What is counted, in the plural.

    Returns:
        A function of how many are done, and of how many, that moves the bar.
    """
    task = progress.add_task(description, total=None, state="")

    def count(done: int, total: int) -> None:
        _move(progress, task, done, total, unit)

    return count


def _move(progress: Progress, task: TaskID, done: int, total: int, unit: str) -> None:
    state = f"{done:,} of {total:,} {unit}"
    progress.update(task, completed=done, total=total, state=state)


class TrainingBar(keras.callbacks.Callback):
    """Prints a line for each epoch of a run, above a bar for all its steps.

    Args:
        folder: The run's folder, which is named when training begins.
        progress: Where the bar is added.
    """

    only_watches = True  # So that steps may be trained ahead of it.

    def __init__(self, folder: Path, progress: Progress) -> None:
        super().__init__()
        self._folder = folder
        self._progress = progress
        self._task = progress.add_task("", total=None, state="", visible=False)

    def on_train_begin(self, logs: Any = None) -> None:
        """Shows the bar: by now the settings and the data were accepted."""
        if not self._progress.tasks[self._task].visible:  # Nor once more, at a half.
            say(f"Run folder: {self._folder}")
        self._progress.update(self._task, description="compiling", visible=True)

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Starts the watch."""
        self._start = time.perf_counter()
        self._epoch = epoch
        self._show(epoch * self.params["steps"])

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Moves the bar."""
        self._show(self._epoch * self.params["steps"] + batch + 1)

    def _show(self, step: int) -> None:
        epochs = self.params["epochs"]
        description = f"epoch {self._epoch + 1} of {epochs}"
        self._progress.update(self._task, description=description)
        total = epochs * self.params["steps"]
        _move(self._progress, self._task, step, total, "steps")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Prints the line."""
        values, epochs = logs or {}, str(self.params["epochs"])
        say(
            f"epoch {epoch + 1:{len(epochs)}} of {epochs}: "
            f"bound {values['bound']:.2f}, on validation images "
            f"{values['val_bound']:.2f}, {time.perf_counter() - self._start:.1f} s"
        )

    def on_train_end(self, logs: Any = None) -> None:
        """Has the bar wait for the evaluation that follows."""
        self._progress.reset(self._task, total=None, description="evaluating", state="")

    def evaluate(self, done: int, total: int) -> None:
        """Moves the bar of the evaluation.

        Args:
            done: Batches that are done.
            total: All batches.
        """
        _move(self._progress, self._task, done, total, "batches")
