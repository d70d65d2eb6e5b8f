"""The benchmarks' own arithmetic, and that a race of two runs from end to end."""

import doctest
import importlib
import json
import math
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import keras_concrete as kc
from benchmarks import (
    claims,
    noise,
    pages,
    pieces,
    refit,
    resident,
    summary,
    whole,
)
from benchmarks.contestants import TRAINING
from benchmarks.peers.products import products
from benchmarks.peers.serving import Job
from benchmarks.race import Entry
from keras_concrete.experiments.fitting import start_fit
from keras_concrete.experiments.run_folder import RunFolder
from keras_concrete.experiments.training_config import TrainingConfig

ROOT = Path(__file__).parents[2]
CIRCUMSTANCES = {"command": "a", "date": "b", "hardware": {"processor": "c"}}


WITH_EXAMPLES = [
    ".".join(file.relative_to(ROOT).with_suffix("").parts)
    for file in sorted((ROOT / "benchmarks").rglob("*.py"))
    if ">>> " in file.read_text()
]


@pytest.mark.parametrize("module", WITH_EXAMPLES)
def test_examples_in_docstrings(module):
    found = doctest.testmod(importlib.import_module(module), optionflags=doctest.ELLIPSIS)
    assert found.attempted > 0 and found.failed == 0


def run(wall, cpu=0.0, units=10, bounds=()):
    bounds = list(bounds)
    return {"units": units, "wall": wall, "cpu": cpu, "bounds": bounds, "peak_mib": 1.0}


def test_a_ratio_is_of_medians_and_its_spread_of_rounds():
    ours = [run(1.0, 2.0), run(2.0, 2.0), run(4.0, 2.0)]
    theirs = [run(3.0, 1.0), run(2.0, 1.0), run(6.0, 1.0)]
    found = summary.summarise(theirs, ours)
    assert found["wall_ms"] == {"median": 300.0, "min": 200.0, "max": 600.0}
    assert found["times_ours"] == {"median": 1.5, "min": 1.0, "max": 3.0}
    assert found["cpu_times_ours"]["median"] == 0.5


def test_other_losses_disagree_and_equal_ones_agree():
    generator = np.random.default_rng(0)
    ours, same, other = (
        [run(1.0, units=300, bounds=generator.normal(mean, 1, 300))]
        for mean in (-100, -100, -99)
    )
    assert summary.agreement(same, ours)["agree"]
    assert not summary.agreement(other, ours)["agree"]
    assert math.isclose(summary.agreement(other, ours)["difference"], 1, abs_tol=0.4)


def test_products_of_the_small_network_by_hand():
    job = Job("3H~2H~5V", [2, 3], 5, 7, "", "", batch_size=4)
    shapes = [(p.rows, p.inner, p.columns) for p in products(job, backward=False)]
    q1, q2 = [(4, 5, 2), (4, 2, 2), (4, 2, 2)], [(28, 2, 3), (28, 3, 3), (28, 3, 3)]
    p1, likelihood = [(28, 3, 3), (28, 3, 3), (28, 3, 2)], [(28, 2, 2)] * 2 + [(28, 2, 5)]
    assert shapes == q1 + q2 + p1 + likelihood
    # All but the first has two products more, for its two gradients.
    assert len(products(job)) == 3 * len(shapes) - 1


def test_noise_is_the_share_of_a_step_that_constants_save():
    full, constant = (Entry(TRAINING[0], 0.0, {}) for _ in range(2))
    full.timed, constant.timed = [run(10.0), run(20.0)], [run(9.0), run(10.0)]
    found = noise.share([full, constant], "wall")
    assert found["of_medians"] == pytest.approx(1 - 9.5 / 15)
    assert (found["min"], found["max"]) == pytest.approx((0.1, 0.5))


def test_pieces_of_an_evaluation_do_their_work_and_are_told_in_times_of_the_products():
    found = pieces.pieces_of("3H~2H~5V", rows=4)
    costs = {}
    for kind, piece in found.items():
        values = [float(piece(tf.constant(shift))) for shift in (0.0, 1.0)]
        # What did not depend on the chunk, XLA would do once for all chunks.
        assert values[0] != values[1], kind
        costs[kind] = {"median": 2.0}
    assert min(pieces.time_piece(found["tanh"], 4, chunks=2, repeats=2)) > 0
    costs["evaluate_bound"] = {"median": 3.0}
    content = CIRCUMSTANCES | {"settings": {}, "threads": 1}
    content["results"] = [{"network": "3H~2H~5V", "us_per_pair": costs}]
    table = pages.pieces_table(content)
    assert "| evaluate_bound | 1.50 |" in table and "| tanh | 1.00 |" in table


def test_memory_is_watched_while_it_is_taken():
    with resident.watched(seconds=0.01) as curve:
        held = np.ones(10_000_000)
        until = time.monotonic() + 60
        while len(curve) < 6 and time.monotonic() < until:
            time.sleep(0.01)
    assert 60e6 < max(memory for _, memory in curve) - curve[0][1] < 200e6
    assert held.nbytes == 80_000_000
    seconds = [s for s, _ in curve]
    assert seconds == sorted(seconds) and len(seconds) > 5


