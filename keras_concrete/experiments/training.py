"""One training run: it is fitted, measured, drawn and exported."""

import contextlib
import errno
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np

from keras_concrete.datasets import Dataset, load_dataset
from keras_concrete.experiments import run_pictures
from keras_concrete.experiments.advice import resume_command
from keras_concrete.experiments.fitting import resume_fit, start_fit
from keras_concrete.experiments.measurement import measure_run
from keras_concrete.experiments.report import Report
from keras_concrete.experiments.run_folder import RunFolder
from keras_concrete.experiments.training_config import TrainingConfig
from keras_concrete.models import SigmoidBeliefNetwork
from keras_concrete.networks.notation import parse_architecture
from keras_concrete.serving import export_saved_model

__all__ = ["resume", "start"]

_log = logging.getLogger(__name__)


def start(
    folder: RunFolder,
    config: TrainingConfig,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Trains a new network to its last epoch, reports, draws and exports.

    Args:
        folder: Where the run's files go.
        config: Settings of the run.
        callbacks: Of the fit, beside those that write the run's files.
        progress: Of the NLL that follows, as `evaluate_bound` takes it.

    Returns:
        The report, as written to `report.json`.

    Raises:
        BlockingIOError: If another process is at work in the folder.
        DatasetUnavailableError: If the data cannot be had.
        FileExistsError: If the folder is not empty.
        OSError: If the folder cannot be written, or the disk is full.
        ValueError: If the settings do not fit one another or the data.
    """
    with folder.locked():
        folder.check_empty()
        data = load_dataset(config.data)
        with _full_disk_explained(folder):
            model = start_fit(folder, config, data, callbacks)
            return _finish(folder, model, data, progress)


def resume(
    folder: RunFolder,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Goes on with a run after its last full epoch, and ends it as `start` does.

    Args:
        folder: Where the run's files are.
        callbacks: Of the fit, beside those that write the run's files.
        progress: Of the NLL that follows, as `evaluate_bound` takes it.

    Returns:
        The report, as written to `report.json`.

    Raises:
        BlockingIOError: If another process is at work in the folder.
        DatasetUnavailableError: If the data cannot be had.
        FileNotFoundError: If there is no run in the folder.
        OSError: If the folder cannot be written, or the disk is full.
        ValueError: If files of the run are damaged, or of a newer version.
    """
    config = folder.config()
    with folder.locked():
        data = load_dataset(config.data)
        with _full_disk_explained(folder):
            model = resume_fit(folder, data, callbacks)
            return _finish(folder, model, data, progress)


def _finish(
    folder: RunFolder,
    model: SigmoidBeliefNetwork,
    data: Dataset,
    progress: Callable[[int, int], None] | None,
) -> Report:
    report = measure_run(folder, model, data, progress=progress)
    report.write(folder.report_file)
    _draw(folder, model, data)
    if keras.backend.backend() == "tensorflow":
        export_saved_model(model, folder.saved_model)
    else:
        _log.warning("Exports need TensorFlow: %s is not written.", folder.saved_model)
    return report


@contextlib.contextmanager
def _full_disk_explained(folder: RunFolder) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise OSError(
            f"The disk of {folder.path} is full. All full epochs are kept. Free the "
            f"disk, then go on: {resume_command(folder.path)}"
        ) from error


def _draw(folder: RunFolder, model: SigmoidBeliefNetwork, data: Dataset) -> None:
    config = folder.config()
    architecture = parse_architecture(config.architecture)
    if history := folder.history():
        run_pictures.save_learning_curve(
            folder.path / "learning_curve.png", history, config.num_samples
        )
    _draw_usage(folder, model, architecture.split(data.test))
    images = data.test[:12]
    if model.is_conditional:
        context, _ = architecture.split(images)
        drawn = np.concatenate([context, model.predict(context, verbose=0)], axis=1)
        title = "test images (above); their first pixels and the rest predicted (below)"
    else:
        codes = model.encode(images, seed=config.seed)["codes_1"]
        drawn = np.asarray(model.decode(codes)["probabilities"])
        title = "test images (above) and their reconstructions from one code (below)"
        run_pictures.save_image_grid(
            folder.path / "samples.png",
            np.asarray(model.sample(64, seed=config.seed)["probabilities"]),
            "probabilities of the pixels of 64 samples from the prior",
        )
    run_pictures.save_reconstructions(
        folder.path / "reconstructions.png", images, drawn, title
    )


def _draw_usage(folder: RunFolder, model: SigmoidBeliefNetwork, images: Any) -> None:
    x = images[0] if model.is_conditional else images
    seed = folder.config().seed
    encoded = {key: np.asarray(value) for key, value in model.encode(x, seed).items()}
    prior_codes = None
    if not model.is_conditional:
        prior_codes = np.asarray(model.sample(len(x), seed=seed)["codes"])
    probabilities = [encoded[key] for key in encoded if key.startswith("probabilities")]
    run_pictures.save_latent_usage(
        folder.path / "latent_usage.png", probabilities, encoded["codes_1"], prior_codes
    )
