"""The commands that reproduce the paper's tables, cell by cell."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from keras_concrete.experiments.cell_jobs import Budget
from keras_concrete.experiments.cell_result import CellResult, FoundResults, find_results
from keras_concrete.experiments.command_line.cell_commands import (
    EvalImages,
    Processes,
    Seed,
    check_jobs,
    make_jobs,
    run_jobs,
)
from keras_concrete.experiments.command_line.console import (
    print_table,
    say,
    say_error,
)
from keras_concrete.experiments.result_pictures import save_curves
from keras_concrete.experiments.result_tables import make_tables
from keras_concrete.files import make_folder

__all__ = ["reproduce"]

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
TrainImages = Annotated[
    int, typer.Option(help="Training images whose NLL is reported, from the first.")
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
    "grid": "The search of appendix D.5 over learning rates and weight decays.",
    "control-grid": "A search over temperatures for the control.",
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
    jobs = make_jobs(table, cells, data, budget, out)
    if dry_run:
        for job in jobs:
            say(f"{'done' if job.is_done else 'to do':6}{job.cell.name}")
        return
    check_jobs(jobs)
    make_folder(out)
    run_jobs(jobs, processes)
    found = _found(out)
    _print_tables([r for r in found.results if r.cell.table == table])


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
    found = _found(results)
    if not found.results:
        raise ValueError(
            f"{results} holds no results: run keras-concrete reproduce first."
        )
    _print_tables(found.results)
    for path in save_curves(results, found.results):
        say(f"Wrote {path}")


def _found(folder: Path) -> FoundResults:
    """The results below a folder; files that cannot be read are named."""
    found = find_results(folder)
    for problem in found.problems:
        say_error(f"Left out: {problem}")
    return found


def _print_tables(results: Sequence[CellResult]) -> None:
    for table in make_tables(results):
        print_table(*table)
