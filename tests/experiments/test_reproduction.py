"""Cells of the paper's grid: their settings, their processes, their tables."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict

import pytest
from typer.testing import CliRunner

from keras_concrete.experiments import command_line, curves, results
from keras_concrete.experiments.command_line import reproduce as paper_commands
from keras_concrete.experiments.command_line.console import console
from keras_concrete.experiments.paper_tables import TABLES
from keras_concrete.experiments.reproduction import Budget, Job
from keras_concrete.experiments.studies import STUDIES


def _cells(table, pattern=""):
    return [cell for cell in TABLES[table] if re.search(pattern, cell.name)]


def test_the_grid_is_the_papers():
    sizes = {table: len(cells) for table, cells in TABLES.items()}
    assert sizes["table1"] == 2 * 4 * 3 * 2  # data, networks, m, estimators
    assert sizes["table2"] == 2 * 2 * 3 * 3  # data, networks, arities, m
    assert sizes["figure4"] == 2 * 3 * 2
    names = [cell.name for cells in TABLES.values() for cell in cells]
    assert len(set(names)) == len(names)
    # the corners of each table, as printed
    for name, test, train in [
        ("table1-binarized_mnist-200H-784V-m1-concrete", 107.3, 107.5),
        ("table1-omniglot-200H~200H~784V-m50-vimco", 113.2, 95.2),
        ("table1-omniglot-200H-784V-m1-nvil", 115.7, 112.2),
        ("table2-binarized_mnist-240H~784V-m1-concrete", 91.9, 90.7),
        ("table2-omniglot-240H~784V-4ary-m1-concrete", 110.7, 102.7),
        ("table2-omniglot-240H~240H~784V-8ary-m50-concrete", 111.1, 99.5),
        ("figure4-binarized_mnist-392V-240H-240H-240H-392V-m50-vimco", 50.2, 47.9),
        ("control-binarized_mnist-240H~240H~784V-8ary-m5-logistic_normal", 89.1, 85.1),
    ]:
        (cell,) = [c for cells in TABLES.values() for c in cells if c.name == name]
        assert (cell.paper.test, cell.paper.train) == (test, train)


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


def _reproduce(out, *options):
    command = [sys.executable, "-m", "keras_concrete", "reproduce", "table1"]
    command += ["--data", "mnist5k", "--cells", CELL, "--steps", "300"]
    command += ["--eval-images", "20", "--train-images", "10", "--eval-samples", "10"]
    command += ["--out", str(out), *options]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def _to_the_end(process):
    output, _ = process.communicate(timeout=400)
    return output


def _wait_for(condition, seconds=240):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.fixture(scope="module")
def reproduced(tmp_path_factory):
    """A cell killed with SIGKILL in the midst, then run to its end."""
    out = tmp_path_factory.mktemp("results")
    first = _reproduce(out, "--processes", "2")
    history = out / f"runs/{CELL}-300steps-seed0/history.csv"
    _wait_for(lambda: history.exists() and len(history.read_text().splitlines()) > 1)
    first.kill()
    first.communicate()
    killed_at = len(history.read_text().splitlines()) - 1
    again = _reproduce(out, "--processes", "2")
    output = _to_the_end(again)
    assert again.returncode == 0, output
    return out, output, killed_at


def test_a_killed_reproduction_ends_as_one_that_was_not(reproduced, tmp_path):
    out, _, killed_at = reproduced
    assert 1 <= killed_at < 3
    cell = _cells("table1", "binarized_mnist-200H-784V-m1-concrete")[0]
    (result,) = results.find_results(out)
    assert result["steps"] == 300 and result["curve"]["step"] == [100, 200, 300]
    assert result["cell"]["architecture"] == cell.architecture
    assert result["cell"]["paper"] is None  # other data than the paper's
    whole = _reproduce(tmp_path, "--processes", "2")
    output = _to_the_end(whole)
    assert whole.returncode == 0, output
    (other,) = results.find_results(tmp_path)
    assert other["curve"] == result["curve"]
    assert other["discrete_nll"] == result["discrete_nll"]
    assert other["train_nll"] == result["train_nll"]


def test_a_result_says_how_it_was_made(reproduced):
    (result,) = results.find_results(reproduced[0])
    assert result["command"].startswith("keras-concrete reproduce table1 --data mnist5k")
    assert {"python", "keras", "tensorflow", "numpy"} <= set(result["versions"])
    assert result["hardware"]["cores"] == 1  # pinned
    assert result["training_seconds"] > 0 and result["config"]["seed"] == 0
    assert (result["num_test_images"], result["num_train_images"]) == (20, 10)


def test_finished_cells_are_skipped_and_reported(reproduced):
    out, output, _ = reproduced
    (file,) = (out / "table1").glob("*.json")
    before = file.read_text()
    output = _to_the_end(_reproduce(out))
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
    (before,) = results.find_results(tmp_path / "results")
    run = tmp_path / f"results/runs/{CELL}-300steps-seed0"
    written = [(run / name).read_bytes() for name in ("model.keras", "history.csv")]
    process = _reproduce(tmp_path / "results", "--eval-samples", "30")
    output = _to_the_end(process)
    assert process.returncode == 0, output
    found = results.find_results(tmp_path / "results")
    assert [r["discrete_nll"]["num_samples"] for r in found] == [10, 30]
    assert found[0] == before and found[1]["curve"] == before["curve"]
    again = [(run / name).read_bytes() for name in ("model.keras", "history.csv")]
    assert again == written


def test_a_cell_that_fails_is_named_with_its_log(tmp_path):
    run = tmp_path / f"runs/{CELL}-300steps-seed0"
    run.mkdir(parents=True)
    (run / "config.json").write_text('{"architecture": "200H"}')
    process = _reproduce(tmp_path)
    output = _to_the_end(process)
    assert process.returncode == 1
    assert "1 of 1 cells failed" in output
    assert "Expected '-' or '~'" in run.with_suffix(".log").read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--cells", "*300H*"), "matches no cell of table1"),
        (("--steps", "0"), "`steps` must be a positive integer"),
        (("--eval-samples", "0"), "`evaluation_samples` must be a positive integer"),
    ],
)
def test_bad_options_are_refused(options, message, tmp_path):
    arguments = ["reproduce", "table1", "--out", str(tmp_path), *options]
    result = CliRunner().invoke(command_line.app, arguments)
    assert result.exit_code != 0
    assert message in str(result.exception)
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_lists_the_cells(tmp_path):
    arguments = ["reproduce", "figure4", "--dry-run", "--out", str(tmp_path)]
    result = CliRunner().invoke(command_line.app, arguments)
    assert result.output.count("to do") == 12
    assert list(tmp_path.iterdir()) == []


def _result(estimator="concrete", num_samples=5, mean=95.0, **changes):
    cell = {
        "table": "table1",
        "data": "binarized_mnist",
        "architecture": "200H~784V",
        "arity": 2,
        "num_samples": num_samples,
        "estimator": estimator,
        "posterior_temperature": None,
        "paper": {"test": 89.5, "train": 88.1},
    }
    nll = {"num_samples": 1_000, "mean": mean, "standard_error": 0.25}
    result = {"cell": {**cell, **changes}, "steps": 2_000, "config": {"seed": 0}}
    result |= {"training_seconds": 120.0, "num_test_images": 10_000}
    result["curve"] = {"step": [1, 2], "bound": [-9.0, -8.0], "val_bound": [-9.0, -8.0]}
    return {**result, "discrete_nll": nll, "train_nll": {**nll, "mean": mean - 1}}


def test_tables_set_ours_beside_the_papers():
    (table,) = results.make_tables([_result(), _result("vimco", mean=96.0)])
    numbers = ["test NLL", "paper", "train NLL", "paper"]
    assert table.header == ["model", "estimator", *numbers, "minutes"]
    numbers = ["95.00 ± 0.25", "89.5", "94.00 ± 0.25", "88.1", "2.0"]
    assert table.rows[0] == ["200H~784V", "concrete", *numbers]
    assert "10,000 test images by 1,000 samples, after 2,000 steps" in table.title
    assert "m 5" in table.title
    assert results.markdown(table).splitlines()[2].startswith("| model | estimator |")
    (table,) = results.make_tables([_result(data="mnist5k", paper=None)])
    assert table.header == ["model", "test NLL", "train NLL", "minutes"]


def test_seeds_are_averaged_where_all_rows_have_as_many():
    """Means 95, 96, 97: mean 96, standard error 1 / sqrt(3)."""
    seeds = [{**_result(mean=95.0 + i), "config": {"seed": i}} for i in range(3)]
    (table,) = results.make_tables(seeds)
    assert table.rows == [
        ["200H~784V", "96.00 ± 0.58", "89.5", "95.00 ± 0.58", "88.1", "2.0"]
    ]
    assert "mean of 3 seeds" in table.title
    (table,) = results.make_tables([*seeds, _result("vimco")])
    assert table.header[:3] == ["model", "estimator", "seed"] and len(table.rows) == 4


def test_curves_of_variants_have_labels_and_colours_of_their_own(tmp_path, monkeypatch):
    """And those of two seeds the same."""
    shown, figures = [], curves.drawing.new_figure

    @contextlib.contextmanager
    def look_at(*size):
        with figures(*size) as figure:
            yield figure
            shown.extend(figure.axes[0].lines)
            shown.extend(text.get_text() for text in figure.legends[0].texts)

    monkeypatch.setattr(curves.drawing, "new_figure", look_at)
    variants = ["as-in-the-paper", "no-centering", "no-centering"]
    cells = [_result(num_samples=1, variant=variant) for variant in variants]
    curves.save_curves(tmp_path, cells)
    *lines, first, second = shown
    assert first == "concrete, as-in-the-paper, m = 1"
    assert second == "concrete, no-centering, m = 1"
    colours = [line.get_color() for line in lines]
    assert colours[0] != colours[1] == colours[2]


def test_variants_have_colours_of_their_own_where_one_has_a_temperature_too():
    cells = [_result(variant=variant) for variant in ("batch-64", "batch-128", "other")]
    cells[2]["cell"]["posterior_temperature"] = 0.5
    looks = curves._looks(cells)
    assert len({str(look["color"]) for look in looks.values()}) == 3


def test_curves_of_other_numbers_of_steps_are_other_pictures(tmp_path):
    found = [{**_result(), "steps": number} for number in (20, 100)]
    names = [path.name for path in curves.save_curves(tmp_path, found)]
    assert names == [f"curves-table1-binarized_mnist-{n}.png" for n in (20, 100)]


def test_arities_have_colours_of_their_own_too():
    looks = curves._looks([_result(arity=arity) for arity in (2, 4, 8)])
    assert list(looks) == [f"concrete{ary}, m = 5" for ary in ("", ", 4-ary", ", 8-ary")]
    assert len({str(look["color"]) for look in looks.values()}) == 3


def test_the_temperature_of_the_paper_is_not_told_as_0():
    warm = _result(posterior_temperature=0.5)
    (table,) = results.make_tables([_result(), warm])
    assert table.header[1] == "temperature"
    assert [row[1] for row in table.rows] == ["D.5", "0.5"]


def test_on_one_data_set_cells_that_coincide_are_one_with_the_papers_numbers(tmp_path):
    for data, has_paper in (("binarized_mnist", True), ("mnist5k", False)):
        jobs = paper_commands._jobs("table1", "*", data, Budget(), tmp_path)
        assert len(jobs) == len({job.result_file for job in jobs}) == 24
        assert {job.cell.paper is not None for job in jobs} == {has_paper}


def test_the_recipe_is_set_beside_the_papers_own_cells(tmp_path):
    paper = {"200H~784V": (89.5, 91.4), "200H~200H~784V": (86.3, 86.4)}
    kinds = [  # Variant, estimator, temperature, column of the paper.
        ("batch-128", "concrete", None, 0),
        ("equation-21", "gumbel_softmax", 0.5, 0),
        ("batch-128", "vimco", None, 1),
    ]
    cells = STUDIES["recipe"]
    configs = [Job(cell, Budget(), tmp_path).config() for cell in cells]
    for cell, config, kind in zip(cells, configs, 2 * kinds, strict=True):
        *settings, column = kind
        ours = [cell.variant, config.estimator, config.posterior_temperature]
        assert ours == settings
        assert cell.paper.test == paper[cell.architecture][column]
    assert {config.batch_size for config in configs} == {128}
    assert {config.num_samples for config in configs} == {5}
    assert {config.learning_rate_schedule for config in configs} == {"cosine"}


def test_the_ablations_change_one_thing_each(tmp_path):
    configs = {
        cell.variant: Job(cell, Budget(), tmp_path).config()
        for cell in STUDIES["ablation"]
    }
    base = asdict(configs.pop("as-in-the-paper"))
    changed = {
        variant: {k for k, v in asdict(config).items() if v != base[k]}
        for variant, config in configs.items()
    }
    assert changed == {
        "no-centering": {"centering"},
        "one-temperature-0.5": {"posterior_temperature"},
        "one-temperature-0.67": {"prior_temperature"},
        "kl-of-equation-21": {"estimator"},
        "kl-of-equation-22": {"estimator"},
        "gumbels-as-node": {"estimator"},
    }


def test_results_of_other_data_or_images_are_other_tables():
    few = {**_result(), "num_test_images": 1_000}
    del few["train_nll"]
    tables = results.make_tables([_result(), _result(data="omniglot"), few])
    assert len(tables) == 3
    assert tables[2].header == ["model", "test NLL", "paper", "minutes"]


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="cores cannot be chosen")
def test_processes_end_with_their_parent(tmp_path):
    parent = _reproduce(tmp_path)
    logs = tmp_path / "runs"
    _wait_for(lambda: logs.exists() and any(logs.glob("*.log")))
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
