"""A command that is refused leaves nothing behind."""

import re

import pytest
from tiny_runs import invoke

from keras_concrete import datasets

pytestmark = pytest.mark.usefixtures("_six_pixels")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--arity", 3], "`arity` must be a power of 2"),
        (["--estimator", "vimco", "--num-samples", 1], "`num_samples` of at least 2"),
        (["--estimator", "nvil", "--num-samples", 2], "for more use 'vimco'"),
        (["--arity", 4], "3 bits cannot be made of units of arity 4"),
        (["--posterior-temperature", 0], "`posterior_temperature` must be a positive"),
        (["--data", "grey"], "`tiny.train` must hold binary data.*255"),
        (["--data", "nan"], "`tiny.train` must hold binary data.*nan"),
        (["--out", "/dev/null"], "/dev/null"),
        (["3H+6V"], r"'-' or '~' .* position 2, found '\+'"),
        (["3H-7V"], "have 6 pixels, so that the architecture must end in 6V"),
        (["--data", "tinny"], "Did you mean 'tiny'?"),
        (["--out", "/sys/run"], r"The folder /sys/run cannot be written \("),
        (
            ["--out", "/dev/null/run"],
            r"/dev/null/run cannot be written \(Not a directory",
        ),
    ],
)
def test_settings_that_make_no_run_leave_no_folder(options, message, tmp_path):
    options = ["--data", "tiny", "--batch-size", 4, "--out", "new/run", *options]
    network = [] if "V" in str(options[-1]) else ["3H-6V"]
    result = invoke("train", *network, *options)
    assert re.search(message, str(result.exception).replace("\n", " "))
    assert list(tmp_path.iterdir()) == []


def test_a_data_set_that_is_not_prepared_leaves_no_folder(monkeypatch, tmp_path):
    def unavailable():
        raise datasets.DatasetUnavailableError("it is not prepared: set TFDS_DATA_DIR")

    monkeypatch.setitem(datasets.DATASETS, "tiny", unavailable)
    result = invoke("train", "3H-6V", "--data", "tiny", "--out", "new/run")
    assert "TFDS_DATA_DIR" in str(result.exception)
    assert list(tmp_path.iterdir()) == []


def test_a_reproduction_on_unknown_data_starts_no_cell(tmp_path):
    result = invoke("reproduce", "table1", "--data", "mnist5", "--out", "new")
    assert "Did you mean 'mnist5k'?" in str(result.exception)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--data", "mnist5"], r"Did you mean 'mnist5k'\?"),
        (["--steps", 0], "`steps` must be a positive integer"),
        (["--steps", 10_007], "`steps`"),
    ],
)
def test_figures_that_cannot_all_be_drawn_are_not_begun(options, message, tmp_path):
    result = invoke("figures", "--out", "new", *options)
    assert re.search(message, str(result.exception))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", ["reproduce table1 --data mnist5k", "figures"])
def test_results_are_not_begun_where_they_cannot_be_written(command, tmp_path):
    (tmp_path / "file").touch()
    result = invoke(*command.split(), "--out", "file/results")
    assert "file/results cannot be made (Not a directory" in str(result.exception)
