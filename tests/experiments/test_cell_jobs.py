"""Cells of the paper's grid: their settings, their processes, their results."""

import dataclasses
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest
from made_results import made_result
from typer.testing import CliRunner

from keras_concrete.experiments import command_line
from keras_concrete.experiments.cell_jobs import Budget, Job
from keras_concrete.experiments.cell_result import CellResult, find_results
from keras_concrete.experiments.command_line.console import console
from keras_concrete.experiments.paper_tables import TABLES


def _cells(table, pattern=""):
    return [cell for cell in TABLES[table] if re.search(pattern, cell.name)]


@pytest.mark.parametrize(
    ("table", "pattern", "learning_rate", "weight_decay", "samples"),
    [
        ("table1", "-200H-784V-m1-concrete", 3e-4, 0.0, 1_000),
        ("table1", "200H~784V-m5-vimco", 1e-4, 0.0, 1_000),
        ("figure4", "392V-240H-240H-392V-m1-nvil", 3e-4, 1e-3, 100),
    ],
)
def test_settings_are_those_of_appendix_d5(
    table, pattern, learning_rate, weight_decay, samples, tmp_path
):
    config = Job(_cells(table, pattern)[0], Budget(steps=1_000), tmp_path).config()
    assert config.learning_rate == learning_rate
    assert config.learning_rate_schedule == "constant"
    assert config.weight_decay == weight_decay
    assert config.evaluation_samples == samples
    assert config.epochs * config.steps_per_epoch == 1_000
    assert config.batch_size == 64
    assert config.keeps_best == ("concrete" not in pattern)


CELL = "table1-mnist5k-200H-784V-m1-concrete"


def _arguments(out):
    arguments = ["reproduce", "table1", "--data", "mnist5k", "--cells", CELL]
    arguments += ["--steps", "300", "--eval-images", "20", "--train-images", "10"]
    return [*arguments, "--eval-samples", "10", "--out", str(out)]


