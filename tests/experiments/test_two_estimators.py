"""Runs whose first half is by another estimator."""

import dataclasses
import shutil

import numpy as np
import pytest
from tiny_runs import tiny_config, tiny_data

from keras_concrete import datasets
from keras_concrete.experiments import fitting, run_callbacks
from keras_concrete.experiments.recipes import recipe_settings
from keras_concrete.experiments.run_folder import RunFolder

pytestmark = pytest.mark.usefixtures("all_eagerly")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A run of two epochs, and its folder as a stop after the first would leave it."""
    path = tmp_path_factory.mktemp("runs")
    save = run_callbacks.Checkpoint.on_epoch_end

    def save_and_copy(self, epoch, logs=None):
        save(self, epoch, logs)
        if epoch == 0:
            shutil.copytree(path / "whole", path / "stopped")

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(datasets.DATASETS, "tiny", tiny_data)
        recipe = recipe_settings("gumbel-softmax-first", "3H-16V")
        changes = {"architecture": "3H-16V", "epochs": 2, **recipe}
        config = dataclasses.replace(tiny_config(), **changes)
        patch.setattr(run_callbacks.Checkpoint, "on_epoch_end", save_and_copy)
        fitting.start_fit(RunFolder(path / "whole"), config, tiny_data())
        yield RunFolder(path / "whole"), RunFolder(path / "stopped")


def test_the_second_half_goes_on_by_the_other_estimator(folders):
    whole, stopped = folders
    first, second = stopped.last_model(), whole.last_model()
    assert (first.estimator, first.posterior_temperature) == ("gumbel_softmax", 0.5)
    assert (second.estimator, second.posterior_temperature) == ("concrete", None)
    assert [int(each.optimizer.iterations) for each in (first, second)] == [6, 12]
    # The rate decays once, over both halves.
    rates = [float(each.optimizer.learning_rate) for each in (first, second)]
    assert rates == pytest.approx([whole.config().learning_rate / 2, 0], abs=1e-9)
    assert whole.history()["epoch"] == [0, 1]


def test_stopped_at_the_change_a_run_ends_the_same_bit_for_bit(folders):
    whole, stopped = folders
    fitting.resume_fit(stopped, tiny_data())
    assert _state(stopped) == _state(whole)
    assert stopped.history_file.read_bytes() == whole.history_file.read_bytes()


def _state(folder):
    """Weights, counters of noise and optimizer, as bytes."""
    model = folder.model()
    variables = [*model.variables, *model.optimizer.variables]
    return [np.asarray(v.value).tobytes() for v in variables]
