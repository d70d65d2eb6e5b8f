"""A run from command to report: its folder, its stops, its errors."""

import dataclasses
import json
import re

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import keras_concrete as kc
from keras_concrete import datasets
from keras_concrete.experiments import checkpoints, command_line, training
from keras_concrete.experiments.run_folder import RunFolder
from keras_concrete.experiments.training_config import TrainingConfig


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
        "latent_usage.png",
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
            begin = checkpoints.Stopwatch.on_epoch_begin

            def stop_at_third(self, epoch, logs=None):
                begin(self, epoch, logs)
                if epoch == 2:
                    raise Stop

            patch.setattr(checkpoints.Stopwatch, "on_epoch_begin", stop_at_third)
        else:
            save = checkpoints.Checkpoint.on_epoch_end

            def stop_at_third(self, epoch, logs=None):
                if epoch == 2:
                    self._path.with_name("partial.keras").write_bytes(b"half a file")
                    raise Stop
                save(self, epoch, logs)

            patch.setattr(checkpoints.Checkpoint, "on_epoch_end", stop_at_third)
        with pytest.raises(KeyboardInterrupt):
            training.train(folder, _config(), verbose=0)
    assert not folder.report_file.exists()
    training.train(folder, verbose=0)
    assert folder.history_file.read_bytes() == whole.history_file.read_bytes()
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

    monkeypatch.setattr(checkpoints.Stopwatch, "on_epoch_begin", stop)
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
    warm = ["--warmup-batch-size", 1, "--warmup-batch-size", 8]
    result = invoke("export", run[0], "--to", tmp_path / "served", *warm)
    assert result.exit_code == 0, result.output
    assert (tmp_path / "served/assets.extra/tf_serving_warmup_requests").exists()
    assert (tmp_path / "served" / "saved_model.pb").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train", "4H~9V", "--data", "tiny"), "must end in 16V"),
        (("train", "4H~16", "--data", "tiny"), "at position 5"),
        (("train", "4H~16V", "--data", "tiny", "--batch-size", 65), "at most 64"),
        (("train", "4H~16V", "--data", "nothing"), "must be one of 'mnist5k'"),
        (("train", "--epochs", 0), "`epochs` must be a positive integer"),
        (("train", "--learning-rate", -1), "`learning_rate` must be a positive number"),
        (("train", "--learning-rate-schedule", "warm"), "one of 'cosine', 'constant'"),
        (("train", "--recipe", "paper "), "`recipe` must be one of 'cosine', 'paper'"),
        (("train", "--weight-decay", -1), "`weight_decay` must be a positive number"),
        (("train", "--estimator", "magic"), "`estimator` must be one of 'concrete'"),
        (("train", "--arity", 4, "--estimator", "gaussian"), "is for binary units"),
        (("train", "9V-4H~9V", "--data", "tiny"), "must end in 7V"),
        (("train", "--resume", "nowhere"), "not the folder of a run"),
        (("train", "--resume", "nowhere", "--epochs", 3), "Leave out: epochs"),
        (("evaluate", "nowhere"), "not the folder of a run"),
        (("export", "nowhere", "--to", "a", "--format", "h5"), "'saved_model', 'onnx'"),
        (
            ("export", "nowhere", "--to", "a", "--format", "onnx", "--jit-compile"),
            "are for --format saved_model",
        ),
        (("evaluate", "nowhere", "--split", "all"), "'train', 'validation', 'test'"),
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

    def note(folder, config):
        configs.append(config)
        raise OSError  # instead of training

    monkeypatch.setattr("keras_concrete.experiments.command_line.train.train_run", note)
    invoke("train", *arguments)
    (config,) = configs
    assert config.learning_rate == rate
    assert config.learning_rate_schedule == schedule
    assert config.weight_decay == decay


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


def _train(path, **changes):
    config = dataclasses.replace(_config(), epochs=2, evaluation_samples=5, **changes)
    report = training.train(RunFolder(path), config, verbose=0)
    return RunFolder(path), report


def test_a_conditional_network_trains_on_the_halves_of_images(tmp_path):
    folder, report = _train(tmp_path / "run", architecture="6V-4H-10V")
    model, data = folder.model(), _tiny()
    expected = kc.evaluate_bound(
        model, (data.test[:, :6], data.test[:, 6:]), 5, verbose=False
    )
    assert report["discrete_nll"]["mean"] == pytest.approx(-expected.mean, abs=1e-4)
    rates = (data.train[:, 6:].sum(0) + 1) / (len(data.train) + 2)
    assert model.visible_mean == pytest.approx(rates)
    assert (folder.path / "reconstructions.png").exists()
    assert (folder.path / "latent_usage.png").exists()
    result = invoke("evaluate", folder.path, "--num-samples", 5)
    assert result.exit_code == 0, result.output
    result = invoke("sample", folder.path)
    assert "no prior of its own" in str(result.exception)


def test_the_settings_reach_the_model_and_its_optimizer(tmp_path):
    folder, _ = _train(
        tmp_path / "run",
        arity=4,
        architecture="4H-2H-16V",
        posterior_temperature=0.9,
        centering=False,
        steps_per_epoch=3,
        learning_rate_schedule="constant",
        weight_decay=0.02,
    )
    model = folder.model()
    assert int(model.optimizer.iterations) == 2 * 3
    assert float(model.optimizer.learning_rate) == pytest.approx(0.01)
    config = model.get_config()
    assert (config["arity"], config["centering"]) == (4, False)
    assert config["posterior_temperature"] == 0.9
    kernels = [w for w in model.weights if w.path.endswith("kernel")]
    penalty = 0.01 * sum(float(np.sum(np.square(w))) for w in kernels)
    assert float(sum(model.losses)) == pytest.approx(penalty, rel=1e-5)


def _worse_from_the_second_epoch(monkeypatch):
    """Validation bounds -5, -4, -6, -7: the best epoch is the second."""
    keep = checkpoints.BestCheckpoint.on_epoch_end
    bounds = [-5.0, -4.0, -6.0, -7.0]

    def on_epoch_end(self, epoch, logs=None):
        keep(self, epoch, {**logs, "val_bound": bounds[epoch]})

    monkeypatch.setattr(checkpoints.BestCheckpoint, "on_epoch_end", on_epoch_end)


def test_a_run_that_restores_its_best_weights_ends_with_them(tmp_path, monkeypatch):
    _worse_from_the_second_epoch(monkeypatch)
    folder = RunFolder(tmp_path / "run")
    config = dataclasses.replace(_config(), estimator="vimco", evaluation_samples=5)
    assert config.keeps_best  # score-function estimators stop early, as the paper's did
    training.train(folder, config, verbose=0)
    assert int(folder.model().optimizer.iterations) == 2 * 6
    assert int(folder.last_model().optimizer.iterations) == 4 * 6


def test_a_stop_between_the_checkpoint_and_its_copy_loses_no_best_weights(tmp_path):
    checkpoint, best = tmp_path / "model.keras", tmp_path / "best.keras"
    checkpoint.write_text("third epoch")
    checkpoints.BestCheckpoint(checkpoint, best, [-5.0, -6.0, -4.0])
    assert best.read_text() == "third epoch"
    best.write_text("second epoch")
    keeper = checkpoints.BestCheckpoint(checkpoint, best, [-5.0, -3.0, -4.0])
    assert best.read_text() == "second epoch"
    keeper.on_epoch_end(3, {"val_bound": -3.5})
    assert best.read_text() == "second epoch"
    keeper.on_epoch_end(4, {"val_bound": -2.5})
    assert best.read_text() == "third epoch"
