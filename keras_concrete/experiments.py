"""One training run and its folder: train, resume, evaluate, report.

A run folder holds `config.json` (all settings), `model.keras` (network, optimizer and
noise generators after the last full epoch), `history.csv` (a row per epoch), and at the
end `report.json`, three pictures and `saved_model/`. The folder is the run's only state:
stopped at any moment, the run continues from its last full epoch and ends as it would
have without the stop, bit for bit.
"""

import csv
import json
import math
import os
import platform
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_concrete import datasets, plots
from keras_concrete.architecture import parse_architecture
from keras_concrete.evaluation import BoundEstimate, evaluate_bound
from keras_concrete.export import export_saved_model
from keras_concrete.layers.checks import check_positive
from keras_concrete.models import SigmoidBeliefNetwork

__all__ = ["RunFolder", "TrainingConfig", "base_rate_nll", "train"]


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

    def create(self, config: TrainingConfig) -> None:
        """Makes the folder and writes its settings.

        Raises:
            FileExistsError: If the folder is there and not empty.
        """
        if self.path.exists() and any(self.path.iterdir()):
            raise FileExistsError(
                f"The folder {self.path} exists and is not empty. To go on with the run "
                f"in it use --resume {self.path}; for a new run name another folder."
            )
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
            FileNotFoundError: If no epoch of the run was completed.
        """
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

    def cut_history(self, num_epochs: int) -> None:
        """Drops rows of epochs that the saved model has not seen."""
        if self.history_file.exists():
            lines = self.history_file.read_text().splitlines(keepends=True)
            _write_text(self.history_file, "".join(lines[: num_epochs + 1]))


class _Checkpoint(keras.callbacks.Callback):
    """Saves the model after each epoch, in one step that cannot be half done."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        partial = self._path.with_name("partial.keras")
        self.model.save(partial)
        os.replace(partial, self._path)


