"""Batches whose order follows from a seed."""

import numpy as np
import pytest

from keras_concrete.shuffled_batches import shuffled_batches


def test_an_epoch_is_a_permutation_and_epochs_differ():
    stream = shuffled_batches(np.arange(12), batch_size=4, seed=0)
    batches = list(stream.take(9).as_numpy_iterator())
    epochs = np.concatenate(batches).reshape(3, 12)
    assert all(sorted(epoch) == list(range(12)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3


def test_a_stream_from_a_later_step_continues_the_stream():
    images = np.arange(26, dtype="uint8").reshape(13, 2)
    whole = shuffled_batches(images, batch_size=4, seed=7)
    later = shuffled_batches(images, batch_size=4, seed=7, first_step=6)
    expected = list(whole.skip(6).take(5).as_numpy_iterator())
    np.testing.assert_array_equal(expected, list(later.take(5).as_numpy_iterator()))
    other = shuffled_batches(images, batch_size=4, seed=8, first_step=6)
    assert not np.array_equal(expected, list(other.take(5).as_numpy_iterator()))


def test_a_batch_larger_than_the_data_is_refused():
    with pytest.raises(ValueError, match=r"`batch_size` must be at most.*3"):
        shuffled_batches(np.arange(3), batch_size=4, seed=0)
