"""The commands for runs that are trained: `evaluate`, `sample`, `export`."""

import json
import re

import numpy as np
import pytest
from tiny_runs import invoke, pixels, tiny_data

import keras_concrete as kc
from keras_concrete.experiments.run_folder import RunFolder
from keras_concrete.files import PARTIAL

pytestmark = pytest.mark.usefixtures("_tiny")


def test_evaluate_prints_and_keeps_its_numbers(run):
    path, _ = run
    result = invoke("evaluate", path, "--num-samples", 30, "--num-images", 5)
    assert result.exit_code == 0, result.output
    record = json.loads((path / "evaluations.jsonl").read_text().splitlines()[-1])
    data = tiny_data()
    estimate = kc.evaluate_bound(
        RunFolder(path).model(), data.test[:5], 30, verbose=False
    )
    assert record["nll"] == pytest.approx(-estimate.mean, abs=1e-4)
    assert record["num_images"] == 5 and record["num_samples"] == 30
    assert f"{record['nll']:.3f}" in result.output
    assert re.search(r"samples K\W+30\b", result.output)
    result = invoke("evaluate", path, "--num-samples", 30, "--num-images", 1)
    assert re.search(r"standard error over images\W+-\W", result.output)
    record = json.loads((path / "evaluations.jsonl").read_text().splitlines()[-1])
    assert record["standard_error"] is None  # Of one image; JSON has no NaN.


def test_sample_draws_the_picture_of_its_seed(run):
    path, _ = run
    pictures = []
    for seed, name in ((1, "a.png"), (1, "b.png"), (2, "c.png")):
        result = invoke(
            "sample", path, "--num-images", 9, "--seed", seed, "--to", path / name
        )
        assert result.exit_code == 0, result.output
        pictures.append(pixels(path / name))
    assert np.array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[0], pictures[2])


def test_export_writes_a_saved_model_in_the_place_of_what_a_killed_one_left(
    run, tmp_path
):
    left = tmp_path / "served" / f"{PARTIAL}abc"
    left.mkdir(parents=True)
    (left / "saved_model.pb").touch()
    warm = ["--warmup-batch-size", 1, "--warmup-batch-size", 8]
    result = invoke("export", run[0], "--to", tmp_path / "served", *warm)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "served/assets.extra/tf_serving_warmup_requests").exists()
    assert (tmp_path / "served" / "saved_model.pb").exists()
    assert not left.exists()
