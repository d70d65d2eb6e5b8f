"""The measurement of a trained network for its report."""

import statistics
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np

from keras_concrete.datasets import Dataset
from keras_concrete.evaluation import BoundEstimate, evaluate_bound, standard_error
from keras_concrete.experiments import machine
from keras_concrete.experiments.report import Estimate, MeanAndError, Report
from keras_concrete.experiments.run_folder import RunFolder
from keras_concrete.images import smoothed_mean
from keras_concrete.models import SigmoidBeliefNetwork
from keras_concrete.networks.notation import parse_architecture

__all__ = ["base_rate_nll", "measure_run"]


def measure_run(
    folder: RunFolder,
    model: SigmoidBeliefNetwork,
    data: Dataset,
    num_test_images: int | None = None,
    num_train_images: int = 0,
    evaluation_samples: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Measures the network of a run.

    The NLL of each test image is written into the run's folder, for comparisons image by
    image (`RunFolder.test_nll`).

    Args:
        folder: Folder of the run.
        model: Its network.
        data: Its data.
        num_test_images: Test images to use, from the first; None for all.
        num_train_images: Training images of which to report the NLL too.
        evaluation_samples: Samples K of the NLL; None for those of the run's settings.
        progress: Function that is told after each batch of the NLL how many are done, and
            of how many.

    Returns:
        The report.

    Raises:
        OSError: If the folder cannot be written.
    """
    config = folder.config()
    architecture = parse_architecture(config.architecture)
    test, train = data.test[:num_test_images], data.train[:num_train_images]
    many = evaluation_samples or config.evaluation_samples

    def bound(images: np.ndarray, num_samples: int, **kwargs: Any) -> BoundEstimate:
        x = architecture.split(images)
        return evaluate_bound(model, x, num_samples, verbose=False, **kwargs)

    relaxed = bound(test, config.num_samples, training=True)
    discrete = bound(test, config.num_samples)
    nll = bound(test, many, progress=progress)
    folder.write_test_nll(-nll.bounds)
    train_nll = bound(train, many, progress=progress) if len(train) else None
    modelled = architecture.modelled
    naive = base_rate_nll(modelled(data.train), modelled(test))
    steps = config.num_steps(len(data.train))
    seconds = folder.timing().get("seconds", [])
    middle = statistics.median(seconds or [0.0])
    return Report(
        num_test_images=len(test),
        relaxed_bound=Estimate.of_bound(relaxed),
        discrete_bound=Estimate.of_bound(discrete),
        integrality_gap=_mean_and_error(relaxed.bounds - discrete.bounds),
        discrete_nll=Estimate.of_nll(nll),
        base_rate_nll=_mean_and_error(naive),
        num_train_images=len(train) or None,
        train_nll=None if train_nll is None else Estimate.of_nll(train_nll),
        steps=config.epochs * steps,
        steps_of_weights=int(model.optimizer.iterations),
        steps_per_second=steps / middle if middle > 0 else None,
        training_seconds=sum(seconds),
        config=asdict(config),
        versions=machine.versions(),
        hardware=machine.hardware(),
    )


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
    mean = smoothed_mean(train)
    return -(test @ np.log(mean) + (1.0 - test) @ np.log1p(-mean))


def _mean_and_error(values: np.ndarray) -> MeanAndError:
    return MeanAndError(
        mean=float(np.mean(values)), standard_error=standard_error(values)
    )
