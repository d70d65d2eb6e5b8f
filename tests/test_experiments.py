"""A run from command to report: its folder, its stops, its errors."""

import json
import re

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import keras_concrete as kc
from keras_concrete import callbacks, command_line, datasets, experiments
from keras_concrete.runs import RunFolder, TrainingConfig


def _config():
    return TrainingConfig(
        architecture="4H~3H-16V",
        data="tiny",
        epochs=4,
        batch_size=10,
        num_samples=2,
        evaluation_samples=20,
        learning_rate=0.01,
    )


def _tiny():
    generator = np.random.default_rng(0)
    parts = (
        generator.integers(0, 2, (size, 16)).astype("uint8") for size in (64, 20, 30)
    )
    return datasets.Dataset("tiny", *parts)


# One process for all, so that the whole run is made once.
pytestmark = pytest.mark.xdist_group("experiments")


@pytest.fixture(autouse=True)
def _tiny_data(monkeypatch):
    monkeypatch.setitem(datasets.DATASETS, "tiny", _tiny)


def invoke(*arguments):
    return CliRunner().invoke(command_line.app, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a whole run, made by the command."""
    path = tmp_path_factory.mktemp("runs") / "whole"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(datasets.DATASETS, "tiny", _tiny)
        options = ("--data", "tiny", "--epochs", 4, "--batch-size", 10)
        options += ("--num-samples", 2, "--evaluation-samples", 20)
        options += ("--learning-rate", 0.01, "--out", path)
        result = invoke("train", "4H~3H-16V", *options)
    assert result.exit_code == 0, result.output
    return path, result.output


def _pixels(picture):
    with Image.open(picture) as image:
        return np.asarray(image)


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
        "saved_model",
    }
    assert not [name for name in names if name.startswith("partial")]
    assert RunFolder(path).config() == _config()
    assert RunFolder(path).history()["epoch"] == [0, 1, 2, 3]
    for picture in path.glob("*.png"):
        assert min(_pixels(picture).shape[:2]) > 100


def test_the_closing_table_shows_the_report(run):
    path, output = run
    report = json.loads((path / "report.json").read_text())
    data = _tiny()
    model = RunFolder(path).model()
    assert int(model.optimizer.iterations) == 4 * 6
    expected = kc.evaluate_bound(model, data.test, 20, verbose=False)
    assert report["discrete_nll"]["mean"] == pytest.approx(-expected.mean, abs=1e-4)
    assert report["discrete_nll"]["num_samples"] == 20
    gap = report["relaxed_bound"]["mean"] - report["discrete_bound"]["mean"]
    assert report["integrality_gap"]["mean"] == pytest.approx(gap, abs=1e-4)
    rates = (data.train.sum(0) + 1) / (len(data.train) + 2)
    naive = -np.where(data.test == 1, np.log(rates), np.log(1 - rates)).sum(1)
    assert report["base_rate_nll"]["mean"] == pytest.approx(naive.mean())
    for key in ("relaxed_bound", "discrete_bound", "discrete_nll", "base_rate_nll"):
        assert f"{report[key]['mean']:.2f}" in output
        assert f"{report[key]['standard_error']:.2f}" in output
    assert f"{report['steps_per_second']:.1f} training steps per second" in output


class Stop(KeyboardInterrupt):
    """Ctrl-C."""


@pytest.mark.parametrize("moment", ["in the third epoch", "while it saves the third"])
def test_a_stopped_run_goes_on_to_the_same_end_bit_for_bit(
    run, tmp_path, monkeypatch, moment
):
    whole = RunFolder(run[0])
    folder = RunFolder(tmp_path / "stopped")
    with monkeypatch.context() as patch:
        if moment == "in the third epoch":
            begin = callbacks.Stopwatch.on_epoch_begin

            def stop_at_third(self, epoch, logs=None):
                begin(self, epoch, logs)
                if epoch == 2:
                    raise Stop

            patch.setattr(callbacks.Stopwatch, "on_epoch_begin", stop_at_third)
        else:
            save = callbacks.Checkpoint.on_epoch_end

            def stop_at_third(self, epoch, logs=None):
                if epoch == 2:
                    self._path.with_name("partial.keras").write_bytes(b"half a file")
                    raise Stop
                save(self, epoch, logs)

            patch.setattr(callbacks.Checkpoint, "on_epoch_end", stop_at_third)
        with pytest.raises(KeyboardInterrupt):
            experiments.train(folder, _config(), verbose=0)
    assert not folder.report_file.exists()
    experiments.train(folder, verbose=0)
    assert folder.history_file.read_text() == whole.history_file.read_text()
    assert _state(folder) == _state(whole)
    ours, theirs = (
        {k: v for k, v in json.loads(f.report_file.read_text()).items() if "bound" in k}
        for f in (folder, whole)
    )
    assert ours == theirs


def _state(folder):
    """Weights, generators and optimizer, as bytes."""
    model = folder.model()
    variables = [*model.variables, *model.optimizer.variables]
    return [np.asarray(v.value).tobytes() for v in variables]


def test_ctrl_c_says_how_to_go_on(run, tmp_path, monkeypatch):
    def stop(self, epoch, logs=None):
        raise Stop

    monkeypatch.setattr(callbacks.Stopwatch, "on_epoch_begin", stop)
    result = invoke("train", "3H-16V", "--data", "tiny", "--out", tmp_path / "run")
    assert result.exit_code == 130
    assert f"train --resume {tmp_path / 'run'}" in result.output.replace("\n", "")


def test_resuming_a_finished_run_reports_again_and_trains_no_more(run):
    path, _ = run
    before = (path / "history.csv").read_text()
    result = invoke("train", "--resume", path)
    assert result.exit_code == 0, result.output
    assert (path / "history.csv").read_text() == before
    assert json.loads((path / "report.json").read_text())["discrete_nll"]


def test_evaluate_prints_and_keeps_its_numbers(run):
    path, _ = run
    result = invoke("evaluate", path, "--num-samples", 30, "--limit", 5)
    assert result.exit_code == 0, result.output
    record = json.loads((path / "evaluations.jsonl").read_text().splitlines()[-1])
    data = _tiny()
    estimate = kc.evaluate_bound(
        RunFolder(path).model(), data.test[:5], 30, verbose=False
    )
    assert record["nll"] == pytest.approx(-estimate.mean, abs=1e-4)
    assert record["num_images"] == 5 and record["num_samples"] == 30
    assert f"{record['nll']:.3f}" in result.output
    assert re.search(r"samples K\W+30\b", result.output)


def test_sample_draws_the_picture_of_its_seed(run):
    path, _ = run
    pictures = []
    for seed, name in ((1, "a.png"), (1, "b.png"), (2, "c.png")):
        result = invoke("sample", path, "--num", 9, "--seed", seed, "--to", path / name)
        assert result.exit_code == 0, result.output
        pictures.append(_pixels(path / name))
    assert np.array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[0], pictures[2])


def test_export_writes_a_saved_model(run, tmp_path):
    result = invoke("export", run[0], "--to", tmp_path / "served")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "served" / "saved_model.pb").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train", "4H~9V", "--data", "tiny"), "must end in 16V"),
        (("train", "4H~16", "--data", "tiny"), "at position 5"),
        (("train", "4H~16V", "--data", "tiny", "--batch-size", 65), "at most 64"),
        (("train", "4H~16V", "--data", "nothing"), "must be one of mnist5k"),
        (("train", "--epochs", 0), "`epochs` must be a positive integer"),
        (("train", "--learning-rate", -1), "`learning_rate` must be a positive number"),
        (("train", "--resume", "nowhere"), "not the folder of a run"),
        (("train", "--resume", "nowhere", "--epochs", 3), "Leave out: epochs"),
        (("evaluate", "nowhere"), "not the folder of a run"),
        (("evaluate", "nowhere", "--split", "all"), "train, validation or test"),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(
    arguments, message, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    result = invoke(*arguments)
    assert result.exit_code != 0
    assert message in str(result.exception)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_is_not_written_over(run):
    result = invoke("train", "4H~16V", "--data", "tiny", "--out", run[0])
    assert isinstance(result.exception, FileExistsError)
    assert "--resume" in str(result.exception)


def test_errors_are_one_paragraph_and_exit_with_one(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["keras-concrete", "evaluate", "nowhere"])
    with pytest.raises(SystemExit) as stopped:
        command_line.main()
    assert stopped.value.code == 1
    error = capsys.readouterr().err
    assert error.startswith("Error: nowhere is not the folder of a run")
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize("command", ["train", "evaluate", "sample", "export"])
def test_help_explains_every_option(command):
    result = invoke(command, "--help")
    assert result.exit_code == 0
    options = re.findall(r"--[a-z-]+ +<?\w*>? +(\S)", result.output)
    assert options and all(options)
