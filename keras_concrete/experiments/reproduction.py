"""Cells of the paper's grid, run side by side, each to a JSON file.

A finished cell has its file in `OUT/TABLE/`; its run folder is in `OUT/runs/`. Killed at
any moment and started again, each cell goes on after its last full epoch. Evaluated by
other numbers of samples or images, it has another file, and is not trained again.
"""

import json
import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from keras_concrete.checks import check_positive
from keras_concrete.datasets import load_dataset
from keras_concrete.experiments.machine import available_cores, use_threads
from keras_concrete.experiments.paper_tables import Cell
from keras_concrete.experiments.recipes import recipe_settings
from keras_concrete.experiments.reports import make_report
from keras_concrete.experiments.run_folder import RunFolder, write_json
from keras_concrete.experiments.training import fit_run, largest_divisor
from keras_concrete.experiments.training_config import TrainingConfig

__all__ = ["Budget", "CellsFailedError", "Job", "run_cell", "run_cells", "work"]

# A cell is validated and saved up to 50 times, but not more often than this.
_EPOCHS = 50
_STEPS_BETWEEN = 100


class CellsFailedError(RuntimeError):
    """Some cells ended without a result."""


@dataclass(frozen=True)
class Budget:
    """How much of a cell to run.

    Attributes:
        steps: Training steps of 64 images.
        evaluation_samples: Samples K of the NLL; None for 1,000, or what the paper took
            where that is less.
        num_test_images: Test images, from the first; None for all.
        num_train_images: Training images whose NLL is reported, from the first.
        seed: Integer for weights, noise and the order of the data.
    """

    steps: int = 100_000
    evaluation_samples: int | None = None
    num_test_images: int | None = None
    num_train_images: int = 2_000
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuses what would fail later."""
        check_positive("steps", self.steps, int)
        for name in ("evaluation_samples", "num_test_images"):
            if getattr(self, name) is not None:
                check_positive(name, getattr(self, name), int)
        if self.num_train_images != 0:
            check_positive("num_train_images", self.num_train_images, int)

    @property
    def evaluation(self) -> str:
        """For the name of a file: what is not the usual about the evaluation."""
        parts = {"samples": self.evaluation_samples, "images": self.num_test_images}
        return "".join(f"-{number}{what}" for what, number in parts.items() if number)


class Job:
    """A cell with its budget and files.

    Args:
        cell: The cell.
        budget: How much of it to run.
        out: Folder of all results.
    """

    def __init__(self, cell: Cell, budget: Budget, out: Path) -> None:
        self.cell = cell
        self.budget = budget
        self.name = f"{cell.name}-{budget.steps}steps-seed{budget.seed}"
        self.result_file = out / cell.table / f"{self.name}{budget.evaluation}.json"
        self.folder = RunFolder(out / "runs" / self.name)
        self.log_file = out / "runs" / f"{self.name}.log"
        self.failed = False

    @property
    def num_epochs(self) -> int:
        """Epochs that the steps are cut into, all of one length."""
        steps = self.budget.steps
        most = max(1, min(_EPOCHS, steps // _STEPS_BETWEEN))
        return largest_divisor(steps, most)

    @property
    def is_done(self) -> bool:
        """Whether the result is there."""
        return self.result_file.exists()

    @property
    def has_ended(self) -> bool:
        """Whether the result is there, or never will be."""
        return self.is_done or self.failed

    @property
    def evaluation_samples(self) -> int:
        """Samples K of the NLL."""
        most = min(1_000, self.cell.evaluation_samples)
        return self.budget.evaluation_samples or most

    def epochs_done(self) -> int:
        """Full epochs so far."""
        return len(self.folder.history().get("epoch", []))

    def result(self) -> dict[str, Any]:
        """Reads the result."""
        return json.loads(self.result_file.read_text())

    def config(self) -> TrainingConfig:
        """The cell's settings, over the budget's steps."""
        cell, budget = self.cell, self.budget
        settings = {
            "posterior_temperature": cell.posterior_temperature,
            "batch_size": 64,
            **recipe_settings(cell.recipe, cell.architecture),
            **dict(cell.settings),
        }
        return TrainingConfig(
            architecture=cell.architecture,
            data=cell.data,
            arity=cell.arity,
            num_samples=cell.num_samples,
            estimator=cell.estimator,
            epochs=self.num_epochs,
            steps_per_epoch=budget.steps // self.num_epochs,
            evaluation_samples=self.evaluation_samples,
            seed=budget.seed,
            **settings,
        )


def run_cell(job: Job, command: str) -> None:
    """Trains a cell to its last step, evaluates it and writes its result.

    Args:
        job: The cell, new or stopped.
        command: The command line that asked for it, for the record.
    """
    cell, budget, folder = job.cell, job.budget, job.folder
    data = load_dataset(cell.data)
    with folder.locked():
        is_new = not folder.config_file.exists()
        model = fit_run(folder, job.config() if is_new else None, data, verbose=0)
        report = make_report(
            folder,
            model,
            data,
            budget.num_test_images,
            budget.num_train_images,
            job.evaluation_samples,
        )
    history, steps = folder.history(), folder.config().num_steps(len(data.train))
    result = {
        "cell": {**asdict(cell), "name": cell.name},
        "command": command,
        **report,
        "curve": {
            "step": [int(epoch + 1) * steps for epoch in history["epoch"]],
            "bound": history["bound"],
            "val_bound": history["val_bound"],
        },
    }
    job.result_file.parent.mkdir(parents=True, exist_ok=True)
    write_json(job.result_file, result)


def run_cells(
    jobs: Sequence[Job], num_processes: int, command: str, interval: float = 1.0
) -> Iterator[list[Job]]:
    """Runs cells side by side, each in a process of its own.

    With as many processes as cores, each is pinned to one core and uses one thread: the
    fastest way through a grid. Finished cells are not run again.

    Args:
        jobs: The cells.
        num_processes: How many to run at a time.
        command: The command line that asked for it, for the record.
        interval: Seconds between two looks at the processes.

    Yields:
        The jobs that are running, now and then; none at the end. A job whose process
        ended without a result has `failed` set; its `log_file` says why.
    """
    check_positive("num_processes", num_processes, int)
    waiting = [job for job in jobs if not job.is_done][::-1]
    shares = _share_cores(num_processes)
    running: dict[int, tuple[subprocess.Popen, Job]] = {}
    try:
        while waiting or running:
            for place in range(num_processes):
                if place not in running and waiting:
                    job = waiting.pop()
                    running[place] = _start(job, command, shares[place]), job
            yield [job for _, job in running.values()]
            time.sleep(interval)
            for place, (process, job) in list(running.items()):
                if process.poll() is not None:
                    job.failed = not job.is_done
                    del running[place]
        yield []
    finally:
        for process, _ in running.values():
            process.terminate()
            process.wait()


def _share_cores(num_processes: int) -> list[list[int]]:
    """Cores for each process: all for one, one each for many."""
    cores = available_cores()
    shares = [cores[place::num_processes] for place in range(num_processes)]
    return [share or [cores[place % len(cores)]] for place, share in enumerate(shares)]


def _start(job: Job, command: str, cores: list[int]) -> subprocess.Popen:
    """Starts the process of a cell, which writes to the job's log."""
    job.log_file.parent.mkdir(parents=True, exist_ok=True)
    with job.log_file.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", f"from {__name__} import work; work()"],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
        )
    assert process.stdin is not None
    pickle.dump((job, command, cores), process.stdin)
    process.stdin.flush()
    return process


def work() -> None:
    """Runs the cell that standard input names: what the process of a cell does."""
    job, command, cores = pickle.load(sys.stdin.buffer)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)
    use_threads(len(cores))
    run_cell(job, command)


def _end_with_parent() -> None:
    """A killed parent cannot stop its processes, but its end of their input closes."""
    # Not by way of sys.stdin, which the interpreter locks when it ends.
    os.read(0, 1)
    os._exit(1)
