"""One training run from its settings to its report.

The run folder is the run's only state: stopped at any moment, the run continues from its
last full epoch and ends as it would have without the stop, bit for bit.
"""

import math
import platform
from dataclasses import asdict
from typing import Any

import keras
import numpy as np

from keras_concrete import datasets, plots
from keras_concrete.architecture import parse_architecture
from keras_concrete.callbacks import Checkpoint, Stopwatch
from keras_concrete.evaluation import BoundEstimate, evaluate_bound
from keras_concrete.export import export_saved_model
from keras_concrete.models import SigmoidBeliefNetwork
from keras_concrete.runs import RunFolder, TrainingConfig

__all__ = ["base_rate_nll", "train"]


def train(
    folder: RunFolder, config: TrainingConfig | None = None, verbose: int = 1
) -> dict[str, Any]:
    """Trains a network to its last epoch, and reports.

    Args:
        folder: Where the run's files go, or are.
        config: Settings of a new run; None to go on with the run in `folder` after its
            last full epoch.
        verbose: Of Keras's progress bar.

    Returns:
        The report, as written to `report.json`.

    Raises:
        DatasetUnavailableError: If the data cannot be had.
        FileExistsError: If a new run's folder is not empty.
        FileNotFoundError: If there is no run in `folder` to go on with.
        ValueError: If the architecture or the batch size does not fit the data.
    """
    is_new = config is not None
    if config is None:
        config = folder.config()
    else:
        folder.check_empty()
    data = datasets.load_dataset(config.data)
    _check_fit(config, data)
    if is_new:
        folder.create(config)
    steps = len(data.train) // config.batch_size
    if folder.model_file.exists():
        model = folder.model()
    else:
        model = _new_model(config, data, steps)
    first_epoch = int(model.optimizer.iterations) // steps
    folder.cut_history(first_epoch)
    history = keras.callbacks.CSVLogger(folder.history_file, append=True)
    stopwatch = Stopwatch()
    try:
        model.fit(
            datasets.shuffled_batches(
                data.train, config.batch_size, config.seed, first_epoch
            ),
            validation_data=(data.validation,),
            # A divisor: batches of one size compile once.
            validation_batch_size=_largest_divisor(len(data.validation), 500),
            initial_epoch=first_epoch,
            epochs=config.epochs,
            steps_per_epoch=steps,
            shuffle=False,
            verbose=verbose,
            callbacks=[history, Checkpoint(folder.model_file), stopwatch],
        )
    finally:
        # Keras leaves the file open when training is stopped.
        if history.csv_file is not None:
            history.csv_file.close()
    report = _report(config, model, data, stopwatch.steps_per_second(steps), verbose)
    folder.write_report(report)
    _draw(folder, config, model, data)
    export_saved_model(model, folder.saved_model)
    return report


def _check_fit(config: TrainingConfig, data: datasets.Dataset) -> None:
    """Refuses what would fail in the first step."""
    visible = parse_architecture(config.architecture).visible_units
    num_images, pixels = data.train.shape
    if visible != pixels:
        raise ValueError(
            f"The images of {data.name} have {pixels} pixels, so that the architecture "
            f"must end in {pixels}V. Received: architecture={config.architecture!r}"
        )
    if config.batch_size > num_images:
        raise ValueError(
            f"Argument `batch_size` must be at most {num_images}, the number of training "
            f"images of {data.name}. Received: batch_size={config.batch_size}"
        )


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
        # A divisor: Keras would run an epoch of 62 steps by 32 as 64 steps.
        steps_per_execution=_largest_divisor(steps, 64),
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
    steps_per_second: float | None,
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
    images = data.test[:12]
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


def _largest_divisor(number: int, limit: int) -> int:
    return max(size for size in range(1, limit + 1) if number % size == 0)
