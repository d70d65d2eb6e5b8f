"""The folder of a training run and its files.

A run folder holds `config.json` (all settings), `model.keras` (network, optimizer and
noise generators after the last full epoch), `best.keras` (the same after the epoch with
the best validation bound, if that is what the run is to end with), `history.csv` and
`timing.csv` (a row for each epoch), and at the end `report.json`, `test_nll.npy` (a
number for each test image), pictures and `saved_model/`.
"""

import io
import logging
import os
import reprlib
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import TextIO

import numpy as np

from keras_concrete.experiments.advice import copy_command, resume_command
from keras_concrete.experiments.epoch_table import EpochTable
from keras_concrete.experiments.folder_lock import is_locked, locked
from keras_concrete.experiments.json_files import read_json, to_record, write_json
from keras_concrete.experiments.saved_networks import load_network
from keras_concrete.experiments.training_config import TrainingConfig
from keras_concrete.files import check_empty, check_no_links, write_whole
from keras_concrete.models import SigmoidBeliefNetwork

__all__ = ["RunFolder"]

# Of a run folder. Raise it when a run of this version would not resume in the last.
_FORMAT = 1
_LOCK = "lock"

_log = logging.getLogger(__name__)


class RunFolder:
    """The files of a run by name.

    Args:
        path: Folder of the run.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = Path(path)
        self.config_file = self.path / "config.json"
        self.model_file = self.path / "model.keras"
        self.best_file = self.path / "best.keras"
        self.history_file = self.path / "history.csv"
        self.timing_file = self.path / "timing.csv"
        self._history = EpochTable(self.history_file, "bound", "val_bound")
        self._timing = EpochTable(self.timing_file, "seconds")
        self.report_file = self.path / "report.json"
        self.test_nll_file = self.path / "test_nll.npy"
        self.saved_model = self.path / "saved_model"

    def locked(self) -> AbstractContextManager[None]:
        """A context within which no other process has the folder, which it makes.

        Raises:
            BlockingIOError: If another process has it.
            OSError: If the folder cannot be made or written.
            ValueError: If there are links in it, which lead elsewhere.
        """
        check_no_links(self.path)
        return locked(self.path, _LOCK)

    @property
    def is_locked(self) -> bool:
        """Whether another process has the folder."""
        return is_locked(self.path, _LOCK)

    def check_empty(self) -> None:
        """Refuses a folder that holds something.

        Raises:
            FileExistsError: If the folder is there and not empty.
        """
        advice = (
            f"To go on with the run in it: {resume_command(self.path)}; for a new run "
        )
        if not self.config_file.exists():
            advice = "It is not that of a run: for a new run "
        check_empty(self.path, f"{advice}name another folder.", but=_LOCK)

    def create(self, config: TrainingConfig) -> None:
        """Makes the folder and writes the settings."""
        self.path.mkdir(parents=True, exist_ok=True)
        write_json(self.config_file, {"format": _FORMAT, **asdict(config)})

    def config(self) -> TrainingConfig:
        """Reads the settings.

        Raises:
            FileNotFoundError: If the folder is not a run's.
            ValueError: If the file is damaged, or of a newer version, or if there are
                links in the folder, which lead elsewhere.
        """
        check_no_links(self.path)
        if not self.config_file.exists():
            raise FileNotFoundError(
                f"{self.path} is not the folder of a run: it has no config.json."
            )
        try:
            settings = read_json(self.config_file)
            if not isinstance(settings, dict):
                raise ValueError(f"{self.config_file} is damaged: it holds no settings.")
            if settings.keys().isdisjoint(TrainingConfig.__dataclass_fields__):
                raise ValueError(
                    f"{self.config_file} holds none of the settings of a run: it is of "
                    "another program, or damaged."
                )
            self._check_version(settings)
            settings.pop("format", None)
            return to_record(TrainingConfig, settings, self.config_file)
        except ValueError as error:
            raise ValueError(f"{error} Restore it, or start a new run.") from error

    def _check_version(self, settings: dict) -> None:
        number = settings.get("format", _FORMAT)
        known = {"format", *TrainingConfig.__dataclass_fields__}
        unknown = sorted(settings.keys() - known)
        if number != _FORMAT or unknown:
            raise ValueError(
                f"{self.config_file} was written by a newer version of keras_concrete: "
                f"format {reprlib.repr(number)}, settings not known here: "
                f"{reprlib.repr(unknown) if unknown else 'none'}. This "
                f"version reads format {_FORMAT}: install that version to go on."
            )

    def model(self) -> SigmoidBeliefNetwork:
        """Loads the network that the run stands for: its best or its last.

        Raises:
            FileNotFoundError: If the folder is not a run's, no epoch was completed, or
                the best network is missing.
            ValueError: If a file is damaged, or not of this run.
        """
        config = self.config()
        if self.best_file.exists():
            return load_network(self.best_file, config, self.model_file)
        if not self.model_file.exists():
            raise FileNotFoundError(
                f"{self.path} holds no model: no epoch of the run was completed, or its "
                f"{self.model_file.name} was removed. To train it: "
                f"{resume_command(self.path)}"
            )
        self._check_best(config)
        return load_network(self.model_file, config, self.best_file)

    def last_model(self) -> SigmoidBeliefNetwork | None:
        """Loads the network as it was after the last full epoch, if there was one.

        Raises:
            FileNotFoundError: If one of two networks is missing.
            ValueError: If a file is damaged, or not of this run.
        """
        config = self.config()
        if not self.model_file.exists() and not self.best_file.exists():
            return None
        self._check_last()
        self._check_best(config)
        return load_network(self.model_file, config, self.best_file)

    def _check_last(self) -> None:
        if not self.model_file.exists():
            raise FileNotFoundError(
                f"{self.model_file} is missing, the network of the last epoch. Restore "
                "it from a copy, or go on from the best epoch: "
                f"{copy_command(self.best_file, self.model_file)}"
            )

    def _check_best(self, config: TrainingConfig) -> None:
        # After one epoch a stop may have come before the first copy.
        is_due = config.keeps_best and self.num_epochs() != 1
        if is_due and not self.best_file.exists():
            raise FileNotFoundError(
                f"{self.best_file} is missing, the network of the best epoch. Restore it "
                "from a copy, or put that of the last epoch in its place: "
                f"{copy_command(self.model_file, self.best_file)}"
            )

    def history(self) -> dict[str, list[float]]:
        """Reads the columns of the history; none before the first full epoch."""
        return self._history.columns()

    def num_epochs(self) -> int:
        """Number of the last epoch in the history, from 1; 0 if there is none."""
        return 1 + int(max(self.history().get("epoch", [-1])))

    def timing(self) -> dict[str, list[float]]:
        """Reads the seconds that each epoch took, in all sittings."""
        return self._timing.columns()

    def append_to(self, name: str) -> TextIO:
        """Opens a file of the folder to add lines to it.

        Args:
            name: Name of the file.

        Raises:
            OSError: If it cannot be written.
        """
        try:
            return (self.path / name).open("a")
        except OSError as error:
            raise OSError(
                f"{self.path / name} cannot be written ({error.strerror}). Change its "
                "permissions, or copy the run folder to where you may write."
            ) from error

    def cut_tables(self, num_epochs: int) -> None:
        """Drops rows of epochs that the saved model has not seen, and what is no row.

        Args:
            num_epochs: Epochs that it has seen.
        """
        for table in (self._history, self._timing):
            if table.keep(num_epochs):
                _log.warning(
                    "%s was damaged: lines that cannot be read were left out, and the "
                    "file as it was is kept as damaged-%s. The model is whole, and "
                    "training goes on.",
                    *(table.path, table.path.name),
                )

    def write_test_nll(self, nll: np.ndarray) -> None:
        """Writes the NLL of each test image, in nats.

        Raises:
            OSError: If it cannot be written.
        """
        content = io.BytesIO()
        np.save(content, np.asarray(nll, "float32"), allow_pickle=False)
        write_whole(self.test_nll_file, content.getvalue())

    def test_nll(self) -> np.ndarray:
        """Reads the NLL of each test image, in nats.

        Raises:
            OSError: If it cannot be read.
            ValueError: If the file is damaged.
        """
        try:
            nll = np.load(self.test_nll_file, allow_pickle=False)
            if nll.ndim != 1 or nll.dtype != np.float32:
                raise ValueError(f"its array is {nll.dtype} of shape {nll.shape}")
        except (ValueError, EOFError) as error:
            raise ValueError(f"{self.test_nll_file} is damaged: {error}.") from error
        return nll
