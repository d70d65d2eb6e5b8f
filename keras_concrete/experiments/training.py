"""One training run from its settings to its report.

The run folder is the run's only state: stopped at any moment, the run continues from its
last full epoch and ends as it would have without the stop, bit for bit.
"""

import errno
from typing import Any

import keras
import numpy as np

from keras_concrete.checks import check_images
from keras_concrete.datasets import Dataset, load_dataset, shuffled_batches
from keras_concrete.experiments import run_pictures
from keras_concrete.experiments.checkpoints import BestCheckpoint, Checkpoint, Stopwatch
from keras_concrete.experiments.reports import make_report
from keras_concrete.experiments.run_folder import RunFolder
from keras_concrete.experiments.training_config import TrainingConfig
from keras_concrete.images import smoothed_mean
from keras_concrete.models import SigmoidBeliefNetwork
from keras_concrete.networks.notation import Architecture, parse_architecture
from keras_concrete.serving.export import export_saved_model

__all__ = ["fit_run", "largest_divisor", "train"]


def train(
    folder: RunFolder, config: TrainingConfig | None = None, verbose: int = 1
) -> dict[str, Any]:
    """Trains a network to its last epoch, reports, draws and exports.

    Args:
        folder: Where the run's files go, or are.
        config: Settings of a new run; None to go on with the run in `folder` after its
            last full epoch.
        verbose: Of Keras's progress bar.

    Returns:
        The report, as written to `report.json`.

    Raises:
        BlockingIOError: If another process is at work in the folder.
        DatasetUnavailableError: If the data cannot be had.
        FileExistsError: If a new run's folder is not empty.
        FileNotFoundError: If there is no run in `folder` to go on with.
        OSError: If the folder cannot be written, or the disk is full.
        ValueError: If the settings do not fit one another or the data, or files of the
            run are damaged or of a newer version.
    """
    settings = folder.config() if config is None else config
    with folder.locked():
        if config is not None:
            folder.check_empty()
        data = load_dataset(settings.data)
        try:
            model = fit_run(folder, config, data, verbose)
            report = make_report(folder, model, data, verbose=verbose)
            folder.write_report(report)
            _draw(folder, model, data)
            export_saved_model(model, folder.saved_model)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise OSError(
                f"The disk of {folder.path} is full. All full epochs are kept. Free the "
                f"disk, then go on: keras-concrete train --resume {folder.path}"
            ) from error
    return report


def fit_run(
    folder: RunFolder, config: TrainingConfig | None, data: Dataset, verbose: int = 1
) -> SigmoidBeliefNetwork:
    """Trains a network to its last epoch.

    Args:
        folder: Where the run's files go, or are.
        config: Settings of a new run; None to go on with the run in `folder`.
        data: The data set that the settings name.
        verbose: Of Keras's progress bar.

    Returns:
        The network that the run stands for: its best or its last.

    Raises:
        FileNotFoundError: If there is no run in `folder` to go on with.
        ValueError: If the architecture or the batch size does not fit the data.
    """
    settings = folder.config() if config is None else config
    architecture = parse_architecture(settings.architecture)
    _check_fit(settings, architecture, data)
    steps = settings.num_steps(len(data.train))
    if config is None:
        model = folder.last_model() or _new_model(settings, architecture, data, steps)
    else:
        # Before the folder, which then is of settings that make a network.
        model = _new_model(settings, architecture, data, steps)
        folder.create(config)
    first_step = int(model.optimizer.iterations)
    folder.cut_history(first_step // steps)
    logger = keras.callbacks.CSVLogger(folder.history_file, append=True)
    callbacks = [logger, Checkpoint(folder.model_file), Stopwatch(folder.timing_file)]
    if settings.keeps_best:
        val_bounds = folder.history().get("val_bound")
        callbacks.insert(
            2, BestCheckpoint(folder.model_file, folder.best_file, val_bounds)
        )
    validation = architecture.split(data.validation)
    if not isinstance(validation, tuple):
        validation = (validation,)
    try:
        model.fit(
            shuffled_batches(
                data.train, settings.batch_size, settings.seed, first_step
            ).map(architecture.split),
            validation_data=validation,
            # A divisor: batches of one size compile once.
            validation_batch_size=largest_divisor(len(data.validation), 500),
            initial_epoch=first_step // steps,
            epochs=settings.epochs,
            steps_per_epoch=steps,
            shuffle=False,
            verbose=verbose,
            callbacks=callbacks,
        )
    finally:
        # Keras leaves the file open when training is stopped.
        if logger.csv_file is not None:
            logger.csv_file.close()
    return folder.model()


def _check_fit(config: TrainingConfig, architecture: Architecture, data: Dataset) -> None:
    """Refuses what would fail in the first step."""
    num_images, pixels = data.train.shape
    if architecture.num_pixels != pixels:
        context = architecture.context_units
        end = pixels if context is None or context >= pixels else pixels - context
        raise ValueError(
            f"The images of {data.name} have {pixels} pixels, so that the architecture "
            f"must end in {end}V. Received: architecture={config.architecture!r}"
        )
    for part in ("train", "validation", "test"):
        check_images(f"{data.name}.{part}", getattr(data, part), pixels)
    if config.batch_size > num_images:
        raise ValueError(
            f"Argument `batch_size` must be at most {num_images}, the number of training "
            f"images of {data.name}. Received: batch_size={config.batch_size}"
        )


def _new_model(
    config: TrainingConfig, architecture: Architecture, data: Dataset, steps: int
) -> SigmoidBeliefNetwork:
    decay = config.weight_decay
    model = SigmoidBeliefNetwork(
        config.architecture,
        arity=config.arity,
        num_samples=config.num_samples,
        estimator=config.estimator,
        prior_temperature=config.prior_temperature,
        posterior_temperature=config.posterior_temperature,
        visible_mean=smoothed_mean(data.train[:, -architecture.visible_units :]),
        centering=config.centering,
        kernel_regularizer=keras.regularizers.L2(decay / 2) if decay else None,
        seed=config.seed,
    )
    learning_rate: Any = config.learning_rate
    if config.learning_rate_schedule == "cosine":
        learning_rate = keras.optimizers.schedules.CosineDecay(
            config.learning_rate, decay_steps=config.epochs * steps
        )
    model.compile(
        keras.optimizers.Adam(learning_rate),
        jit_compile=True,
        # A divisor: Keras would run an epoch of 62 steps by 32 as 64 steps.
        steps_per_execution=largest_divisor(steps, 64),
    )
    return model


def _draw(folder: RunFolder, model: SigmoidBeliefNetwork, data: Dataset) -> None:
    config = folder.config()
    architecture = parse_architecture(config.architecture)
    run_pictures.save_learning_curve(
        folder.path / "learning_curve.png", folder.history(), config.num_samples
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


def largest_divisor(number: int, limit: int) -> int:
    """The largest divisor of a number among 1, 2, ..., limit."""
    return max(size for size in range(1, limit + 1) if number % size == 0)
