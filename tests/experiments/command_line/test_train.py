"""The command `train`: the folder that it leaves, its recipes, its refusals."""

import numpy as np
import pytest
from tiny_runs import Stop, invoke, pixels, tiny_config, tiny_data

import keras_concrete as kc
from keras_concrete.experiments import run_callbacks, training
from keras_concrete.experiments.report import Report
from keras_concrete.experiments.run_folder import RunFolder
from keras_concrete.files import PARTIAL

pytestmark = pytest.mark.usefixtures("_tiny")


def test_a_run_leaves_its_folder_complete(run):
    path, _ = run
    names = {entry.name for entry in path.iterdir()}
    assert names >= {
        "config.json",
        "model.keras",
        "history.csv",
        "report.json",
        "reconstructions.png",
        "samples.png",
        "learning_curve.png",
        "latent_usage.png",
        "saved_model",
    }
    assert not [name for name in names if name.startswith(PARTIAL)]
    assert RunFolder(path).config() == tiny_config()
    assert RunFolder(path).history()["epoch"] == [0, 1, 2, 3]
    for picture in path.glob("*.png"):
        assert min(pixels(picture).shape[:2]) > 100


def test_the_closing_table_shows_the_report(run):
    path, output = run
    report = Report.read(path / "report.json")
    data = tiny_data()
    model = RunFolder(path).model()
    assert int(model.optimizer.iterations) == 4 * 6
    expected = kc.evaluate_bound(model, data.test, 20, verbose=False)
    assert report.discrete_nll.mean == pytest.approx(-expected.mean, abs=1e-4)
    assert report.discrete_nll.num_samples == 20
    gap = report.relaxed_bound.mean - report.discrete_bound.mean
    assert report.integrality_gap.mean == pytest.approx(gap, abs=1e-4)
    rates = (data.train.sum(0) + 1) / (len(data.train) + 2)
    naive = -np.where(data.test == 1, np.log(rates), np.log(1 - rates)).sum(1)
    assert report.base_rate_nll.mean == pytest.approx(naive.mean())
    for key in ("relaxed_bound", "discrete_bound", "discrete_nll", "base_rate_nll"):
        assert f"{getattr(report, key).mean:.2f}" in output
        assert f"{getattr(report, key).standard_error:.2f}" in output
    assert f"{report.steps_per_second:.1f} training steps per second" in output


def test_ctrl_c_says_how_to_go_on(run, tmp_path, monkeypatch):
    def stop(self, epoch, logs=None):
        raise Stop

    monkeypatch.setattr(run_callbacks.Stopwatch, "on_epoch_begin", stop)
    result = invoke("train", "3H-16V", "--data", "tiny", "--out", tmp_path / "run")
    assert result.exit_code == 130
    assert f"train --resume {tmp_path / 'run'}" in result.output.replace("\n", "")


def test_resuming_a_finished_run_reports_again_and_trains_no_more(run):
    path, _ = run
    before = (path / "history.csv").read_text()
    result = invoke("train", "--resume", path)
    assert result.exit_code == 0, result.output
    assert (path / "history.csv").read_text() == before
    assert Report.read(path / "report.json").discrete_nll.num_samples == 20


@pytest.mark.parametrize(
    ("arguments", "rate", "schedule", "decay"),
    [
        ((), 2e-3, "cosine", 0.0),
        (("--recipe", "paper"), 1e-4, "constant", 0.0),
        (("200H-784V", "--recipe", "paper"), 3e-4, "constant", 0.0),
        (("392V-24H-392V", "--recipe", "paper"), 3e-4, "constant", 1e-3),
        (
            ("392V-24H-392V", "--recipe", "paper", "--weight-decay", 0),
            3e-4,
            "constant",
            0,
        ),
        (("--recipe", "cosine", "--learning-rate", 0.01), 0.01, "cosine", 0.0),
    ],
)
def test_a_recipe_decides_what_is_not_given(
    arguments, rate, schedule, decay, monkeypatch
):
    configs = []

    def note(folder, config, *_):
        configs.append(config)
        raise OSError  # instead of training

    monkeypatch.setattr(training, "start", note)
    invoke("train", *arguments)
    (config,) = configs
    assert config.learning_rate == rate
    assert config.learning_rate_schedule == schedule
    assert config.weight_decay == decay


def test_a_log_has_a_line_an_epoch_and_no_control_characters(run):
    _, output = run
    lines = output.splitlines()
    assert lines[0] == f"Run folder: {run[0]}"
    history = RunFolder(run[0]).history()
    for epoch, (line, bound, val_bound) in enumerate(
        zip(lines[1:5], history["bound"], history["val_bound"], strict=True), 1
    ):
        assert line.startswith(
            f"epoch {epoch} of 4: bound {bound:.2f}, "
            f"on validation images {val_bound:.2f}, "
        )
    assert len(lines) < 20
    assert all(c.isprintable() for c in output.replace("\n", ""))


def test_a_folder_that_holds_something_is_not_written_over(run):
    result = invoke("train", "4H~16V", "--data", "tiny", "--out", run[0])
    assert isinstance(result.exception, FileExistsError)
    assert "--resume" in str(result.exception)
    assert result.output == ""
