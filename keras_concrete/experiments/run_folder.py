"""The folder of a training run and its files.

A run folder holds `config.json` (all settings), `model.keras` (network, optimizer and
noise generators after the last full epoch), `best.keras` (the same after the epoch with
the best validation bound, if that is what the run shall end with), `history.csv` and
`timing.csv` (a row per epoch), and at the end `report.json`, pictures and `saved_model/`.
"""

import csv
import json
import os
import zipfile
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

import keras
import numpy as np

from keras_concrete.experiments.locks import locked
from keras_concrete.experiments.training_config import TrainingConfig
from keras_concrete.files import check_empty
from keras_concrete.models import SigmoidBeliefNetwork

__all__ = ["RunFolder", "write_json"]

# Of a run folder. Raise it when a run of this version would not resume in the last.
_FORMAT = 1
_LOCK = "lock"


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
        self.report_file = self.path / "report.json"
        self.saved_model = self.path / "saved_model"

    def locked(self) -> AbstractContextManager[None]:
        """A context within which no other process has the folder, which it makes.

        Raises:
            BlockingIOError: If another process has it.
            OSError: If the folder cannot be made or written.
        """
        return locked(self.path, _LOCK)

    def check_empty(self) -> None:
        """Refuses a folder that holds something.

        Raises:
            FileExistsError: If the folder is there and not empty.
        """
        advice = f"To go on with the run in it use --resume {self.path}; for a new run "
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
            ValueError: If the file is damaged, or of a newer version.
        """
        if not self.config_file.exists():
            raise FileNotFoundError(
                f"{self.path} is not the folder of a run: it has no config.json."
            )
        try:
            settings = dict(json.loads(self.config_file.read_text()))
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"{self.config_file} is damaged: {error}. Restore it, or start a new run."
            ) from error
        number = settings.pop("format", 1)
        unknown = sorted(settings.keys() - TrainingConfig.__dataclass_fields__.keys())
        if number != _FORMAT or unknown:
            raise ValueError(
                f"{self.config_file} was written by a newer version of keras_concrete: "
                f"format {number}, settings not known here: {unknown or 'none'}. This "
                f"version reads format {_FORMAT}: install that version to go on."
            )
        return TrainingConfig(**settings)

    def model(self) -> SigmoidBeliefNetwork:
        """Loads the network that the run stands for: its best or its last.

        Raises:
            FileNotFoundError: If the folder is not a run's, no epoch was completed, or
                the best network is missing.
            ValueError: If the file is damaged.
        """
        self._check_best()
        if not self.model_file.exists():
            raise FileNotFoundError(
                f"{self.path} holds no model: no epoch of the run was completed. Use "
                f"keras-concrete train --resume {self.path}"
            )
        if self.best_file.exists():
            return _load(self.best_file, f"it and {self.model_file.name}")
        return _load(self.model_file)

    def last_model(self) -> SigmoidBeliefNetwork | None:
        """Loads the network as it was after the last full epoch, if there was one.

        Raises:
            FileNotFoundError: If the best network is missing.
            ValueError: If the file is damaged.
        """
        if not self.model_file.exists():
            return None
        self._check_best()
        return _load(self.model_file)

    def _check_best(self) -> None:
        # After one epoch a stop may have come before the first copy.
        is_due = self.config().keeps_best and len(self.history().get("epoch", [])) > 1
        if is_due and self.model_file.exists() and not self.best_file.exists():
            raise FileNotFoundError(
                f"{self.best_file} is missing, the network of the best epoch. "
                f"{_advice(self.model_file.name)}"
            )

    def history(self) -> dict[str, list[float]]:
        """Reads the columns of the history; none before the first full epoch."""
        return _read_columns(self.history_file)

    def timing(self) -> dict[str, list[float]]:
        """Reads the seconds that each epoch took, in all sittings."""
        return _read_columns(self.timing_file)

    def write_report(self, report: dict[str, Any]) -> None:
        """Writes the report."""
        write_json(self.report_file, report)

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

    def cut_history(self, num_epochs: int) -> None:
        """Drops rows of epochs that the saved model has not seen.

        Args:
            num_epochs: Epochs that it has seen.

        Raises:
            ValueError: If rows of such epochs are missing.
        """
        found = len(self.history().get("epoch", []))
        if found < num_epochs:
            raise ValueError(
                f"{self.history_file} has {found} of the {num_epochs} epochs that the "
                f"saved model has seen. {_advice(self.model_file.name)}"
            )
        if self.history_file.exists():
            # Bytes, since the logger ends its lines as CSV files do, by two characters.
            lines = self.history_file.read_bytes().decode().splitlines(keepends=True)
            _write_text(self.history_file, "".join(lines[: num_epochs + 1]))


def _advice(to_remove: str) -> str:
    """What to do about a file that is damaged or missing."""
    return (
        f"Restore it from a copy, or remove {to_remove} and resume the run, which then "
        "begins anew."
    )


def _load(path: Path, to_remove: str = "it") -> SigmoidBeliefNetwork:
    advice = _advice(to_remove)
    # The list of a ZIP file's members is at its end.
    if not zipfile.is_zipfile(path):
        raise ValueError(
            f"{path} is damaged: it was cut off, or is no .keras file. {advice}"
        )
    try:
        model = keras.models.load_model(path)
    except Exception as error:  # A file that was changed can fail in any way.
        reason = f"{type(error).__name__}: {str(error).strip()[:200]}"
        raise ValueError(
            f"{path} cannot be loaded: it was changed, or written by another version. "
            f"{advice} {reason}"
        ) from error
    if not isinstance(model, SigmoidBeliefNetwork):
        raise ValueError(
            f"{path} holds a {type(model).__name__}, not a SigmoidBeliefNetwork: it is "
            "not of this run. Restore its own from a copy."
        )
    return model


def _read_columns(path: Path) -> dict[str, list[float]]:
    if not path.exists():
        return {}
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = rows[0] if rows else []
    try:
        return {name: [float(row[name]) for row in rows] for name in names}
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{path} is damaged: {error}. {_advice('it and model.keras')}"
        ) from error


def write_json(path: Path, content: Any) -> None:
    """Writes a JSON file, which is there whole or not at all.

    Args:
        path: File to write.
        content: What `json.dumps` takes.
    """
    _write_text(path, json.dumps(content, indent=2, default=_plain) + "\n")


def _plain(number: np.generic) -> Any:
    """A number of NumPy's as one of Python's."""
    return number.item()


def _write_text(path: Path, text: str) -> None:
    partial = path.with_name(f"partial-{path.name}")
    partial.write_text(text)
    os.replace(partial, path)
