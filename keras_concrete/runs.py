"""The folder of a training run: its settings and its files.

A run folder holds `config.json` (all settings), `model.keras` (network, optimizer and
noise generators after the last full epoch), `history.csv` (a row per epoch), and at the
end `report.json`, three pictures and `saved_model/`.
"""

import csv
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras

from keras_concrete import datasets
from keras_concrete.architecture import parse_architecture
from keras_concrete.checks import check_positive
from keras_concrete.models import SigmoidBeliefNetwork

__all__ = ["RunFolder", "TrainingConfig"]


@dataclass(frozen=True)
class TrainingConfig:
    """All settings of a run.

    Attributes:
        architecture: The network, in the paper's notation.
        data: Name of the data set.
        num_samples: Number of samples m of the bound in training.
        epochs: Passes through the training images.
        batch_size: Images in a batch.
        learning_rate: First learning rate of Adam; it decays to 0 along a half cosine.
        evaluation_samples: Number of samples K of the closing NLL.
        seed: Integer for weights, noise and the order of the data.
    """

    architecture: str = "200H~784V"
    data: str = "mnist5k"
    num_samples: int = 5
    epochs: int = 150
    batch_size: int = 64
    learning_rate: float = 2e-3
    evaluation_samples: int = 1_000
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuses settings that would fail later."""
        parse_architecture(self.architecture)
        for name in ("num_samples", "epochs", "batch_size", "evaluation_samples"):
            check_positive(name, getattr(self, name), int)
        check_positive("learning_rate", self.learning_rate)
        if self.data not in datasets.DATASETS:
            raise ValueError(
                f"Argument `data` must be one of {', '.join(datasets.DATASETS)}. "
                f"Received: data={self.data!r}"
            )


class RunFolder:
    """The files of a run by name.

    Args:
        path: Folder of the run.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self.path = Path(path)
        self.config_file = self.path / "config.json"
        self.model_file = self.path / "model.keras"
        self.history_file = self.path / "history.csv"
        self.report_file = self.path / "report.json"
        self.saved_model = self.path / "saved_model"

    def check_empty(self) -> None:
        """Refuses a folder that holds something.

        Raises:
            FileExistsError: If the folder is there and not empty.
        """
        if self.path.exists() and any(self.path.iterdir()):
            raise FileExistsError(
                f"The folder {self.path} exists and is not empty. To go on with the run "
                f"in it use --resume {self.path}; for a new run name another folder."
            )

    def create(self, config: TrainingConfig) -> None:
        """Makes the folder and writes the settings."""
        self.path.mkdir(parents=True, exist_ok=True)
        _write_json(self.config_file, asdict(config))

    def config(self) -> TrainingConfig:
        """Reads the settings.

        Raises:
            FileNotFoundError: If the folder is not a run's.
        """
        if not self.config_file.exists():
            raise FileNotFoundError(
                f"{self.path} is not the folder of a run: it has no config.json."
            )
        return TrainingConfig(**json.loads(self.config_file.read_text()))

    def model(self) -> SigmoidBeliefNetwork:
        """Loads the network as it was after the last full epoch.

        Raises:
            FileNotFoundError: If the folder is not a run's, or no epoch was completed.
        """
        self.config()
        if not self.model_file.exists():
            raise FileNotFoundError(
                f"{self.path} holds no model: no epoch of the run was completed. Use "
                f"keras-concrete train --resume {self.path}"
            )
        return keras.models.load_model(self.model_file)

    def history(self) -> dict[str, list[float]]:
        """Reads the columns of the history."""
        with self.history_file.open(newline="") as file:
            rows = list(csv.DictReader(file))
        return {name: [float(row[name]) for row in rows] for name in rows[0]}

    def write_report(self, report: dict[str, Any]) -> None:
        """Writes the report."""
        _write_json(self.report_file, report)

    def cut_history(self, num_epochs: int) -> None:
        """Drops rows of epochs that the saved model has not seen."""
        if self.history_file.exists():
            lines = self.history_file.read_text().splitlines(keepends=True)
            _write_text(self.history_file, "".join(lines[: num_epochs + 1]))


def _write_json(path: Path, content: Any) -> None:
    _write_text(path, json.dumps(content, indent=2) + "\n")


def _write_text(path: Path, text: str) -> None:
    partial = path.with_name(f"partial-{path.name}")
    partial.write_text(text)
    os.replace(partial, path)
