"""A disk that fills at any moment, or bookkeeping that is lost, costs no model."""

import dataclasses
import logging
import re
import shutil

import pytest
from tiny_runs import invoke, tiny_config, tiny_data

from keras_concrete import datasets
from keras_concrete.experiments import fitting, run_callbacks
from keras_concrete.experiments.command_line.train import speed_line
from keras_concrete.experiments.measurement import measure_run
from keras_concrete.experiments.run_folder import RunFolder

pytestmark = [pytest.mark.usefixtures("_tiny", "all_eagerly"), pytest.mark.reliability]


def _fitted(path, **changes):
    """A run of three epochs, with what `model.keras` was after the second one."""
    save = run_callbacks.Checkpoint.on_epoch_end

    def save_a_copy(self, epoch, logs=None):
        save(self, epoch, logs)
        if epoch == 1:
            shutil.copy(path / "model.keras", path.with_suffix(".keras"))

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(datasets.DATASETS, "tiny", tiny_data)
        patch.setattr(run_callbacks.Checkpoint, "on_epoch_end", save_a_copy)
        config = dataclasses.replace(
            tiny_config(), architecture="3H-16V", epochs=3, num_samples=2, **changes
        )
        fitting.start_fit(RunFolder(path), config, tiny_data())
    return path


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return _fitted(tmp_path_factory.mktemp("runs") / "whole")


@pytest.fixture(scope="module")
def with_best(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "with_best"
    return _fitted(path, estimator="vimco", learning_rate=1e-9)


def _copy(path, place, after_two=False):
    """The folder of the run, of its end or after two epochs."""
    shutil.copytree(path, place)
    if after_two:
        shutil.copy(path.with_suffix(".keras"), place / "model.keras")
    return RunFolder(place)


# Bytes of the last row that reached the disk; in the soak, any number of them.
LEFT = [9, *(pytest.param(n, marks=pytest.mark.soak) for n in range(1, 31) if n != 9)]


@pytest.mark.parametrize("left", LEFT)
def test_half_a_row_of_an_epoch_that_was_not_saved_is_cut(left, whole, tmp_path, sums):
    history = (whole / "history.csv").read_bytes()
    folder = _copy(whole, tmp_path / "run", after_two=True)
    folder.history_file.write_bytes(history[:-left])
    folder.timing_file.write_text("")  # A full disk makes files, and puts nothing in.
    model = fitting.resume_fit(folder, tiny_data())
    assert folder.history_file.read_bytes() == history
    assert int(model.optimizer.iterations) == 3 * 6
    assert folder.timing()["epoch"] == [2]
    row = "resumed to the same history, byte for byte, after half a row"
    sums[row] = sums.get(row, 0) + 1


def test_a_run_whose_times_were_lost_is_reported_without_them(whole, tmp_path):
    folder = _copy(whole, tmp_path / "run")
    for timing in ("", "epoch,seconds\n", "epoch,sec"):
        folder.timing_file.write_text(timing)
        assert not folder.timing().get("seconds")
    report = measure_run(folder, folder.model(), tiny_data())
    assert report.steps_per_second is None and report.training_seconds == 0
    assert (report.steps, report.steps_of_weights) == (18, 18)
    assert speed_line(report) == "How long training took was not kept."


def test_a_history_that_was_lost_costs_no_model_and_not_the_best(
    with_best, tmp_path, caplog
):
    folder = _copy(with_best, tmp_path / "run", after_two=True)
    best = folder.best_file.read_bytes()
    folder.history_file.write_bytes(b"\x00" * 50 + b"\n")
    keep = run_callbacks.BestCheckpoint.on_epoch_end
    with caplog.at_level(logging.WARNING), pytest.MonkeyPatch.context() as patch:
        # The last epoch is worse than any network of before.
        patch.setattr(
            run_callbacks.BestCheckpoint,
            "on_epoch_end",
            lambda self, epoch, logs: keep(self, epoch, {"val_bound": -1e6}),
        )
        fitting.resume_fit(folder, tiny_data())
    assert re.search(r"history.csv was damaged.*model is whole", caplog.text)
    assert (folder.path / "damaged-history.csv").read_bytes() == b"\x00" * 50 + b"\n"
    assert folder.best_file.read_bytes() == best
    assert int(folder.last_model().optimizer.iterations) == 3 * 6
    assert folder.history()["epoch"] == [2]


def test_no_message_advises_to_remove_what_is_whole(with_best, tmp_path):
    folder = _copy(with_best, tmp_path / "my run")
    for name, other, command in (
        ("best", "model", "evaluate"),
        ("model", "best", "train --resume"),
    ):
        file = folder.path / f"{name}.keras"
        content = file.read_bytes()
        for damaged, what in ((content[:99], "damaged"), (None, "missing")):
            file.unlink()
            if damaged:
                file.write_bytes(damaged)
            message = str(invoke(*command.split(), folder.path).exception)
            assert f"{name}.keras is {what}" in message and "remove" not in message
            assert f"cp '{folder.path / other}.keras' '{file}'" in message
        file.write_bytes(content)
