"""`fit` as it is called: many steps in one program, the numbers of single ones."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_concrete import SigmoidBeliefNetwork
from keras_concrete.steps_ahead import acts_between_batches

X = np.random.default_rng(0).integers(0, 2, (45, 4)).astype("float32")
WEIGHTS = np.linspace(0, 1, len(X), dtype="float32")
ONE_BY_ONE = {"jit_compile": True, "steps_per_execution": 1}


def _model(**settings):
    keras.utils.set_random_seed(1)  # The order of arrays, too.
    model = SigmoidBeliefNetwork("2H-4V", num_samples=2, seed=0)
    rate = keras.optimizers.schedules.CosineDecay(0.1, 20)
    model.compile(keras.optimizers.Adam(rate), **settings)
    return model


def _batches(drop_remainder=True):
    rows = tf.data.Dataset.from_tensor_slices((X, X, WEIGHTS))
    return rows.batch(6, drop_remainder=drop_remainder)


def _generator():
    yield from _batches().as_numpy_iterator()


_ARRAYS = {"x": X, "y": X, "sample_weight": WEIGHTS, "batch_size": 6}
# Batches of one shape, so that a model compiles few programs.
DATA = {
    "arrays with a short last batch": lambda: _ARRAYS,
    "a part for validation": lambda: {
        **_ARRAYS,
        "validation_split": 0.2,
        "validation_batch_size": 9,
        "initial_epoch": 1,
    },
    "a dataset with a short last batch": lambda: {"x": _batches(drop_remainder=False)},
    "an endless dataset": lambda: {"x": _batches().repeat(), "steps_per_epoch": 5},
    "a generator": lambda: {"x": _generator()},
}


@pytest.fixture(scope="module")
def models():
    settings = [ONE_BY_ONE, {}, {"jit_compile": True, "steps_per_execution": 4}]
    models = [_model(**each) for each in settings]
    for model in models:
        model.optimizer.build(model.trainable_variables)
    return [(model, _values(model)) for model in models]


def _variables(model):
    return [*model.variables, *model.optimizer.variables]


def _values(model):
    return [np.asarray(variable) for variable in _variables(model)]


def _restore(model, values):
    for variable, value in zip(_variables(model), values, strict=True):
        variable.assign(value)


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@pytest.mark.parametrize("name", DATA)
def test_steps_together_are_those_of_keras_one_by_one(name, models):
    results = []
    for model, start in models[: 3 if name.startswith("a dataset") else 2]:
        keras.utils.set_random_seed(1)
        _restore(model, start)
        data = DATA[name]()
        in_order = "batch_size" in data
        history = model.fit(**data, epochs=3, shuffle=in_order, verbose=0).history
        results.append((history, _values(model)))
    (expected, wanted), *rest = results
    for history, variables in rest:
        assert history.keys() == expected.keys()
        for key in expected:
            np.testing.assert_allclose(history[key], expected[key], rtol=1e-4)
        for value, other in zip(variables, wanted, strict=True):
            np.testing.assert_allclose(value, other, rtol=1e-3, atol=1e-5)


class _Reader(keras.callbacks.Callback):
    """Reads the model after each batch, and what is reported of it."""

    def __init__(self):
        super().__init__()
        self.iterations, self.bounds = [], []

    def on_train_batch_end(self, batch, logs=None):
        self.iterations.append(int(self.model.optimizer.iterations))
        self.bounds.append(logs["bound"])


class _Watcher(_Reader):
    """Shows what is reported, which the model trains ahead of."""

    only_watches = True


def test_the_progress_bar_is_told_of_each_step(models, monkeypatch):
    told = []
    monkeypatch.setattr(
        keras.callbacks.ProgbarLogger,
        "on_train_batch_end",
        lambda self, batch, logs=None: told.append((batch, logs["bound"])),
    )
    for model, start in models[:2]:
        _restore(model, start)
        model.fit(_batches(), shuffle=False, epochs=2)
    steps = len(told) // 2
    assert [batch for batch, _ in told] == [0, 1, 2, 3, 4, 5, 6] * 4 and steps == 14
    np.testing.assert_allclose(
        [bound for _, bound in told[:steps]],
        [bound for _, bound in told[steps:]],
        rtol=1e-4,
    )


def test_a_callback_that_acts_between_batches_finds_the_model_of_that_batch(models):
    reader, model = _Reader(), models[1][0]
    first = int(model.optimizer.iterations)
    model.fit(_batches(), shuffle=False, verbose=0, callbacks=[reader])
    assert reader.iterations == [first + i for i in range(1, 8)]


@pytest.mark.parametrize(
    ("callbacks", "expected"),
    [
        (None, False),
        ([], False),
        (keras.callbacks.History(), False),
        ([keras.callbacks.EarlyStopping(), keras.callbacks.CSVLogger("x")], False),
        (keras.callbacks.ModelCheckpoint("x.keras"), False),
        (keras.callbacks.ModelCheckpoint("x.keras", save_freq=3), True),
        (keras.callbacks.BackupAndRestore("x", save_freq=3), True),
        (keras.callbacks.TerminateOnNaN(), True),
        (keras.callbacks.LambdaCallback(on_epoch_end=print), False),
        ([keras.callbacks.LambdaCallback(on_train_batch_end=print)], True),
        ([[_Reader()]], True),
        (_Watcher(), False),
        (keras.callbacks.CallbackList([]), True),
    ],
)
def test_which_callbacks_act_between_batches(callbacks, expected):
    assert acts_between_batches(callbacks) is expected


def test_what_the_user_leaves_open_is_decided_where_the_model_is(tmp_path):
    model = _model()
    assert model.jit_compile and model.steps_per_execution == 1
    config = model.get_compile_config()
    assert not {"jit_compile", "steps_per_execution"} & set(config)
    assert not _model(jit_compile=False).jit_compile
    assert _model(jit_compile=False).get_compile_config()["jit_compile"] is False
    assert _model(**ONE_BY_ONE).get_compile_config()["steps_per_execution"] == 1
    assert not _model(run_eagerly=True).jit_compile
    with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
        assert not _model().jit_compile
    model.optimizer.build(model.trainable_variables)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.get_compile_config().keys() == config.keys() and loaded.jit_compile
