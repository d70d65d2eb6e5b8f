"""Steps compiled together are the steps that Keras would have run one by one."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_concrete import SigmoidBeliefNetwork, looped_model

X = np.random.default_rng(0).integers(0, 2, (40, 4)).astype("float32")


class _Executions(keras.callbacks.Callback):
    """Steps done at the end of each call of the train function."""

    def __init__(self):
        super().__init__()
        self.batches = []

    def on_train_batch_end(self, batch, logs=None):
        self.batches.append(batch)


def _fit(batches, together, monkeypatch):
    with monkeypatch.context() as context:
        if not together:
            context.delattr(looped_model.LoopedModel, "make_train_function")
        model = SigmoidBeliefNetwork("3H~4V", num_samples=2, seed=0)
        optimizer = keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.1, 20))
        model.compile(optimizer, jit_compile=True, steps_per_execution=4)
        executions = _Executions()
        kwargs = {"epochs": 2, "shuffle": False, "verbose": 0}
        history = model.fit(batches, callbacks=[executions], **kwargs).history
    return history, executions.batches, model


def _batches(size, drop_remainder):
    weights = np.linspace(0, 1, len(X), dtype="float32")
    rows = tf.data.Dataset.from_tensor_slices((X, X, weights))
    return rows.batch(size, drop_remainder=drop_remainder)


@pytest.mark.parametrize(
    "batches",
    [_batches(6, True), _batches(7, False)],
    ids=["a short last execution", "a short last batch"],
)
def test_steps_together_equal_steps_one_by_one(batches, monkeypatch):
    history, executions, model = _fit(batches, True, monkeypatch)
    expected, expected_executions, other = _fit(batches, False, monkeypatch)
    assert executions == expected_executions
    assert model.train_function.__qualname__.startswith("_compile_loop")
    assert not other.train_function.__qualname__.startswith("_compile_loop")
    for key in expected:
        np.testing.assert_allclose(history[key], expected[key], rtol=1e-6)
    for variable, wanted in zip(model.variables, other.variables, strict=True):
        np.testing.assert_allclose(variable, wanted, rtol=1e-4, atol=1e-6)
