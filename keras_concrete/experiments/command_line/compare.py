"""The command that trains one network under several estimators."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from keras_concrete.checks import check_choice
from keras_concrete.datasets import DATASETS
from keras_concrete.experiments.cell_jobs import Budget
from keras_concrete.experiments.command_line.arguments import listed
from keras_concrete.experiments.command_line.cell_commands import (
    EvalImages,
    Processes,
    check_jobs,
    run_jobs,
)
from keras_concrete.experiments.command_line.console import print_table, say
from keras_concrete.experiments.comparison import MATCHES, Comparison
from keras_concrete.experiments.comparison_picture import save_comparison
from keras_concrete.experiments.comparison_rows import (
    comparison_rows,
    comparison_table,
    comparison_title,
)
from keras_concrete.experiments.json_files import write_json
from keras_concrete.experiments.recipes import RECIPES
from keras_concrete.files import make_folder

__all__ = ["compare"]

_NAMES = "concrete,gumbel_softmax,straight_through_gumbel_softmax,vimco,reinforce_loo"


def compare(
    architectures: Annotated[
        list[str] | None,
        typer.Argument(help="Networks, as of train.", show_default="200H~784V"),
    ] = None,
    estimators: Annotated[
        str,
        typer.Option(
            help="Estimators, a,b,...: the others are set beside the first.",
        ),
    ] = _NAMES,
    data: Annotated[str, typer.Option(help="Data set, as of train.")] = "mnist5k",
    arity: Annotated[int, typer.Option(help="States of a latent unit.")] = 2,
    num_samples: Annotated[
        int, typer.Option(help="Samples m of the bound in training.")
    ] = 4,
    steps: Annotated[int, typer.Option(help="Training steps of 64 images.")] = 20_000,
    match: Annotated[
        str,
        typer.Option(
            help="steps: as many steps for all. evaluations: as many evaluations of the "
            "decoder, so that estimators with more than m in a step take fewer steps."
        ),
    ] = MATCHES[0],
    num_seeds: Annotated[
        int, typer.Option(help="Each cell is trained with the seeds 0, 1, ....")
    ] = 1,
    recipe: Annotated[
        str, typer.Option(help=f"Settings of the optimiser: {' or '.join(RECIPES)}.")
    ] = RECIPES[0],
    eval_samples: Annotated[int, typer.Option(help="Samples K of the NLL.")] = 1_000,
    eval_images: EvalImages = None,
    processes: Processes = 1,
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("results"),
) -> None:
    """Train the same network, data and seeds under several estimators.

    Writes OUT/compare/: a JSON file for each cell, one of the comparison, and a picture
    of the curves. Stopped and started again, cells go on where they were; finished ones
    are not run again.
    """
    check_choice("data", data, DATASETS)
    check_choice("recipe", recipe, RECIPES)
    comparison = Comparison(
        architectures=tuple(architectures or ["200H~784V"]),
        estimators=tuple(listed(estimators)),
        data=data,
        arity=arity,
        num_samples=num_samples,
        num_seeds=num_seeds,
        recipe=recipe,
        match=match,
    )
    budget = Budget(steps, eval_samples, eval_images, num_train_images=0)
    jobs = comparison.jobs(budget, out)
    check_jobs(jobs)
    make_folder(out)
    run_jobs(jobs, processes)
    settings = {**asdict(comparison), "steps": steps, "evaluation_samples": eval_samples}
    rows = []
    for network in comparison.architectures:
        found = comparison_rows([job for job in jobs if job.cell.architecture == network])
        rows += [asdict(row) for row in found]
        print_table(*comparison_table(found, comparison_title(settings, found)))
    folder, name = out / "compare", comparison.name(budget)
    write_json(folder / f"{name}.json", {"comparison": settings, "rows": rows})
    save_comparison(folder / f"{name}.png", jobs)
    for ending in ("json", "png"):
        say(f"Wrote {folder / name}.{ending}")
