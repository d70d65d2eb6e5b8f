"""Comparisons of estimators: their cells, and what their tables say."""

import dataclasses
import json

import numpy as np
import pytest
from made_results import made_result
from tiny_runs import invoke, pixels, tiny_data

from keras_concrete import estimators
from keras_concrete.experiments import cell_jobs
from keras_concrete.experiments.cell_jobs import Budget
from keras_concrete.experiments.command_line import cell_commands
from keras_concrete.experiments.comparison import Comparison
from keras_concrete.experiments.comparison_rows import comparison_rows, comparison_table

NAMES = ("concrete", "vimco", "reinforce_loo")


def comparison(**changes):
    settings = {"architectures": ("3H-16V",), "estimators": NAMES, "data": "mnist5k"}
    settings |= {"num_samples": 2, "num_seeds": 2, **changes}
    return Comparison(**settings)


def write_results(jobs, nll):
    """Results made up: `nll` by estimator, `(seeds, images)`."""
    for job in jobs:
        own = np.float32(nll[job.cell.estimator][job.budget.seed])
        made = made_result(mean=float(np.mean(own, dtype="float64")))
        result = dataclasses.replace(made, cell=job.cell, num_test_images=len(own))
        job.result_file.parent.mkdir(parents=True, exist_ok=True)
        result.write(job.result_file)
        job.folder.path.mkdir(parents=True)
        job.folder.write_test_nll(own)


@pytest.fixture
def done(tmp_path):
    """Jobs of three estimators and two seeds, and the NLL of 50 images under each."""
    generator = np.random.default_rng(0)
    images = 90 + 20 * generator.normal(size=50)
    nll = {
        name: images + shift + generator.normal(size=(2, 50))
        for name, shift in zip(NAMES, (0.0, -3.0, 2.0), strict=True)
    }
    jobs = comparison().jobs(Budget(), tmp_path)
    write_results(jobs, nll)
    return jobs, nll


def test_rows_are_paired_image_by_image_and_the_best_comes_first(done):
    jobs, nll = done
    rows = comparison_rows(jobs)
    assert [row.estimator for row in rows] == ["vimco", "concrete", "reinforce_loo"]
    row = rows[0]
    difference = nll["vimco"] - nll["concrete"]
    over_images = difference.mean(axis=0).std(ddof=1) / np.sqrt(50)
    over_seeds = difference.mean(axis=1).std(ddof=1) / np.sqrt(2)
    assert row.nll == pytest.approx(nll["vimco"].mean(), rel=1e-5)
    assert row.difference == pytest.approx(difference.mean(), rel=1e-4)
    assert row.difference_error_over_images == pytest.approx(over_images, rel=1e-3)
    assert row.difference_error_over_seeds == pytest.approx(over_seeds, rel=1e-2)
    assert row.bound == pytest.approx(-row.nll)
    # Images differ by 20 nats and estimators by little, which only pairs show.
    assert row.difference_error_over_images < 0.3
    table = comparison_table(rows, "title")
    expected = "estimator,NLL,± seeds,diff.,± images,±seeds,bound,min"
    assert table.header == expected.split(",")
    assert table.rows[1][0] == "concrete" and len(table.rows[1]) == len(table.header)


def test_an_nll_of_another_evaluation_is_none_and_a_damaged_one_is_refused(done):
    jobs, nll = done
    whole = {row.estimator: row for row in comparison_rows(jobs)}
    for other in (nll["vimco"][0] + 0.1, nll["vimco"][0][1:], np.nan * nll["vimco"][0]):
        jobs[1].folder.write_test_nll(other)
        rows = {row.estimator: row for row in comparison_rows(jobs)}
        paired = whole["vimco"].num_paired_seeds
        assert rows["vimco"].num_paired_seeds == paired - 1
        assert rows["vimco"].difference == whole["vimco"].difference
    jobs[1].folder.test_nll_file.write_bytes(b"\x93NUMPY")
    with pytest.raises(ValueError, match=r"is damaged.*evaluated anew"):
        comparison_rows(jobs)


