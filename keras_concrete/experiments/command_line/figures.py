"""The command that draws the paper's figures."""

from pathlib import Path
from typing import Annotated

import typer

from keras_concrete.experiments import figures as paper_figures
from keras_concrete.experiments.cell_jobs import Budget
from keras_concrete.experiments.command_line.cell_commands import (
    Processes,
    Seed,
    check_jobs,
    make_jobs,
    run_jobs,
)
from keras_concrete.experiments.command_line.console import say
from keras_concrete.experiments.result_pictures import gap_records
from keras_concrete.files import make_folder

__all__ = ["figures"]


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

    For Figure 4 a network is trained at each of ten temperatures, which takes some
    minutes; what is there from an earlier call is used.
    """
    budget = Budget(steps, num_train_images=0, seed=seed)
    jobs = make_jobs("temperature", "*", data, budget, out)
    check_jobs(jobs)
    make_folder(out)
    for save in (
        paper_figures.save_sampling_graphs,
        paper_figures.save_simplex_densities,
        paper_figures.save_binary_concrete,
    ):
        _announce(save(out))
    say(f"Figure 4 needs {len(jobs)} networks, {steps:,} steps each: some minutes.")
    run_jobs(jobs, processes)
    results = [job.result() for job in jobs]
    cell, config = jobs[0].cell, jobs[0].config()
    label = (
        f"{cell.architecture}, m = {cell.num_samples}, {cell.data}: "
        f"{results[0].num_test_images:,} test images after {steps:,} steps of "
        f"{config.batch_size}, seed {seed}"
    )
    _announce(paper_figures.save_integrality_gap(out, gap_records(results), label))


def _announce(paths: list[Path]) -> None:
    say(f"Wrote {', '.join(map(str, paths))}")
