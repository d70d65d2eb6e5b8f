"""The study of the course of a training: what its tables and pictures say."""

import numpy as np

from benchmarks.course.pictures import draw_bounds, draw_gradients
from benchmarks.course.runs import SETTINGS, CourseRun, Snapshots
from benchmarks.course.tables import bounds_table, gradients_table
from benchmarks.run_lines import read_runs

FIRST, SECOND = list(SETTINGS)[:2]


def run(setting, seed, nll):
    relaxed, discrete = [-120.0, -110.0, -100.0], [-121.0, -112.0, -104.0]
    return CourseRun(setting, seed, 3, relaxed, discrete, nll)


def row(estimator, bias, bias_low):
    lengths = {"reference_norm": 2.0, "bias": bias, "bias_low": bias_low}
    return {"estimator": estimator, **lengths, "bias_high": 3.0, "variance": 16.0}


def test_differences_are_paired_by_image_and_by_seed():
    runs = [
        run(FIRST, 0, [90.0, 110.0]),
        run(SECOND, 0, [91.0, 112.0]),
        run(SECOND, 1, [1.0, 2.0]),  # No such seed of the first setting.
    ]
    lines = bounds_table(runs).splitlines()
    assert lines[2] == f"| {FIRST} | 1 | 100.00 |  | +1.0 | +1.0 | +4.0 |"
    assert lines[3] == f"| {SECOND} | 1 | 101.50 | +1.50 ± 0.50 | +1.0 | +1.0 | +4.0 |"
    assert len(lines) == 4


def test_a_bias_that_was_not_found_is_told_by_its_upper_end():
    reports = {0: [row("a", 1.0, 0.5)], 13: [row("a", 0.0, -0.2)]}
    *_, line = gradients_table(reports).splitlines()
    assert line == "| `a` | 0.50 | < 1.50 | 2.00 | 2.00 |"


def test_pictures_are_drawn(tmp_path):
    draw_bounds(tmp_path / "bounds.png", [run(FIRST, 0, [90.0, 110.0])])
    reports = {0: [row("a", 1.0, 0.5)], 13: [row("a", 0.0, -0.2)]}
    draw_gradients(tmp_path / "gradients.png", reports)
    for file in tmp_path.iterdir():
        assert file.stat().st_size > 10_000


def test_weights_are_kept_of_the_epochs_that_are_asked_for():
    class Model:
        epoch = 0

        def get_weights(self):
            return [np.full(1, self.epoch)]

    snapshots, model = Snapshots((0, 2)), Model()
    snapshots.set_model(model)
    snapshots.on_train_begin()
    for epoch in range(3):
        model.epoch = epoch + 1
        snapshots.on_epoch_end(epoch)
    assert {k: v[0].item() for k, v in snapshots.weights.items()} == {0: 0, 2: 2}


def test_a_line_that_a_stop_cut_is_left_out(tmp_path):
    path = tmp_path / "runs.jsonl"
    path.write_text('{"setting": "')
    assert read_runs(path, CourseRun) == []
