"""What the commands that run cells share: which cells, and bars while they run."""

import dataclasses
import re
import shlex
import sys
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress, TaskID

from keras_concrete.checks import check_choice
from keras_concrete.datasets import DATASETS, load_dataset
from keras_concrete.experiments.cell import Cell
from keras_concrete.experiments.cell_jobs import Budget, Job
from keras_concrete.experiments.command_line.console import say
from keras_concrete.experiments.command_line.progress import bars
from keras_concrete.experiments.new_network import check_fit
from keras_concrete.experiments.paper_tables import TABLES
from keras_concrete.experiments.result_tables import summary
from keras_concrete.experiments.studies import STUDIES
from keras_concrete.experiments.worker_processes import CellsFailedError, run_cells

__all__ = [
    "EvalImages",
    "Processes",
    "Seed",
    "check_jobs",
    "make_jobs",
    "run_jobs",
    "short_names",
]

Seed = Annotated[int, typer.Option(help="Seed of weights, noise and order of the data.")]
EvalImages = Annotated[
    int | None,
    typer.Option(help="Test images to evaluate, from the first.", show_default="all"),
]
Processes = Annotated[
    int,
    typer.Option(help="Cells to run side by side; one for each core is fastest.", min=1),
]

_TABLES = {**TABLES, **STUDIES}


def make_jobs(
    table: str, pattern: str, data: str | None, budget: Budget, out: Path
) -> list[Job]:
    """Chooses cells.

    Args:
        table: A key of `TABLES` or of `STUDIES`.
        pattern: Of the names of its cells, as in a shell.
        data: Data set to use in place of the cells' own, or None.
        budget: How much of a cell to run.
        out: Folder of all results.

    Returns:
        A job for each cell.

    Raises:
        ValueError: If there is no such data set, or no such cell.
    """
    if data is not None:
        check_choice("data", data, DATASETS)
    # On one data set in place of two, cells coincide: the paper's own one stays.
    named: dict[str, Cell] = {}
    for cell in (_on(cell, data) for cell in _TABLES[table]):
        if cell.paper or cell.name not in named:
            named[cell.name] = cell
    cells = [cell for name, cell in named.items() if fnmatchcase(name, pattern)]
    if not cells:
        raise ValueError(
            f"Option --cells matches no cell of {table}. Received: {pattern!r}. See all "
            f"by: keras-concrete reproduce {table} --dry-run"
        )
    return [Job(cell, budget, out) for cell in cells]


def _on(cell: Cell, data: str | None) -> Cell:
    """The cell, on other data, for which the paper has no numbers."""
    if data is None or data == cell.data:
        return cell
    return dataclasses.replace(cell, data=data, paper=None)


def check_jobs(jobs: list[Job]) -> None:
    """Refuses cells that are to do and would fail in their first step.

    Args:
        jobs: The cells.

    Raises:
        DatasetUnavailableError: If a data set is not there.
        ValueError: If the settings of a cell do not fit its data.
    """
    to_do = [job for job in jobs if not job.is_done]
    data = {name: load_dataset(name) for name in {job.cell.data for job in to_do}}
    for job in to_do:
        check_fit(job.config(), data[job.cell.data])


def run_jobs(jobs: list[Job], num_processes: int) -> None:
    """Runs cells under bars of progress.

    Args:
        jobs: The cells; those that are done are not run again.
        num_processes: How many to run side by side.

    Raises:
        CellsFailedError: If cells ended without a result; the message names their logs.
    """
    command = shlex.join(["keras-concrete", *sys.argv[1:]])
    to_do = [job for job in jobs if not job.is_done]
    if len(to_do) < len(jobs):
        say(f"{len(jobs) - len(to_do)} of {len(jobs)} cells are done already.")
    names = dict(zip(jobs, short_names([job.name for job in jobs]), strict=True))
    shown: dict[Job, TaskID] = {}
    progress = bars()
    number = len(to_do)
    total = progress.add_task("all cells", total=number, state=f"0 of {number} cells")
    progress.advance(total, 0)  # Time is counted from here, not from the first cell.
    with progress:
        for running in run_cells(jobs, num_processes, command):
            for job in running:
                if job not in shown:
                    shown[job] = progress.add_task(names[job], total=None, state="")
                _show(progress, shown[job], job)
            for job in [job for job in to_do if job not in running and job.has_ended]:
                to_do.remove(job)
                if job in shown:
                    progress.remove_task(shown[job])
                progress.advance(total)
                state = f"{number - len(to_do)} of {number} cells"
                progress.update(total, state=state)
                say(f"{names[job]}: {'failed' if job.failed else summary(job.result())}")
    failed = [job for job in jobs if job.failed]
    if failed:
        logs = "\n".join(f"    {job.log_file}" for job in failed)
        raise CellsFailedError(f"{len(failed)} of {len(jobs)} cells failed. See\n{logs}")


def short_names(names: list[str]) -> list[str]:
    """What tells names apart: without the first and last parts that all of them have.

    Args:
        names: Parts joined by `-`, of which a network is one.

    Example:
    >>> short_names(["compare-200H~784V-vimco-seed0", "compare-200H~784V-arm-seed0"])
    ['vimco', 'arm']
    >>> short_names(["figure4-392V-240H-392V-m50", "figure4-392V-240H-240H-392V-m50"])
    ['392V-240H-392V', '392V-240H-240H-392V']
    >>> short_names(["table1-200H-784V-seed0"])
    ['table1-200H-784V-seed0']
    """
    parts = [re.split(r"(?<![HV])-|-(?!\d+[HV])", name) for name in names]
    if len(names) > 1:
        for end in (0, -1):
            while min(map(len, parts)) > 1 and len({part[end] for part in parts}) == 1:
                for part in parts:
                    del part[end]
    return ["-".join(part) for part in parts]


def _show(progress: Progress, bar: TaskID, job: Job) -> None:
    epochs = job.epochs_done()
    steps = epochs * (job.budget.steps // job.num_epochs)
    state = f"{steps:,} of {job.budget.steps:,} steps"
    if epochs == job.num_epochs:
        state = "evaluating"
    # Until the first epoch is done nothing is known of the time.
    total = job.num_epochs if epochs else None
    progress.update(bar, completed=epochs, total=total, state=state)
