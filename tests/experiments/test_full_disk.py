"""A disk that fills at any moment, or bookkeeping that is lost, costs no model."""

import dataclasses
import logging
import re

import pytest
from tiny_runs import Stop, invoke, tiny_config, tiny_data

from keras_concrete.experiments import fitting, run_callbacks
from keras_concrete.experiments.report import Report
from keras_concrete.experiments.run_folder import RunFolder

pytestmark = pytest.mark.usefixtures("_tiny")


def stopped(path, num_epochs, **changes):
    """The folder of a run that was stopped after some epochs."""
    config = dataclasses.replace(tiny_config(), **changes)
    begin = run_callbacks.Stopwatch.on_epoch_begin

    def stop(self, epoch, logs=None):
        begin(self, epoch, logs)
        if epoch == num_epochs:
            raise Stop

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_callbacks.Stopwatch, "on_epoch_begin", stop)
        with pytest.raises(KeyboardInterrupt):
            fitting.start_fit(RunFolder(path), config, tiny_data(), verbose=0)
    return RunFolder(path)


def test_half_a_row_of_an_epoch_that_was_not_saved_is_cut(run, tmp_path):
    whole = RunFolder(run[0]).history_file.read_bytes()
    folder = stopped(tmp_path / "run", 2)
    header_and_two_rows = folder.history_file.read_bytes()
    assert whole.startswith(header_and_two_rows)
    folder.history_file.write_bytes(whole[: len(header_and_two_rows) + 9])
    folder.timing_file.write_text("")  # A full disk makes files, and puts nothing in.
    result = invoke("train", "--resume", folder.path)
    assert result.exit_code == 0, result.exception
    assert folder.history_file.read_bytes() == whole
    assert folder.timing()["epoch"] == [2, 3]
    assert Report.read(folder.report_file).steps_per_second > 0


@pytest.mark.parametrize("timing", ["", "epoch,sec", "epoch,seconds\n"])
def test_a_run_whose_times_were_lost_is_reported_without_them(run, tmp_path, timing):
    folder = stopped(tmp_path / "run", 4)
    folder.timing_file.write_text(timing)
    result = invoke("train", "--resume", folder.path)
    assert result.exit_code == 0, result.exception
    assert "How long training took was not kept" in result.output
    report, whole = (Report.read(f / "report.json") for f in (folder.path, run[0]))
    assert report.steps_per_second is None
    assert report.discrete_nll == whole.discrete_nll
    assert (report.steps, report.steps_of_weights) == (24, 24)


def test_a_history_that_was_lost_costs_no_model_and_not_the_best(tmp_path, caplog):
    folder = stopped(tmp_path / "run", 3, estimator="vimco", learning_rate=1e-9)
    iterations = int(folder.model().optimizer.iterations)
    best = folder.best_file.read_bytes()
    folder.history_file.write_bytes(b"\x00" * 50 + b"\n")
    with caplog.at_level(logging.WARNING), pytest.MonkeyPatch.context() as patch:
        # What the epochs to come are worth: less than any network of before.
        keep = run_callbacks.BestCheckpoint.on_epoch_end
        patch.setattr(
            run_callbacks.BestCheckpoint,
            "on_epoch_end",
            lambda self, epoch, logs: keep(self, epoch, {"val_bound": -1e6}),
        )
        model = fitting.resume_fit(folder, tiny_data(), verbose=0)
    assert re.search(r"history.csv was damaged.*model is whole", caplog.text)
    assert (folder.path / "damaged-history.csv").read_bytes() == b"\x00" * 50 + b"\n"
    assert folder.best_file.read_bytes() == best
    assert int(model.optimizer.iterations) == iterations
    assert int(folder.last_model().optimizer.iterations) == 4 * 6
    assert folder.history()["epoch"] == [3]


def test_a_network_of_the_last_epoch_that_is_missing_is_not_begun_anew(tmp_path):
    folder = stopped(tmp_path / "my run", 2, estimator="vimco")
    folder.model_file.unlink()
    best = folder.best_file.read_bytes()
    result = invoke("train", "--resume", folder.path)
    command = f"cp '{folder.best_file}' '{folder.model_file}'"
    assert command in str(result.exception)
    assert folder.best_file.read_bytes() == best
    assert "nll" in invoke("evaluate", folder.path, "--num-samples", 2).output.lower()


def test_no_message_advises_to_remove_what_is_whole(tmp_path):
    folder = stopped(tmp_path / "run", 2, estimator="vimco")
    for damaged, whole in (("best", "model"), ("model", "best")):
        file = folder.path / f"{damaged}.keras"
        content = file.read_bytes()
        file.write_bytes(content[:100])
        message = str(invoke("train", "--resume", folder.path).exception)
        if damaged == "best":
            message = str(invoke("evaluate", folder.path).exception)
        assert f"{damaged}.keras is damaged" in message and "remove" not in message
        assert f"cp {folder.path / f'{whole}.keras'} {file}" in message
        file.write_bytes(content)
