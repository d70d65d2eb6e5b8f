"""Settings that change while a model trains: schedules count its training steps."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_concrete as kc

KERAS = keras.optimizers.schedules
GENERATOR = np.random.default_rng(0)
X = GENERATOR.integers(0, 2, (24, 5)).astype("uint8")
FLOATS = X.astype("float32")
COSINE = KERAS.CosineDecay(1.0, 40, alpha=0.1)
PIECES = {"batch_size": 4, "verbose": 0}  # 6 steps an epoch.


def assert_at(step, *layers, schedule=COSINE):
    """The next step's temperature is the schedule's, to the last bit."""
    expected = float(schedule(step))
    assert [float(layer.current_temperature) for layer in layers] == [expected] * len(
        layers
    )


def sequential(schedule=COSINE, **kwargs):
    sampler = kc.BinaryConcreteSample(schedule, seed=0)
    model = keras.Sequential([keras.layers.Dense(5), sampler, keras.layers.Dense(5)])
    model.compile("sgd", "mse", **kwargs)
    return model, sampler


@pytest.mark.parametrize(
    ("schedule", "jit_compile"),
    [
        (kc.ExponentialAnnealing(1.0, rate=0.1, minimum=0.4, update_every=2), True),
        (KERAS.CosineDecay(1.0, 12, alpha=0.3), False),
    ],
    ids=["by XLA", "without"],
)
def test_a_model_follows_its_schedule_and_goes_on_after_it_was_saved(
    schedule, jit_compile, tmp_path
):
    model = kc.SigmoidBeliefNetwork(
        "3H-2H-5V", posterior_temperature=schedule, prior_temperature=0.5, seed=0
    )
    model.compile("sgd", jit_compile=jit_compile, steps_per_execution=2)
    model.fit(X, **PIECES)
    names = ["latent_1_arity_2", "latent_2_arity_2", "log_posterior_1", "log_posterior_2"]

    def scheduled(model):
        return [model.get_layer(name) for name in names]

    assert_at(6, *scheduled(model), schedule=schedule)
    assert float(model.get_layer("log_prior_1").current_temperature) == 0.5
    model.evaluate(X, verbose=0)
    kc.evaluate_bound(model, X, 10, training=True, verbose=False)
    assert_at(6, *scheduled(model), schedule=schedule)
    model.save(tmp_path / "model.keras")
    model = keras.models.load_model(tmp_path / "model.keras")
    assert_at(6, *scheduled(model), schedule=schedule)
    model.fit(X, **PIECES)
    assert_at(12, *scheduled(model), schedule=schedule)


@pytest.mark.parametrize(
    "compiling",
    [
        {"run_eagerly": True},
        {"jit_compile": False},
        {"jit_compile": True},
        {"jit_compile": False, "steps_per_execution": 4},
        {"jit_compile": True, "steps_per_execution": 3},
        {"optimizer": keras.optimizers.SGD(0.1, gradient_accumulation_steps=3)},
    ],
    ids=["eager", "graph", "xla", "four graphs", "three xla", "accumulation"],
)
def test_however_the_steps_are_run_each_batch_is_one(compiling):
    model, sampler = sequential()
    model.compile(**{"optimizer": "sgd", "loss": "mse", **compiling})
    model.fit(FLOATS, FLOATS, **PIECES, validation_data=(FLOATS, FLOATS), epochs=2)
    assert_at(12, sampler)


def test_what_is_between_the_steps_of_a_loop_of_batches_does_not_count():
    model, sampler = sequential()
    for step in range(5):
        model.train_on_batch(FLOATS, FLOATS)
        assert_at(step + 1, sampler)
        model.test_on_batch(FLOATS, FLOATS)
        model.predict(FLOATS, verbose=0)
        model(FLOATS, training=True)  # A look at the relaxed graph,
        model.evaluate(FLOATS, FLOATS, verbose=0)  # which no step has asked for.
        assert_at(step + 1, sampler)


class Cell(keras.layers.Layer):
    """A recurrent cell with a binary state."""

    def __init__(self, schedule, **kwargs):
        super().__init__(**kwargs)
        self.state_size = self.output_size = 5
        self.dense = keras.layers.Dense(5)
        self.sample = kc.BinaryConcreteSample(schedule, seed=0)

    def build(self, shape):
        self.dense.build((None, 5))
        self.sample.build((None, 5))

    def call(self, inputs, states, training=False):
        state = self.sample(self.dense(inputs + states[0]), training=training)
        return state, [state]


@pytest.mark.parametrize("unroll", [False, True])
def test_a_cell_of_twenty_time_steps_makes_one_step(unroll):
    cell = Cell(COSINE)
    recurrent = keras.layers.RNN(cell, return_sequences=True, unroll=unroll)
    model = keras.Sequential([keras.Input((20, 5)), recurrent])
    model.compile("sgd", "mse", jit_compile=False)
    series = GENERATOR.normal(size=(12, 20, 5)).astype("float32")
    model.fit(series, series, **PIECES)
    assert_at(3, cell.sample)


def test_a_layer_that_is_called_twice_in_a_step_makes_one_step():
    x = keras.Input((5,))
    sampler = kc.BinaryConcreteSample(COSINE, seed=0)
    state = sampler(keras.layers.Dense(5)(sampler(keras.layers.Dense(5)(x))))
    model = keras.Model(x, state)
    model.compile("sgd", "mse")
    model.fit(FLOATS, FLOATS, **PIECES)
    assert_at(6, sampler)


def test_a_model_that_fit_builds_in_a_graph_follows_a_schedule():
    model, sampler = sequential()
    model.fit(FLOATS, FLOATS, **PIECES)
    assert_at(6, sampler)


def test_replicas_of_a_strategy_make_one_step_together(tmp_path):
    devices = [device.name for device in tf.config.list_logical_devices("CPU")[:2]]
    with tf.distribute.MirroredStrategy(devices).scope():
        model, sampler = sequential(jit_compile=False)
    model.fit(FLOATS, FLOATS, **PIECES)
    assert_at(6, sampler)
    model.save(tmp_path / "model.keras")
    assert_at(6, keras.models.load_model(tmp_path / "model.keras").layers[1])


def test_a_layer_is_relaxed_at_the_temperature_of_its_step():
    schedule = KERAS.PolynomialDecay(1.0, 4, 0.2)
    layer = kc.BinaryConcreteSample(schedule, return_node=True)
    [clock] = layer._metrics
    logits = np.full((1, 3), 7.0, "float32")
    noisy = []
    for step in range(6):
        expected = max(0.2, 1.0 - 0.2 * step)
        for _ in range(2):  # Two calls of one step.
            layer.seed_generator.state.assign([3, 3])  # The same noise again.
            _, node = layer(logits, training=True)
            np.testing.assert_allclose(layer.current_temperature, expected, rtol=1e-6)
            noisy.append(np.asarray(node) * expected)
        layer(logits)
        clock.result()  # As `train_step` asks.
    np.testing.assert_allclose(noisy, np.broadcast_to(noisy[0], (12, 1, 3)), rtol=1e-5)


class _Crash(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.optimizer.iterations) >= 10:
            raise KeyboardInterrupt


def test_killed_within_an_epoch_a_schedule_goes_on_in_step_with_the_optimizer(tmp_path):
    def fit(*callbacks):
        model = kc.SigmoidBeliefNetwork("3H-5V", posterior_temperature=COSINE)
        model.compile("adam", jit_compile=False, steps_per_execution=2)
        backup = keras.callbacks.BackupAndRestore(tmp_path, save_freq=2)
        model.fit(X, **PIECES, epochs=3, callbacks=[backup, *callbacks])
        return model

    with pytest.raises(KeyboardInterrupt):
        fit(_Crash())  # 10 of 3 times 6 steps.
    resumed = fit()  # Keras begins the epoch anew, with the weights of step 10.
    steps = int(resumed.optimizer.iterations)
    assert steps == 10 + 2 * 6
    layers = map(resumed.get_layer, ("latent_1_arity_2", "log_posterior_1"))
    assert_at(steps, *layers)


def test_a_loaded_network_has_its_schedules(tmp_path):
    schedule = kc.ExponentialAnnealing(rate=1e-3)
    model = kc.SigmoidBeliefNetwork("3H-6V", posterior_temperature=schedule)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.posterior_temperature.get_config() == schedule.get_config()
    assert loaded.prior_temperature is None


# --- Settings are no weights --------------------------------------------------------


def variable():
    return keras.Variable(0.7, trainable=False)


def network(temperature, **kwargs):
    model = kc.SigmoidBeliefNetwork(
        "3H~2H-5V", posterior_temperature=temperature, seed=0, **kwargs
    )
    model.compile("sgd", jit_compile=False)
    return model


@pytest.mark.parametrize(
    ("trained_at", "served_at"), [(COSINE, 0.25), (0.25, COSINE), (COSINE, COSINE)]
)
def test_weights_go_from_one_setting_to_another_and_the_one_given_wins(
    trained_at, served_at, tmp_path
):
    trained, served = network(trained_at), network(served_at)
    trained.fit(X, **PIECES)
    trained.save_weights(tmp_path / "model.weights.h5")
    served.load_weights(tmp_path / "model.weights.h5")
    for weight, other in zip(trained.weights, served.weights, strict=True):
        np.testing.assert_array_equal(weight, other)
    assert not [w.path for w in trained.weights if "clock" in w.path]
    steps = 6 if trained_at is served_at else 0
    expected = 0.25 if served_at == 0.25 else float(COSINE(steps))
    found = float(served.get_layer("latent_1_arity_2").current_temperature)
    assert found == pytest.approx(expected)
    relaxed = [m.log_weights(X, 3, training=True, seed=0) for m in (trained, served)]
    assert np.array_equal(*relaxed) == (trained_at is served_at)
    discrete = [m.log_weights(X, 3, seed=0) for m in (trained, served)]
    np.testing.assert_array_equal(*discrete)


def test_a_model_file_may_be_served_at_another_temperature(tmp_path):
    trained = network(COSINE)
    trained.fit(X, **PIECES)
    trained.save(tmp_path / "model.keras")
    served = network(0.25)
    served.load_weights(tmp_path / "model.keras")
    for weight, other in zip(trained.weights, served.weights, strict=True):
        np.testing.assert_array_equal(weight, other)
    assert served.get_layer("latent_1_arity_2").current_temperature == 0.25


def test_two_estimators_exchange_weights_but_for_baselines(tmp_path):
    trained = network(0.5, estimator="concrete")
    trained.fit(X, **PIECES)
    trained.save_weights(tmp_path / "model.weights.h5")
    other = network(0.5, estimator="vimco", num_samples=2)
    other.load_weights(tmp_path / "model.weights.h5")
    discrete = [m.log_weights(X, 3, seed=0) for m in (trained, other)]
    np.testing.assert_array_equal(*discrete)


def test_a_variable_is_followed_and_saved_as_the_number_that_it_is(tmp_path):
    temperature = variable()
    layer = kc.BinaryConcreteSample(temperature, seed=0)
    model = keras.Sequential([keras.Input((5,)), layer])
    temperature.assign(0.3)
    assert float(layer.current_temperature) == pytest.approx(0.3)
    assert layer.weights == [] and model.weights == []
    model.compile("sgd", "mse")
    model.evaluate(FLOATS, FLOATS, verbose=0)  # Resets all that is reported.
    assert float(temperature) == pytest.approx(0.3)
    model.save(tmp_path / "model.keras")
    [revived] = keras.models.load_model(tmp_path / "model.keras").layers
    assert revived.temperature == pytest.approx(0.3)
    assert isinstance(revived.temperature, float)
