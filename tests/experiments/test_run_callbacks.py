"""Checkpoints: runs that stop go on, and the best weights are kept."""

import dataclasses
import json

import numpy as np
import pytest
from tiny_runs import Stop, tiny_config, tiny_data

from keras_concrete.experiments import fitting, run_callbacks, training
from keras_concrete.experiments.run_folder import RunFolder
from keras_concrete.files import PARTIAL

pytestmark = pytest.mark.usefixtures("_tiny")


@pytest.mark.parametrize("moment", ["in the third epoch", "while it saves the third"])
def test_a_stopped_run_goes_on_to_the_same_end_bit_for_bit(
    run, tmp_path, monkeypatch, moment
):
    whole = RunFolder(run[0])
    folder = RunFolder(tmp_path / "stopped")
    begin = run_callbacks.Stopwatch.on_epoch_begin
    save = run_callbacks.Checkpoint.on_epoch_end

    def begin_or_stop(self, epoch, logs=None):
        begin(self, epoch, logs)
        if epoch == 2:
            raise Stop

    def save_or_stop(self, epoch, logs=None):
        if epoch == 2:
            self._path.with_name(f"{PARTIAL}model.keras").write_bytes(b"half a file")
            raise Stop
        save(self, epoch, logs)

    with monkeypatch.context() as patch:
        if moment == "in the third epoch":
            patch.setattr(run_callbacks.Stopwatch, "on_epoch_begin", begin_or_stop)
        else:
            patch.setattr(run_callbacks.Checkpoint, "on_epoch_end", save_or_stop)
        with pytest.raises(KeyboardInterrupt):
            training.start(folder, tiny_config())
    assert not folder.report_file.exists()
    if moment == "in the third epoch":
        training.resume(folder)
        assert _bounds(folder) == _bounds(whole)
    else:
        fitting.resume_fit(folder, tiny_data())
    assert folder.history_file.read_bytes() == whole.history_file.read_bytes()
    assert _state(folder) == _state(whole)


def _bounds(folder):
    """What the report says of bounds."""
    report = json.loads(folder.report_file.read_text())
    return {key: value for key, value in report.items() if "bound" in key}


def _state(folder):
    """Weights, generators and optimizer, as bytes."""
    model = folder.model()
    variables = [*model.variables, *model.optimizer.variables]
    return [np.asarray(v.value).tobytes() for v in variables]


def _worse_from_the_second_epoch(monkeypatch):
    """Validation bounds -5, -4, -6, -7: the best epoch is the second."""
    keep = run_callbacks.BestCheckpoint.on_epoch_end
    bounds = [-5.0, -4.0, -6.0, -7.0]

    def on_epoch_end(self, epoch, logs=None):
        keep(self, epoch, {**logs, "val_bound": bounds[epoch]})

    monkeypatch.setattr(run_callbacks.BestCheckpoint, "on_epoch_end", on_epoch_end)


@pytest.mark.usefixtures("eagerly")
def test_a_run_that_restores_its_best_weights_ends_with_them(tmp_path, monkeypatch):
    _worse_from_the_second_epoch(monkeypatch)
    folder = RunFolder(tmp_path / "run")
    config = dataclasses.replace(tiny_config(), estimator="vimco", evaluation_samples=5)
    assert config.keeps_best  # score-function estimators stop early, as the paper's did
    fitting.start_fit(folder, config, tiny_data())
    assert int(folder.model().optimizer.iterations) == 2 * 6
    assert int(folder.last_model().optimizer.iterations) == 4 * 6


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("seen", [1, 3])
def test_a_stop_between_the_checkpoint_and_its_copy_loses_no_best_weights(tmp_path, seen):
    folder = RunFolder(tmp_path / "run")
    config = dataclasses.replace(tiny_config(), estimator="vimco")

    def stop(self, epoch, logs=None):
        if epoch == seen - 1:
            raise Stop
        keep(self, epoch, {**logs, "val_bound": float(epoch)})

    keep = run_callbacks.BestCheckpoint.on_epoch_end
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_callbacks.BestCheckpoint, "on_epoch_end", stop)
        with pytest.raises(KeyboardInterrupt):
            fitting.start_fit(folder, config, tiny_data())
    header, *rows = folder.history_file.read_text().splitlines()
    place = header.split(",").index("val_bound")
    rows = [row.split(",") for row in rows]
    for i, row in enumerate(rows):
        row[place] = str(float(i))
    content = "".join(",".join(row) + "\r\n" for row in rows)
    folder.history_file.write_text(f"{header}\r\n{content}", newline="")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_callbacks.BestCheckpoint, "on_epoch_end", lambda *_: None)
        model = fitting.resume_fit(folder, tiny_data())
    assert int(model.optimizer.iterations) == seen * 6


def test_the_best_is_kept_until_a_better_one(tmp_path):
    checkpoint, best = tmp_path / "model.keras", tmp_path / "best.keras"
    best.write_text("second epoch")
    checkpoint.write_text("later epoch")
    keeper = run_callbacks.BestCheckpoint(checkpoint, best, -3.0)
    keeper.on_epoch_end(3, {"val_bound": -3.5})
    assert best.read_text() == "second epoch"
    keeper.on_epoch_end(4, {"val_bound": -2.5})
    assert best.read_text() == "later epoch"


def test_a_bound_of_nan_has_a_best_epoch_too(tmp_path):
    checkpoint, best = tmp_path / "model.keras", tmp_path / "best.keras"
    keeper = run_callbacks.BestCheckpoint(checkpoint, best)
    for content, bound in (("first", np.nan), ("second", np.nan), ("third", -9.0)):
        checkpoint.write_text(content)
        keeper.on_epoch_end(0, {"val_bound": bound})
        assert best.read_text() == ("third" if content == "third" else "first")
