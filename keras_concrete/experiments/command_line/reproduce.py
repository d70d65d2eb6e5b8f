"""Commands for the paper: its tables by cells, and its figures."""

import dataclasses
import shlex
import sys
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table

from keras_concrete.checks import check_choice
from keras_concrete.datasets import DATASETS
from keras_concrete.experiments import figures as pictures
from keras_concrete.experiments.command_line.console import console
from keras_concrete.experiments.curves import save_curves
from keras_concrete.experiments.paper_tables import TABLES, Cell
from keras_concrete.experiments.reproduction import (
    Budget,
    CellsFailedError,
    Job,
    run_cells,
)
from keras_concrete.experiments.results import (
    find_results,
    gap_records,
    make_tables,
    summary,
)
from keras_concrete.experiments.studies import STUDIES
from keras_concrete.files import make_folder

__all__ = ["figures", "reproduce"]

_TABLES = {**TABLES, **STUDIES}
_DEFAULT = Budget()

Out = Annotated[Path, typer.Option(help="Folder for the results.")]
Data = Annotated[
    str | None,
    typer.Option(help="Data set to use in place of the paper's.", show_default=False),
]
Steps = Annotated[int, typer.Option(help="Training steps of a cell, of 64 images each.")]
EvalSamples = Annotated[
    int | None,
    typer.Option(
        help="Samples K of the NLL.",
        show_default="1,000; 100 for structured prediction, as in the paper",
    ),
]
EvalImages = Annotated[
    int | None,
    typer.Option(help="Test images to evaluate, from the first.", show_default="all"),
]
TrainImages = Annotated[
    int, typer.Option(help="Training images whose NLL is reported, from the first.")
]
Seed = Annotated[int, typer.Option(help="Seed of weights, noise and order of the data.")]
Processes = Annotated[
    int,
    typer.Option(help="Cells to run side by side; one for each core is fastest.", min=1),
]

reproduce = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Run cells of the paper's tables, with the settings of appendix D.5 and any "
    "number of steps, and set them beside the paper's numbers.",
)

_HELP = {
    "table1": "Density estimation: four networks, m = 1, 5, 50, Concrete and VIMCO/NVIL.",
    "table2": "Density estimation with units of 2, 4 and 8 states.",
    "figure4": "Structured prediction: the lower half of a digit from the upper.",
    "arity-sp": "Structured prediction with units of 4 and 8 states (section 5.3).",
    "control": "Logistic normals as relaxation (section 5.2), temperatures not retuned.",
    "temperature": "Both objectives at ten temperatures (Figure 4, right).",
    "ablation": "200H~200H~784V without centering, with one temperature, other KL terms.",
    "recipe": "The paper's networks by our recipe, a learning rate that decays to 0.",
}


def _run_table(
    context: typer.Context,
    cells: Annotated[
        str,
        typer.Option(help="Cells to run, as a pattern such as '*200H~784V-m5-concrete'."),
    ] = "*",
    data: Data = None,
    steps: Steps = _DEFAULT.steps,
    eval_samples: EvalSamples = None,
    eval_images: EvalImages = None,
    train_images: TrainImages = _DEFAULT.num_train_images,
    seed: Seed = 0,
    processes: Processes = 1,
    out: Out = Path("results"),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only list the cells, done or not.")
    ] = False,
) -> None:
    table = str(context.info_name)
    budget = Budget(steps, eval_samples, eval_images, train_images, seed)
    jobs = _jobs(table, cells, data, budget, out)
    if dry_run:
        for job in jobs:
            console.print(f"{'done' if job.is_done else 'to do':6}{job.cell.name}")
        return
    make_folder(out)
    _run(jobs, processes)
    _print_tables([r for r in find_results(out) if r["cell"]["table"] == table])


for name, text in _HELP.items():
    reproduce.command(
        name,
        help=f"{text}\n\nOne JSON file for each cell in OUT/{name}/. Stopped and started "
        "again, cells go on where they were; finished ones are not run again.",
    )(_run_table)


