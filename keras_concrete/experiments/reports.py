"""What is measured of a trained network, as the dict of a JSON file."""

import statistics
from dataclasses import asdict
from typing import Any

import numpy as np

from keras_concrete.datasets import Dataset
from keras_concrete.evaluation import BoundEstimate, evaluate_bound, standard_error
from keras_concrete.experiments import machine
from keras_concrete.experiments.run_folder import RunFolder
from keras_concrete.images import smoothed_mean
from keras_concrete.models import SigmoidBeliefNetwork
from keras_concrete.networks.notation import parse_architecture

__all__ = ["base_rate_nll", "describe", "make_report"]


def make_report(
    folder: RunFolder,
    model: SigmoidBeliefNetwork,
    data: Dataset,
    num_test_images: int | None = None,
    num_train_images: int = 0,
    evaluation_samples: int | None = None,
    verbose: int = 0,
) -> dict[str, Any]:
    """Measures the network of a run.

    Args:
        folder: Folder of the run.
        model: Its network.
        data: Its data.
        num_test_images: Test images to use, from the first; None for all.
        num_train_images: Training images of which to report the NLL too.
        evaluation_samples: Samples K of the NLL; None for those of the run's settings.
        verbose: 1 for a progress bar.

    Returns:
        The report. All bounds are of the discrete graph but `relaxed_bound`, in nats.
    """
    config = folder.config()
    architecture = parse_architecture(config.architecture)
    test, train = data.test[:num_test_images], data.train[:num_train_images]
    num_samples = config.num_samples
    many = evaluation_samples or config.evaluation_samples

    def bound(images: np.ndarray, num_samples: int, **kwargs: Any) -> BoundEstimate:
        x = architecture.split(images)
        return evaluate_bound(model, x, num_samples, **{"verbose": False, **kwargs})

    relaxed = bound(test, num_samples, training=True)
    discrete = bound(test, num_samples)
    modelled = slice(-model.visible_units, None)
    naive = base_rate_nll(data.train[:, modelled], test[:, modelled])
    report = {
        "unit": "nats per image",
        "num_test_images": len(test),
        "relaxed_bound": describe(relaxed),
        "discrete_bound": describe(discrete),
        "integrality_gap": _mean_and_error(relaxed.bounds - discrete.bounds),
        "discrete_nll": _nll(bound(test, many, verbose=bool(verbose))),
        "base_rate_nll": _mean_and_error(naive),
    }
    if num_train_images:
        report["num_train_images"] = len(train)
        report["train_nll"] = _nll(bound(train, many, verbose=bool(verbose)))
    return {**report, **_circumstances(folder, config.num_steps(len(data.train)))}


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


def describe(estimate: BoundEstimate) -> dict[str, float]:
    """The estimate without its examples.

    Args:
        estimate: The bounds of several examples.

    Returns:
        Dict of numbers.
    """
    return {
        "num_samples": estimate.num_samples,
        "mean": estimate.mean,
        "standard_error": estimate.standard_error,
        "effective_sample_size": estimate.effective_sample_size,
    }


def _nll(estimate: BoundEstimate) -> dict[str, float]:
    return {**describe(estimate), "mean": -estimate.mean}


def _mean_and_error(values: np.ndarray) -> dict[str, float]:
    return {"mean": float(np.mean(values)), "standard_error": standard_error(values)}


def _circumstances(folder: RunFolder, steps: int) -> dict[str, Any]:
    """Settings, duration, software and hardware of a run."""
    config, history, timing = folder.config(), folder.history(), folder.timing()
    epochs = len(history["val_bound"])
    best = int(np.argmax(history["val_bound"])) + 1 if config.keeps_best else epochs
    return {
        "steps": epochs * steps,
        "steps_of_weights": best * steps,
        "steps_per_second": steps / statistics.median(timing["seconds"]),
        "training_seconds": sum(timing["seconds"]),
        "config": asdict(config),
        "versions": machine.versions(),
        "hardware": machine.hardware(),
    }