def test_refitting_moves_q_alone_and_gains_what_the_table_says():
    images = np.random.default_rng(0).integers(0, 2, (256, 6)).astype("float32")
    images[:, 3] = images[:, 0]
    model = kc.SigmoidBeliefNetwork("4H-3H-6V", num_samples=2, seed=0)
    weights = {v.path: v.numpy() for v in model.variables}
    new = refit.refit(model, images, 640, 32, learning_rate=1e-2, verbose=0)
    assert all(np.array_equal(weights[v.path], v.numpy()) for v in model.variables)
    of_p = [v for v in new.variables if v.path.startswith(("prior_", "likelihood_"))]
    assert len(of_p) == 5
    assert all(np.array_equal(weights[v.path], v.numpy()) for v in of_p)
    result = refit.compare(model, new, images, 5)
    gain = result["gain"]
    assert gain["mean"] == pytest.approx(
        result["after"]["mean"] - result["before"]["mean"], abs=1e-5
    )
    assert gain["mean"] > 4 * gain["standard_error"] > 0
    settings = {"settings": {"num_samples": 7}, "threads": 1}
    content = CIRCUMSTANCES | settings | {"results": [result]}
    result |= {"network": "4H-3H-6V", "estimator": "vimco"}
    table = pages.refit_table([content]).splitlines()
    assert len({line.count("|") for line in table[:3]}) == 1
    assert table[2].startswith("| 4H-3H-6V | vimco | 7 | 5 | 256 | -")
    assert f"| {gain['mean']:.2f} ± {gain['standard_error']:.2f} |" in table[2]


def _holds(expected, measured):
    if isinstance(expected, float):  # A mean of counts, by 5 standard deviations.
        return abs(measured - expected) <= 5 * expected**0.5
    if str(expected).startswith("below "):
        return float(measured) < float(expected.removeprefix("below "))
    return measured == expected


def test_the_page_of_claims_is_that_of_its_files_and_none_failed(tmp_path):
    page = (claims.FOLDER / "README.md").read_text()
    assert page == claims.page(claims.FOLDER)
    for file in claims.FOLDER.glob("*.json"):
        rows = json.loads(file.read_text())["rows"]
        pairs = [(row["expected"], row["measured"]) for row in rows.values()]
        assert all(_holds(*pair) for pair in pairs if pair[0] is not None), file
    claims.write(tmp_path / "a.json", "a claim", "a command", {"b": (0, 1000), "c": 2})
    page = (tmp_path / "README.md").read_text()
    assert "| a claim | b | 0 | 1,000 |\n|  | c |  | 2 |" in page
    assert "`a command`, on " in page and page.endswith("- a claim\n")


@pytest.mark.soak
def test_memory_stays_flat(tmp_path):
    out = tmp_path / "memory.json"
    command = [sys.executable, "-m", "benchmarks.memory", "--out", out]
    subprocess.run(command, cwd=ROOT, check=True, timeout=1200)
    rows = json.loads(out.read_text())["rows"].values()
    assert len(rows) == 2 and all(row["measured"] < 50 for row in rows)
    assert out.with_suffix(".png").exists()


@pytest.mark.soak
@pytest.mark.parametrize(
    ("module", "options"),
    [
        ("training", ["--network", "20H~784V", "--m", "1", "--steps", "20"]),
        ("evaluation", ["--network", "20H~784V", "--samples", "1000"]),
        ("growth", ["--axes", "samples,evaluation", "--sizes", "2", "--data", "mnist5k"]),
    ],
)
def test_a_race_writes_its_numbers_and_its_chart(module, options, tmp_path):
    out = tmp_path / f"{module}.json"
    command = [sys.executable, "-m", f"benchmarks.{module}", "--out", out, *options]
    command += ["--repeats", "2", "--peers", "ours,numpy", "--threads", "1"]
    subprocess.run(command, cwd=ROOT, check=True, timeout=600)
    content = json.loads(out.read_text())
    assert content["results"] and content["seconds"] > 0
    assert content["versions"]["products (NumPy)"]["numpy"] == np.__version__
    table = getattr(pages, f"{module}_table")(content).splitlines()
    assert "nan" not in "".join(table)
    assert len({line.count("|") for line in table if line.startswith("|")}) == 1
    assert table[-1].startswith(f"`python -m benchmarks.{module} --out")
    if module != "evaluation":
        assert out.with_suffix(".png").exists()


@pytest.mark.soak
def test_a_whole_evaluation_is_the_bound_of_all_images_it_is_given(tmp_path):
    config = TrainingConfig("4H~784V", "mnist5k", epochs=1, steps_per_epoch=2)
    folder, data = RunFolder(tmp_path / "run"), kc.load_dataset("mnist5k")
    with folder.locked():
        start_fit(folder, config, data)
    result = whole.evaluate_whole(folder, num_samples=1_000, num_images=20)
    estimate = kc.evaluate_bound(folder.model(), data.test[:20], 1_000, verbose=False)
    assert result["bound"]["mean"] == estimate.mean
    assert result["num_images"] == 20 and result["cpu_us_per_pair"] > 0
    content = CIRCUMSTANCES | {"results": [result], "settings": {}, "threads": 1}
    lines = pages.whole_table(content).splitlines()
    assert f"| NLL, nats | {-estimate.mean:.3f} |" in lines