@reproduce.command()
def report(
    results: Annotated[Path, typer.Argument(help="Folder of the results.")],
) -> None:
    """Print the tables of all results beside the paper's, and draw their curves."""
    found = find_results(results)
    if not found:
        raise ValueError(
            f"{results} holds no results: run keras-concrete reproduce first."
        )
    _print_tables(found)
    for path in save_curves(results, found):
        console.print(f"Wrote {path}")


def figures(
    out: Annotated[Path, typer.Option(help="Folder for the pictures.")] = Path("figures"),
    data: Annotated[str, typer.Option(help="Data set for Figure 4.")] = "mnist5k",
    steps: Annotated[
        int, typer.Option(help="Training steps at each temperature of Figure 4.")
    ] = 2_000,
    seed: Seed = 0,
    processes: Processes = 1,
) -> None:
    """Draw the paper's figures 1 to 4, each as PDF, SVG and PNG.

    For Figure 4 a network is trained at ten temperatures; what is there from an earlier
    call is used.
    """
    make_folder(out)
    for save in (
        pictures.save_sampling_graphs,
        pictures.save_simplex_densities,
        pictures.save_binary_concrete,
    ):
        _announce(save(out))
    budget = Budget(steps, num_train_images=0, seed=seed)
    jobs = _jobs("temperature", "*", data, budget, out)
    _run(jobs, processes)
    results = [job.result() for job in jobs]
    cell, config = jobs[0].cell, jobs[0].config()
    label = (
        f"{cell.architecture}, m = {cell.num_samples}, {cell.data}: "
        f"{results[0]['num_test_images']:,} test images after {steps:,} steps of "
        f"{config.batch_size}, seed {seed}"
    )
    _announce(pictures.save_integrality_gap(out, gap_records(results), label))


def _announce(paths: list[Path]) -> None:
    console.print(f"Wrote {', '.join(str(path) for path in paths)}", soft_wrap=True)


def _jobs(
    table: str, pattern: str, data: str | None, budget: Budget, out: Path
) -> list[Job]:
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


def _run(jobs: list[Job], num_processes: int) -> None:
    """Runs cells under bars of progress; says so where one failed."""
    command = shlex.join(["keras-concrete", *sys.argv[1:]])
    to_do = [job for job in jobs if not job.is_done]
    if len(to_do) < len(jobs):
        console.print(f"{len(jobs) - len(to_do)} of {len(jobs)} cells are done already.")
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        TextColumn("{task.fields[state]}"),
        console=console,
    )
    total = progress.add_task("all cells", total=len(to_do), state="")
    with progress:
        for running in run_cells(jobs, num_processes, command):
            shown = {task.description: task.id for task in progress.tasks}
            for job in running:
                if job.cell.name not in shown:
                    progress.add_task(job.cell.name, total=job.num_epochs, state="")
                else:
                    _show(progress, shown[job.cell.name], job)
            for job in [job for job in to_do if job not in running and job.has_ended]:
                to_do.remove(job)
                progress.remove_task(shown[job.cell.name])
                progress.advance(total)
                what = "failed" if job.failed else summary(job.result())
                console.print(f"{job.cell.name}: {what}", soft_wrap=True)
    failed = [job for job in jobs if job.failed]
    if failed:
        logs = "\n".join(f"    {job.log_file}" for job in failed)
        raise CellsFailedError(f"{len(failed)} of {len(jobs)} cells failed. See\n{logs}")


def _show(progress: Progress, bar: TaskID, job: Job) -> None:
    epochs = job.epochs_done()
    steps = epochs * (job.budget.steps // job.num_epochs)
    state = f"{steps:,} of {job.budget.steps:,} steps"
    if epochs == job.num_epochs:
        state = "evaluating"
    progress.update(bar, completed=epochs, state=state)


def _print_tables(results: list[dict[str, Any]]) -> None:
    for content in make_tables(results):
        table = Table(title=content.title, title_justify="left")
        for name in content.header:
            is_number = name not in ("model", "estimator", "variant")
            table.add_column(
                name, justify="right" if is_number else "left", overflow="fold"
            )
        for row in content.rows:
            table.add_row(*row)
        console.print(table)