def test_results_whose_run_folders_are_gone_are_compared_by_what_they_say(done):
    """As those are that another machine made; errors over images need the folders."""
    jobs, _ = done
    whole = {row.estimator: row for row in comparison_rows(jobs)}
    gone = [job for job in jobs if job.budget.seed == 0]
    for number, job in enumerate((*gone, *jobs)):
        job.folder.test_nll_file.unlink(missing_ok=True)
        if number == 0:
            rows = {row.estimator: row for row in comparison_rows(jobs)}
            assert rows["vimco"].num_paired_seeds == 1
            assert 0 < rows["vimco"].difference_error_over_images < 0.5
    rows = comparison_rows(jobs)
    for row in rows:
        missing = {"difference_error_over_images": None, "num_paired_seeds": 0}
        assert row == dataclasses.replace(whole[row.estimator], **missing)
    table = comparison_table(rows, "title")
    assert "± images" not in table.header and "±seeds" in table.header


def test_matched_by_evaluations_dearer_estimators_take_fewer_steps(tmp_path, monkeypatch):
    vimco = type(estimators.get("vimco"))
    monkeypatch.setattr(vimco, "decoder_evaluations", lambda self, m: 3 * m)
    for match, steps in (("steps", [90, 90, 90]), ("evaluations", [90, 30, 90])):
        jobs = comparison(match=match, num_seeds=1).jobs(Budget(90), tmp_path)
        assert [
            job.config().epochs * job.config().steps_per_epoch for job in jobs
        ] == steps


def test_all_cells_are_alike_but_for_the_estimator_and_the_seed(tmp_path):
    jobs = comparison().jobs(Budget(100), tmp_path)
    configs = [dataclasses.asdict(job.config()) for job in jobs]
    assert len({job.result_file for job in jobs}) == 6
    assert [config.pop("estimator") for config in configs] == [*NAMES, *NAMES]
    assert [config.pop("seed") for config in configs] == [0, 0, 0, 1, 1, 1]
    assert all(config == configs[0] for config in configs)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--estimators", "concrete"), "`estimators` must hold 2 names or more"),
        (("--estimators", "vimco,vimco"), "`estimators` must hold 2 names or more, each"),
        (("--estimators", "concrete,nvil"), "'nvil' is for the bound of one sample"),
        (
            ("--estimators", "concrete,vimco", "--num-samples", "1"),
            "'vimco' compares each sample with the others",
        ),
        (("--estimators", "concrete,arm", "--arity", "4"), "'arm' is for binary units"),
        (("--estimators", "concrete,other"), "`estimator` must be one of"),
        (("--match", "time"), "`match`"),
        (("--data", "cifar"), "`data`"),
        (("--recipe", "mine"), "`recipe`"),
        (("--num-seeds", "0"), "`num_seeds`"),
        (("300H~783V",), "must end in 784V"),
    ],
)
def test_bad_options_are_refused_before_anything_is_written(options, message, tmp_path):
    result = invoke("compare", *options, "--out", tmp_path / "out")
    assert result.exit_code != 0
    assert message in str(result.exception)
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("eagerly")
def test_the_command_trains_compares_and_draws(tmp_path, monkeypatch):
    """In this process, where a worker's would load the data anew."""

    def in_this_process(jobs, num_processes, command):
        for job in jobs:
            if not job.is_done:
                cell_jobs.run_cell(job, command)
                yield [job]

    for module in (cell_jobs, cell_commands):
        monkeypatch.setattr(module, "load_dataset", lambda name: tiny_data())
    monkeypatch.setattr(cell_commands, "run_cells", in_this_process)
    arguments = ["compare", "3H-16V", "--estimators", "concrete,vimco", "--steps", "4"]
    arguments += ["--num-samples", "2", "--eval-samples", "5"]
    result = invoke(*arguments, "--out", tmp_path)
    assert result.exception is None, result.output
    [path] = (tmp_path / "compare").glob("comparison-mnist5k-3H-16V-m2-4steps-*.json")
    content = json.loads(path.read_text())
    assert {row["estimator"] for row in content["rows"]} == {"concrete", "vimco"}
    assert pixels(path.with_suffix(".png")).std() > 0
    again = invoke(*arguments, "--out", tmp_path)
    assert "2 of 2 cells are done already." in again.output
