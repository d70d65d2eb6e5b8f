"""Data sets that take seconds, and the folder of a whole run."""

import numpy as np
import pytest
from tiny_runs import invoke, six_pixels, tiny_data

from keras_concrete import datasets


@pytest.fixture
def _tiny(monkeypatch):
    """The data set `tiny`, of 16 pixels."""
    monkeypatch.setitem(datasets.DATASETS, "tiny", tiny_data)


@pytest.fixture
def _six_pixels(monkeypatch, tmp_path):
    """The data sets `tiny`, `grey` and `nan`, of six pixels, and a folder to work in."""
    monkeypatch.setitem(datasets.DATASETS, "tiny", six_pixels)
    monkeypatch.setitem(datasets.DATASETS, "grey", lambda: six_pixels(255))
    monkeypatch.setitem(datasets.DATASETS, "nan", lambda: six_pixels(np.nan))
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """The folder of a whole run, made by the command, and what the command printed."""
    path = tmp_path_factory.mktemp("runs") / "whole"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(datasets.DATASETS, "tiny", tiny_data)
        options = ("--data", "tiny", "--epochs", 4, "--batch-size", 10)
        options += ("--num-samples", 2, "--evaluation-samples", 20)
        options += ("--learning-rate", 0.01, "--out", path)
        result = invoke("train", "4H~3H-16V", *options)
    assert result.exit_code == 0, result.output
    return path, result.output
