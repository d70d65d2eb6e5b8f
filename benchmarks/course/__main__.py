"""Trains one network at several temperatures, and measures gradients on the way."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

import keras_concrete as kc
from benchmarks.course.pictures import draw_bounds, draw_gradients
from benchmarks.course.runs import (
    SETTINGS,
    CourseRun,
    Snapshots,
    read_reports,
    train,
)
from benchmarks.course.tables import bounds_table, gradients_table
from benchmarks.run_lines import add_run, read_runs, resume_runs
from keras_concrete.experiments import machine
from keras_concrete.experiments.json_files import write_json

_BATCH = 64  # Images of which gradients are measured.


def _measure(out: Path, snapshots: Snapshots, num_draws: int) -> None:
    """Reports gradients at the weights of several epochs, a file for each."""
    images = kc.load_dataset("binarized_mnist").train[:_BATCH]
    for epoch, weights in snapshots.weights.items():
        snapshots.model.set_weights(weights)
        report = asdict(kc.gradient_report(snapshots.model, images, num_draws=num_draws))
        report["rows"] = [r for r in report["rows"] if r["part"] == "posterior"]
        settings = {"epoch": epoch, "num_images": _BATCH, "seed": 0}
        write_json(out / f"gradients-{epoch}.json", {**settings, **report})


def main(
    out: Annotated[Path, typer.Option(help="Folder to write to.")] = Path(
        "results/course"
    ),
    num_seeds: Annotated[int, typer.Option(help="Seeds 0, 1, ....")] = 3,
    epochs: Annotated[int, typer.Option(help="Epochs of 782 steps.")] = 26,
    num_draws: Annotated[int, typer.Option(help="Gradients of each estimator.")] = 400,
    threads: Annotated[int, typer.Option(help="Threads.")] = 1,
) -> None:
    """Trains settings and seeds that are not done yet; prints what is known so far."""
    machine.use_threads(threads)
    file = out / "runs.jsonl"
    done = {(run.setting, run.seed) for run in resume_runs(file, CourseRun, epochs)}
    for seed in range(num_seeds):
        for setting in SETTINGS:
            if (setting, seed) in done:
                continue
            snapshots = Snapshots((0, epochs // 2, epochs))
            run = train(setting, seed, epochs, snapshots)
            if seed == 0 and setting == next(iter(SETTINGS)):
                _measure(out, snapshots, num_draws)
            add_run(file, run)
    runs, reports = read_runs(file, CourseRun), read_reports(out)
    draw_bounds(out / "bounds.png", runs)
    draw_gradients(out / "gradients.png", reports)
    print(bounds_table(runs))
    print(gradients_table(reports))


if __name__ == "__main__":
    typer.run(main)
