"""What a person watches: bars in 80 columns, and which cells are named how."""

import io
import subprocess
import sys

import numpy as np
import pytest
from rich.console import Console

from keras_concrete.experiments.cell import Cell
from keras_concrete.experiments.cell_jobs import Budget, Job
from keras_concrete.experiments.command_line import cell_commands, progress
from keras_concrete.experiments.command_line.trained_runs import (
    effective_sample_size_words,
)
from keras_concrete.experiments.worker_processes import CellsFailedError


def _jobs(tmp_path, estimators, num_seeds=1):
    return [
        Job(
            Cell("compare", "mnist5k", "200H~200H~784V", 2, 4, name),
            Budget(20_000, seed=seed),
            tmp_path,
        )
        for name in estimators
        for seed in range(num_seeds)
    ]


def test_bars_of_cells_fit_eighty_columns_and_tell_them_apart(tmp_path):
    estimators = ["straight_through_gumbel_softmax", "gapped_straight_through"]
    names = cell_commands.short_names([j.name for j in _jobs(tmp_path, estimators, 2)])
    shown = progress.bars()
    for name in names:
        shown.add_task(name, total=50, state="9,600 of 20,000 steps")
    terminal = Console(file=io.StringIO(), width=80)
    terminal.print(shown.get_renderable())
    lines = terminal.file.getvalue().splitlines()
    assert all("of 20,000 steps" in line for line in lines)
    assert len(lines) == len({line.split()[0] for line in lines}) == 4
    assert max(map(len, lines)) <= 80


def test_seeds_of_one_cell_that_end_together_have_lines_of_their_own(
    tmp_path, monkeypatch, capsys
):
    jobs = _jobs(tmp_path, ["vimco"], num_seeds=2)

    def run_cells(jobs, *_):
        yield jobs
        for job in jobs:
            job.failed = True
        yield []

    monkeypatch.setattr(cell_commands, "run_cells", run_cells)
    with pytest.raises(CellsFailedError, match="2 of 2 cells failed"):
        cell_commands.run_jobs(jobs, 2)
    assert capsys.readouterr().out == "seed0: failed\nseed1: failed\n"


@pytest.mark.parametrize(
    ("deviation", "num_samples", "words", "least", "most"),
    [
        (1.0, 1_000, "within about a hundredth of a nat", 0.0, 0.01),
        (2.5, 1_000, "lower by some tenths of a nat", 0.02, 1.0),
        (6.0, 100, "lower by nats", 1.0, np.inf),
    ],
)
def test_the_words_on_effective_sample_sizes_hold(
    deviation, num_samples, words, least, most
):
    """Of weights with mean 1 whose logarithms are normal: the bound's limit is 0."""
    log_weights = np.random.default_rng(0).normal(
        -(deviation**2) / 2, deviation, (1_000, num_samples)
    )
    weights = np.exp(log_weights)
    size = np.mean(weights.sum(1) ** 2 / (weights**2).sum(1))
    assert words in effective_sample_size_words(size, num_samples)
    bounds = np.log(weights.mean(axis=1))
    error = 4 * bounds.std() / np.sqrt(len(bounds))  # false alarms: 1 in 30,000
    assert -bounds.mean() + error > least
    assert -bounds.mean() - error < most


def test_only_the_greetings_of_tensorflow_are_left_out():
    lines = [
        "WARNING: All log messages before absl::InitializeLog() is called are written",
        "I0000 00:00:1 1 port.cc:153] oneDNN custom operations are on. You may see",
        "I0000 00:00:1 1 cudart_stub.cc:31] Could not find cuda drivers on your machine",
        "E0000 00:00:1 1 cuda_platform.cc:52] failed call to cuInit: UNKNOWN ERROR (303)",
        "E0000 00:00:1 1 cuda_platform.cc:52] failed call to cuInit: UNKNOWN ERROR (999)",
        "Another error",
    ]
    code = f"""
import os, sys
from keras_concrete_command import without_greetings
with without_greetings():
    os.write(2, {"".join(line + chr(10) for line in lines[:5]).encode()!r})
    print({lines[5]!r}, file=sys.stderr)
print("after", file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.splitlines() == [*lines[4:], "after"]


def test_the_time_that_is_left_counts_the_first_cell_too(tmp_path, monkeypatch):
    clock, shown = [0.0], progress.bars()
    shown.get_time = lambda: clock[0]
    monkeypatch.setattr(cell_commands, "bars", lambda: shown)
    jobs = _jobs(tmp_path, ["vimco", "concrete"], num_seeds=2)
    left = []

    def run_cells(jobs, *_):
        yield jobs[:2]
        clock[0] = 3_600.0  # Two cells end together after an hour: two are left.
        jobs[0].failed = jobs[1].failed = True
        yield jobs[2:]
        left.append(shown.tasks[0].time_remaining)
        jobs[2].failed = jobs[3].failed = True
        yield []

    monkeypatch.setattr(cell_commands, "run_cells", run_cells)
    with pytest.raises(CellsFailedError):
        cell_commands.run_jobs(jobs, 2)
    assert left == [3_600]
