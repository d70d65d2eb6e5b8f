"""The command `gradients`."""

import csv
import json

import numpy as np
import pytest
from tiny_runs import invoke, pixels

from keras_concrete.experiments.folder_lock import locked

pytestmark = pytest.mark.usefixtures("_tiny")


def test_a_report_is_printed_written_and_drawn(run):
    path, _ = run
    names = "vimco, reinforce_loo"
    options = ("--num-draws", 40, "--num-images", 5, "--seed", 3)
    result = invoke("gradients", path, "--estimators", names, *options)
    assert result.exit_code == 0, result.output
    report = json.loads((path / "gradients.json").read_text())
    assert report["num_draws"] == 40 and report["num_images"] == 5
    assert report["references"] == {"bound": "exact", "mean ELBO": "exact"}
    with (path / "gradients.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(report["rows"]) == 2 * 8
    for row, record in zip(rows, report["rows"], strict=True):
        assert float(row["variance"]) == record["variance"]
    assert {row["estimator"] for row in rows} == set(names.split(", "))
    assert np.ptp(pixels(path / "gradients.png")) > 0
    for words in ("reinforce_loo", "posterior", "Against the bound (exact): vimco"):
        assert words in result.output


def test_an_unknown_estimator_is_refused_before_any_work(run):
    result = invoke("gradients", run[0], "--estimators", "vimco,reinforce_lo")
    assert "Did you mean 'reinforce_loo'?" in str(result.exception)


def test_nothing_is_measured_where_another_process_writes(run):
    with locked(run[0], "lock-gradients"):
        result = invoke("gradients", run[0], "--num-draws", 10**9)
    assert "Another process is at work" in str(result.exception)
