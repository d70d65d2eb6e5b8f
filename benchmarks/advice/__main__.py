"""Trains each job by each estimator at each temperature, and scores the discrete graph.

A line for each run; stopped and started again, runs that are done are not done again.
"""

import math
import time
from pathlib import Path
from typing import Annotated

import keras
import typer

from benchmarks.advice.jobs import JOBS
from benchmarks.advice.runs import (
    ESTIMATORS,
    FALLING,
    Run,
    advice_tables,
    temperatures_of,
)
from benchmarks.run_lines import add_run, read_runs, resume_runs
from keras_concrete.experiments import machine
from keras_concrete.experiments.command_line.arguments import listed

_BATCH_SIZE = 64


def _train(
    job_name: str, estimator: str, temperature: float | str, seed: int, epochs: int
) -> Run:
    job = JOBS[job_name]
    x, y, validation_x, validation_y = job.data()
    keras.backend.clear_session()
    steps = epochs * math.ceil(len(x) / _BATCH_SIZE)
    falling = keras.optimizers.schedules.PolynomialDecay(1.0, steps, 0.1)
    setting = falling if temperature == FALLING else temperature
    model = job.build(estimator, setting, seed)
    start = time.perf_counter()
    model.fit(x, y, batch_size=_BATCH_SIZE, epochs=epochs, verbose=0)
    seconds = time.perf_counter() - start
    score = job.evaluate(model, validation_x, validation_y)
    settings = (job_name, estimator, temperature, seed, epochs)
    return Run(*settings, round(score, 4), round(seconds, 1))


def main(
    out: Annotated[Path, typer.Option(help="Lines of JSON to add to.")] = Path(
        "results/advice/runs.jsonl"
    ),
    jobs: Annotated[str, typer.Option(help="Jobs, a,b,...")] = ",".join(JOBS),
    num_seeds: Annotated[int, typer.Option(help="Seeds 0, 1, ....")] = 3,
    epochs: Annotated[int, typer.Option(help="Epochs of 62 steps.")] = 12,
    threads: Annotated[int, typer.Option(help="Threads.")] = 1,
) -> None:
    """Trains jobs by estimators at temperatures; prints what is known so far."""
    machine.use_threads(threads)
    names = listed(jobs)
    if unknown := {*names} - {*JOBS}:
        raise typer.BadParameter(f"--jobs has unknown {unknown}: choose of {[*JOBS]}.")
    done = {run.settings for run in resume_runs(out, Run, epochs)}
    wanted = [
        (job, estimator, temperature, seed, epochs)
        for seed in range(num_seeds)
        for job in names
        for estimator in (ESTIMATORS if JOBS[job].scores_states else ESTIMATORS[2:])
        for temperature in temperatures_of(estimator, job)
    ]
    for settings in wanted:
        if settings not in done:
            add_run(out, _train(*settings))
    print(advice_tables(read_runs(out, Run)))


if __name__ == "__main__":
    typer.run(main)