def _start(out, *options):
    """The command in a process of its own, which can be killed."""
    return subprocess.Popen(
        [sys.executable, "-m", "keras_concrete", *_arguments(out), *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _reproduce(out, *options):
    """The command in this process; its cells have processes of their own."""
    arguments = [*_arguments(out), *options]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["keras-concrete", *arguments])  # As results tell it.
        return CliRunner().invoke(command_line.app, arguments)


def _wait_for(condition, seconds=240):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.fixture(scope="module")
def reproduced(tmp_path_factory):
    """A cell killed with SIGKILL in the midst, then run to its end."""
    out = tmp_path_factory.mktemp("results")
    first = _start(out, "--processes", "2")
    history = out / f"runs/{CELL}-300steps-seed0/history.csv"
    _wait_for(lambda: history.exists() and len(history.read_text().splitlines()) > 1)
    first.kill()
    first.communicate()
    killed_at = len(history.read_text().splitlines()) - 1
    again = _reproduce(out, "--processes", "2")
    assert again.exit_code == 0, again.output
    return out, again.output, killed_at


def test_a_killed_reproduction_ends_as_one_that_was_not(reproduced, tmp_path):
    out, _, killed_at = reproduced
    assert 1 <= killed_at < 3
    cell = _cells("table1", "binarized_mnist-200H-784V-m1-concrete")[0]
    (result,) = find_results(out).results
    assert result.steps == 300 and result.curve.step == [100, 200, 300]
    assert result.cell.architecture == cell.architecture
    assert result.cell.paper is None  # other data than the paper's
    whole = _reproduce(tmp_path, "--processes", "2")
    assert whole.exit_code == 0, whole.output
    (other,) = find_results(tmp_path).results
    assert other.curve == result.curve
    assert other.discrete_nll == result.discrete_nll
    assert other.train_nll == result.train_nll


def test_a_result_says_how_it_was_made(reproduced):
    (result,) = find_results(reproduced[0]).results
    assert result.command.startswith("keras-concrete reproduce table1 --data mnist5k")
    assert {"python", "keras", "tensorflow", "numpy"} <= set(result.versions)
    assert result.hardware["cores"] == 1  # pinned
    assert result.training_seconds > 0 and result.config["seed"] == 0
    assert (result.num_test_images, result.num_train_images) == (20, 10)


def test_finished_cells_are_skipped_and_reported(reproduced):
    out, output, _ = reproduced
    (file,) = (out / "table1").glob("*.json")
    before = file.read_text()
    output = _reproduce(out).output
    assert "1 of 1 cells are done already" in output
    assert file.read_text() == before
    nll = json.loads(before)["discrete_nll"]
    assert f"{nll['mean']:.2f} ± {nll['standard_error']:.2f}" in output
    report = CliRunner().invoke(command_line.app, ["reproduce", "report", str(out)])
    assert report.exit_code == 0, report.output
    assert f"{nll['mean']:.2f} ± {nll['standard_error']:.2f}" in report.output
    assert (out / "curves-table1-mnist5k-300.png").stat().st_size > 10_000


def test_a_narrow_terminal_cuts_no_number(reproduced, monkeypatch):
    monkeypatch.setattr(console, "width", 60)
    arguments = ["reproduce", "report", str(reproduced[0])]
    output = CliRunner().invoke(command_line.app, arguments).output
    assert "NLL" in output and "…" not in output


def test_a_cell_evaluated_otherwise_is_another_result_of_the_same_training(
    reproduced, tmp_path
):
    out, _, _ = reproduced
    shutil.copytree(out, tmp_path / "results")
    (before,) = find_results(tmp_path / "results").results
    run = tmp_path / f"results/runs/{CELL}-300steps-seed0"
    written = [(run / name).read_bytes() for name in ("model.keras", "history.csv")]
    result = _reproduce(tmp_path / "results", "--eval-samples", "30")
    assert result.exit_code == 0, result.output
    found = find_results(tmp_path / "results").results
    assert [r.discrete_nll.num_samples for r in found] == [10, 30]
    assert found[0] == before and found[1].curve == before.curve
    again = [(run / name).read_bytes() for name in ("model.keras", "history.csv")]
    assert again == written


def test_a_cell_that_fails_is_named_with_its_log(tmp_path):
    run = tmp_path / f"runs/{CELL}-300steps-seed0"
    run.mkdir(parents=True)
    (run / "config.json").write_text('{"architecture": "200H"}')
    result = _reproduce(tmp_path)
    assert result.exit_code == 1
    assert "1 of 1 cells failed" in str(result.exception)
    assert "Expected '-' or '~'" in run.with_suffix(".log").read_text()


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="cores cannot be chosen")
def test_processes_end_with_their_parent(tmp_path):
    parent = _start(tmp_path)
    logs = tmp_path / "runs"
    _wait_for(lambda: any(logs.glob("*.log")) and _children(parent.pid))
    (child,) = _children(parent.pid)
    os.kill(parent.pid, signal.SIGKILL)
    parent.communicate()
    _wait_for(lambda: not _is_running(child), seconds=60)


def _children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]


def _is_running(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def test_steps_that_cannot_be_cut_into_epochs_are_refused_with_those_that_can():
    with pytest.raises(ValueError, match=r"steps=99991. Take 99950 or 100000"):
        Budget(99_991)
    for steps in (1, 99, 1_300, 20_000, 13_350):
        assert Budget(steps).steps == steps


def test_what_is_not_known_of_one_image_is_null_in_the_file(tmp_path):
    made = made_result()
    unknown = dataclasses.replace(made.discrete_nll, standard_error=float("nan"))
    diverged = dataclasses.replace(made.curve, bound=[-9.0, math.nan])
    path = tmp_path / "result.json"
    dataclasses.replace(made, discrete_nll=unknown, curve=diverged).write(path)
    assert "NaN" not in path.read_text()
    found = CellResult.read(path)
    assert math.isnan(found.discrete_nll.standard_error)
    assert found.curve.bound[0] == -9.0 and math.isnan(found.curve.bound[1])
