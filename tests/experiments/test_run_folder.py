"""Run folders that are missing, damaged, foreign, full, or in use by another process."""

import errno
import json
import os
import re
import subprocess
import sys

import keras
import pytest
from tiny_runs import invoke

import keras_concrete as kc
from keras_concrete.experiments import training
from keras_concrete.experiments.run_callbacks import Checkpoint
from keras_concrete.experiments.run_folder import RunFolder
from keras_concrete.experiments.training_config import TrainingConfig
from keras_concrete.files import PARTIAL

pytestmark = pytest.mark.usefixtures("_six_pixels")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A model file."""
    path = tmp_path_factory.mktemp("saved") / "model.keras"
    model = kc.SigmoidBeliefNetwork("3H-6V", num_samples=5, seed=0)
    model.compile("sgd")
    model.save(path)
    return path.read_bytes()


@pytest.fixture
def folder(tmp_path, saved):
    """The folder of a run after an epoch."""
    folder = RunFolder(tmp_path / "run")
    folder.create(TrainingConfig("3H-6V", "tiny", epochs=1, batch_size=4))
    folder.model_file.write_bytes(saved)
    return folder


def settings(folder, **changes):
    content = json.loads(folder.config_file.read_text()) | changes
    folder.config_file.write_text(json.dumps(content))


def _affine():
    return keras.Sequential([keras.Input((6,)), keras.layers.Dense(1)])


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def change_a_byte(path):
    content = bytearray(path.read_bytes())
    content[content.index(b"architecture")] ^= 1
    path.write_bytes(content)


def vimco_after_two_epochs(folder):
    settings(folder, estimator="vimco")
    folder.history_file.write_text("epoch,val_bound\n0,-4.0\n1,-5.0\n")


# What is done to the folder of a run, a command, and its answer.
DAMAGES = {
    "no settings": (
        lambda folder: folder.config_file.unlink(),
        "train --resume run",
        "run is not the folder of a run: it has no config.json",
    ),
    "another folder": (
        lambda folder: None,
        "evaluate nowhere",
        "nowhere is not the folder of a run: it has no config.json",
    ),
    "no epoch completed": (
        lambda folder: folder.model_file.unlink(),
        "evaluate run",
        "no epoch of the run was completed, or its model.keras was removed. To train it: "
        "keras-concrete train --resume run",
    ),
    "settings cut off": (
        lambda folder: truncate(folder.config_file),
        "train --resume run",
        "config.json is damaged: .* Restore it, or start a new run",
    ),
    "settings of another kind": (
        lambda folder: folder.config_file.write_text("[1, 2]"),
        "evaluate run",
        "config.json is damaged",
    ),
    "a value out of its range": (
        lambda folder: settings(folder, epochs=-1),
        "train --resume run",
        "`epochs` must be a positive integer. Received: epochs=-1",
    ),
    "a name with a typing error": (
        lambda folder: settings(folder, estimator="concret"),
        "evaluate run",
        r"Did you mean 'concrete'\? Restore it",
    ),
    "settings of another program": (
        lambda folder: folder.config_file.write_text('{"model_type": "bert"}'),
        "evaluate run",
        "config.json holds none of the settings of a run: .* Restore it, or start a new",
    ),
    "a newer format": (
        lambda folder: settings(folder, format=2),
        "evaluate run",
        "newer version of keras_concrete: format 2.*reads format 1",
    ),
    "a setting of a newer version": (
        lambda folder: settings(folder, annealing=0.5),
        "sample run",
        r"newer version .*not known here: \['annealing'\]",
    ),
    "a model cut off, to resume": (
        lambda folder: truncate(folder.model_file),
        "train --resume run",
        "model.keras is damaged: it was cut off.*remove it and resume",
    ),
    "a model cut off, to evaluate": (
        lambda folder: truncate(folder.model_file),
        "evaluate run",
        "model.keras is damaged: it was cut off",
    ),
    "a byte of the model changed": (
        lambda folder: change_a_byte(folder.model_file),
        "sample run",
        "model.keras cannot be loaded: it was changed.*Bad CRC-32",
    ),
    "the best model cut off": (
        lambda folder: folder.best_file.write_bytes(b"PK"),
        "export run --to served",
        "best.keras is damaged.*Restore it.* cp run/model.keras run/best.keras",
    ),
    "a best model that is missing": (
        lambda folder: vimco_after_two_epochs(folder),
        "evaluate run",
        "best.keras is missing.*Restore it.* cp run/model.keras run/best.keras",
    ),
    "a best model that is missing, to resume": (
        lambda folder: vimco_after_two_epochs(folder),
        "train --resume run",
        "best.keras is missing.*Restore it.* cp run/model.keras run/best.keras",
    ),
    "a model of another kind": (
        lambda folder: _affine().save(folder.model_file),
        "evaluate run",
        "model.keras holds a Sequential, not a SigmoidBeliefNetwork",
    ),
    "an evaluation that cannot be kept": (
        lambda folder: (folder.path / "evaluations.jsonl").mkdir(),
        "evaluate run --num-samples 1000000000",
        r"evaluations.jsonl cannot be written \(Is a directory\)",
    ),
    "evaluation by 0 samples": (
        lambda folder: None,
        "evaluate run --num-samples 0",
        "`num_samples` must be a positive integer",
    ),
    "evaluation of data that are not binary": (
        lambda folder: settings(folder, data="grey"),
        "evaluate run --num-samples 1",
        "`x` must hold binary data.*255",
    ),
    "an export into a folder that is not empty": (
        lambda folder: None,
        "export run --to run",
        "run exists and is not empty. Name another with --to",
    ),
    "a run over files of another kind": (
        lambda folder: folder.config_file.unlink(),
        "train 3H-6V --data tiny --out run",
        "not empty. It is not that of a run: for a new run name another folder",
    ),
}


@pytest.mark.parametrize("case", DAMAGES)
def test_a_damaged_folder_is_answered_and_left_as_it_was(case, folder):
    damage, command, message = DAMAGES[case]
    damage(folder)
    before = _contents(folder.path)
    result = invoke(*command.split())
    assert result.exit_code == 1
    assert isinstance(result.exception, ValueError | OSError), result.exception
    assert re.search(message, str(result.exception).replace("\n", " "))
    # To append nothing to a file makes it, empty.
    after = _contents(folder.path)
    assert {k: v for k, v in after.items() if v} == {k: v for k, v in before.items() if v}
    assert not os.path.exists("served")


def _contents(path):
    return {p.name: p.is_file() and p.read_bytes() for p in path.iterdir()}


def test_a_full_disk_leaves_the_checkpoint_whole_and_says_how_to_go_on(folder, saved):
    callback = Checkpoint(folder.model_file)
    callback.set_model(keras.models.load_model(folder.model_file))
    # All that is written to this device fails as on a full disk.
    (folder.path / f"{PARTIAL}model.keras").symlink_to("/dev/full")
    with pytest.raises(OSError, match=r"No space left.*train --resume .*run"):
        callback.on_epoch_end(0)
    assert folder.model_file.read_bytes() == saved
    assert sorted(_contents(folder.path)) == ["config.json", "model.keras"]
    callback.on_epoch_end(1)
    assert keras.models.load_model(folder.model_file).count_params() > 0


def test_a_disk_that_is_full_elsewhere_says_how_to_go_on(folder, monkeypatch):
    def resume_fit(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(training, "resume_fit", resume_fit)
    with pytest.raises(OSError, match=r"Free the disk.* keras-concrete train --resume"):
        training.resume(folder)


HOLD = """
import sys, time
from keras_concrete.experiments.run_folder import RunFolder
with RunFolder(sys.argv[1]).locked():
    print("locked", flush=True)
    time.sleep(600)
"""


def test_of_two_processes_one_has_the_folder_until_it_dies(folder):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, folder.path], stdout=subprocess.PIPE, text=True
    )
    with holder:
        try:
            assert holder.stdout.readline() == "locked\n"
            for command in ("train --resume run", "train 3H-6V --data tiny --out run"):
                result = invoke(*command.split())
                assert isinstance(result.exception, BlockingIOError)
                assert "Another process is at work in run" in str(result.exception)
        finally:
            holder.kill()
    # Killed, it left its file, which is no lock any more.
    assert (folder.path / "lock").exists()
    with folder.locked():
        assert (folder.path / "lock").exists()
    assert not (folder.path / "lock").exists()
