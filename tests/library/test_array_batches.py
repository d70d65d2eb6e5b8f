"""Arrays in the batches and orders that Keras gives them."""

import keras
import numpy as np
import pytest

from keras_concrete.array_batches import array_batches, with_batches

X = np.arange(22.0).reshape(11, 2)
Y = np.arange(11)


def _rows(dataset):
    return [np.asarray(batch).tolist() for batch in dataset]


def test_each_pass_has_every_row_once_and_an_order_of_its_own():
    keras.utils.set_random_seed(3)
    dataset = array_batches([Y], 4, shuffle=True)
    passes = [_rows(dataset) for _ in range(3)]
    assert [[len(batch) for batch in each] for each in passes] == [[4, 4, 3]] * 3
    orders = [[row for batch in each for row in batch] for each in passes]
    assert all(sorted(order) == list(range(11)) for order in orders)
    assert orders[0] != orders[1] != orders[2] != list(range(11))
    keras.utils.set_random_seed(3)
    assert [_rows(array_batches([Y], 4, shuffle=True)) for _ in range(1)] == passes[:1]


def test_rows_stay_together_and_floats_are_of_keras_type():
    for x, y, weights in array_batches([X, Y, Y / 2], 3, shuffle=True):
        np.testing.assert_array_equal(x[:, 0] / 2, y)
        np.testing.assert_array_equal(weights * 2, y)
        assert x.dtype == weights.dtype == "float32" and y.dtype == "int64"


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5])
def test_the_part_for_validation_is_what_keras_takes(share):
    class Count(keras.callbacks.Callback):
        def on_test_batch_end(self, batch, logs=None):
            self.batches = batch + 1

    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile("sgd", "mse", run_eagerly=True)
    count = Count()
    model.fit(X, Y, 1, validation_split=share, verbose=0, callbacks=[count])
    given = with_batches({"x": X, "y": Y, "batch_size": 1, "validation_split": share})
    assert given["x"].cardinality() == int(model.optimizer.iterations)
    assert given["validation_data"].cardinality() == count.batches
    assert given["validation_split"] == 0.0 and given["shuffle"] is False
    last = [int(y[0]) for _, y in given["validation_data"]]
    assert last == list(range(11 - len(last), 11))


@pytest.mark.parametrize(
    "more",
    [
        {"class_weight": {0: 1.0}},
        {"steps_per_epoch": 2},
        {"shuffle": "batch"},
        {"y": Y[:5]},
        {"x": {"a": X}},
        {"x": X.tolist()},
        {"y": None, "sample_weight": Y},
        {"x": None, "y": None},
        {"validation_split": 0.95},  # Of which Keras says what is wrong.
    ],
)
def test_what_is_more_than_arrays_is_left_to_keras(more):
    given = {"x": X, "y": Y, **more}
    assert with_batches(given) == given


def test_data_for_validation_have_their_own_batch_size_and_no_new_order():
    given = with_batches(
        {"x": X, "validation_data": (X, Y), "validation_batch_size": 6, "batch_size": 2}
    )
    assert [len(y) for _, y in given["validation_data"]] == [6, 5]
    assert _rows(y for _, y in given["validation_data"]) == [[*range(6)], [*range(6, 11)]]
    assert given["x"].cardinality() == 6
    kept = with_batches({"x": X, "validation_data": given["x"]})
    assert kept["validation_data"] is given["x"]
