"""The study of estimators and temperatures: its jobs, and what its tables say."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

import keras_concrete as kc
from benchmarks.advice.jobs import JOBS
from benchmarks.advice.runs import (
    ESTIMATORS,
    FALLING,
    TEMPERATURES,
    Run,
    advice_tables,
    temperatures_of,
)
from benchmarks.run_lines import read_runs

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["many-states", "grid", "hash", "gate"])
def test_a_job_trains_through_its_states_and_is_scored(name):
    job = JOBS[name]
    model = job.build("reinmax", 0.5, 0)
    model.run_eagerly = True  # Two batches are not worth a compilation.
    x, y, validation_x, validation_y = (part[:64] for part in job.data())
    before = [weight.numpy() for weight in model.trainable_weights]
    model.fit(x, y, batch_size=64, verbose=0)
    moved = [
        np.any(weight.numpy() != old)
        for weight, old in zip(model.trainable_weights, before, strict=True)
    ]
    assert all(moved)
    assert np.isfinite(job.evaluate(model, validation_x, validation_y))


def test_a_table_has_means_over_seeds_and_the_best_in_bold():
    run = Run("bits", ESTIMATORS[0], TEMPERATURES[0], 0, 12, 100.0, 1.0)
    other = dataclasses.replace(run, seed=1, score=104.0)
    cold = dataclasses.replace(run, temperature=TEMPERATURES[1], score=101.5)
    table = advice_tables([run, other, cold])
    assert f"| {ESTIMATORS[0]} | 102.0 ± 2.0 | **101.5** |  |  |" in table
    assert JOBS["bits"].about in table


def test_only_jobs_without_a_kl_have_a_temperature_that_falls():
    assert FALLING in temperatures_of("gumbel_softmax", "gate")
    assert FALLING not in temperatures_of("gumbel_softmax", "bits")
    assert FALLING not in temperatures_of("reinmax", "gate")  # It has no temperature.
    run = Run("gate", "gumbel_softmax", FALLING, 0, 12, 2.0, 1.0)
    assert "| gumbel_softmax |  |  |  |  | **2.000** |" in advice_tables([run])


def test_the_temperature_that_is_suggested_is_next_to_the_best_or_the_best():
    runs = read_runs(ROOT / "results" / "advice" / "runs.jsonl", Run)
    for name in ("bits", "few-states", "many-states", "grid"):
        scores = {
            temperature: np.mean(
                [
                    run.score
                    for run in runs
                    if (run.job, run.estimator) == (name, "concrete_analytic_kl")
                    and run.temperature == temperature
                ]
            )
            for temperature in TEMPERATURES
        }
        suggested = kc.suggest_temperature(JOBS[name].num_states).analytic
        assert suggested in sorted(scores, key=scores.get)[:2]


def test_lines_that_a_stop_cut_are_left_out(tmp_path):
    path = tmp_path / "runs.jsonl"
    assert read_runs(path, Run) == []
    line = '{"job": "bits", "estimator": "reinmax", "temperature": 0.5, "seed": 0, '
    line += '"epochs": 12, "score": 1.0, "seconds": 2.0}\n'
    path.write_text(line + line[:50])
    assert [run.score for run in read_runs(path, Run)] == [1.0]