class _Stopwatch(keras.callbacks.Callback):
    """Seconds of each epoch, its validation and checkpoint included."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.seconds.append(time.perf_counter() - self._start)

    def steps_per_second(self, steps_per_epoch: int) -> float:
        """Rate without the first epoch, which compiles."""
        seconds = self.seconds[1:] or self.seconds
        return steps_per_epoch * len(seconds) / sum(seconds) if seconds else math.nan


def train(folder: RunFolder, verbose: int = 1) -> dict[str, Any]:
    """Trains the network of a run folder to its last epoch, and reports.

    Starts where the folder stands: from nothing, or after its last full epoch.

    Args:
        folder: A created folder.
        verbose: Of Keras's progress bar.

    Returns:
        The report, as written to `report.json`.

    Raises:
        ValueError: If the architecture does not fit the data.
    """
    config = folder.config()
    data = datasets.load_dataset(config.data)
    steps = len(data.train) // config.batch_size
    if folder.model_file.exists():
        model = folder.model()
    else:
        model = _new_model(config, data, steps)
    first_epoch = int(model.optimizer.iterations) // max(steps, 1)
    folder.cut_history(first_epoch)
    stopwatch = _Stopwatch()
    model.fit(
        datasets.shuffled_batches(
            data.train, config.batch_size, config.seed, first_epoch
        ),
        validation_data=(data.validation,),
        validation_batch_size=_validation_batch_size(len(data.validation)),
        initial_epoch=first_epoch,
        epochs=config.epochs,
        steps_per_epoch=steps,
        shuffle=False,
        verbose=verbose,
        callbacks=[
            stopwatch,
            keras.callbacks.CSVLogger(folder.history_file, append=True),
            _Checkpoint(folder.model_file),
        ],
    )
    report = _report(config, model, data, stopwatch.steps_per_second(steps), verbose)
    _write_json(folder.report_file, report)
    _draw(folder, config, model, data)
    export_saved_model(model, folder.saved_model)
    return report


def _new_model(
    config: TrainingConfig, data: datasets.Dataset, steps: int
) -> SigmoidBeliefNetwork:
    model = SigmoidBeliefNetwork(
        config.architecture,
        num_samples=config.num_samples,
        visible_mean=_smoothed_mean(data.train),
        seed=config.seed,
    )
    decay = keras.optimizers.schedules.CosineDecay(
        config.learning_rate, decay_steps=config.epochs * steps
    )
    model.compile(
        keras.optimizers.Adam(decay),
        jit_compile=True,
        steps_per_execution=min(steps, 32),
    )
    return model


def _smoothed_mean(images: np.ndarray) -> np.ndarray:
    return (images.sum(axis=0, dtype="int64") + 1.0) / (len(images) + 2.0)


def base_rate_nll(train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """NLL of each test image under independent pixels at their base rates, in nats.

    Args:
        train: Binary images from which the rates (count + 1) / (N + 2) are taken.
        test: Binary images to score.

    Returns:
        Array of shape `(len(test),)`.

    Example:
    >>> base_rate_nll(np.array([[0], [1]]), np.array([[1]])).round(3)
    array([0.693])
    """
    mean = _smoothed_mean(train)
    return -(test @ np.log(mean) + (1.0 - test) @ np.log1p(-mean))


def _report(
    config: TrainingConfig,
    model: SigmoidBeliefNetwork,
    data: datasets.Dataset,
    steps_per_second: float,
    verbose: int,
) -> dict[str, Any]:
    """Measures the trained network on the test images."""
    m = config.num_samples
    relaxed = evaluate_bound(model, data.test, m, training=True, verbose=False)
    discrete = evaluate_bound(model, data.test, m, verbose=False)
    final = evaluate_bound(
        model, data.test, config.evaluation_samples, verbose=bool(verbose)
    )
    naive = base_rate_nll(data.train, data.test)
    return {
        "unit": "nats per test image",
        "num_test_images": len(data.test),
        "relaxed_bound": _describe(relaxed),
        "discrete_bound": _describe(discrete),
        "integrality_gap": _mean_and_error(relaxed.bounds - discrete.bounds),
        "discrete_nll": {**_describe(final), "mean": -final.mean},
        "base_rate_nll": _mean_and_error(naive),
        "steps_per_second": steps_per_second,
        "config": asdict(config),
        "versions": {"keras": keras.__version__, "python": platform.python_version()},
    }


def _describe(estimate: BoundEstimate) -> dict[str, float]:
    return {
        "num_samples": estimate.num_samples,
        "mean": estimate.mean,
        "standard_error": estimate.standard_error,
        "effective_sample_size": estimate.effective_sample_size,
    }


def _mean_and_error(values: np.ndarray) -> dict[str, float]:
    return {
        "mean": float(np.mean(values)),
        "standard_error": float(np.std(values, ddof=1) / math.sqrt(len(values))),
    }


def _draw(
    folder: RunFolder,
    config: TrainingConfig,
    model: SigmoidBeliefNetwork,
    data: datasets.Dataset,
) -> None:
    # One of each ten or so: the images are sorted by digit in the embedded data.
    images = data.test[:: max(1, len(data.test) // 12)][:12]
    codes = model.encode(images, seed=config.seed)["codes_1"]
    plots.save_reconstructions(
        folder.path / "reconstructions.png",
        images,
        np.asarray(model.decode(codes)["probabilities"]),
    )
    plots.save_image_grid(
        folder.path / "samples.png",
        np.asarray(model.sample(64, seed=config.seed)["probabilities"]),
        "probabilities of the pixels of 64 samples from the prior",
    )
    plots.save_learning_curve(
        folder.path / "learning_curve.png", folder.history(), config.num_samples
    )


def _validation_batch_size(num_images: int) -> int:
    """The largest divisor up to 500: batches of one size compile once."""
    return max(size for size in range(1, 501) if num_images % size == 0)


def _write_json(path: Path, content: Any) -> None:
    _write_text(path, json.dumps(content, indent=2) + "\n")


def _write_text(path: Path, text: str) -> None:
    partial = path.with_name(f"partial-{path.name}")
    partial.write_text(text)
    os.replace(partial, path)
