"""Schedules and reports in training steps and loops as users write them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_concrete as kc

X = np.zeros((50, 8), "float32")
FALLING = keras.optimizers.schedules.ExponentialDecay(1.0, 10, 0.5)


class Own(keras.Model):
    """The pattern of Keras's example of a VAE; asks none of the layers' metrics."""

    metric = keras.metrics.Mean

    def __init__(self, calls=1, setting=FALLING, **sampler):
        super().__init__()
        self.encode, self.decode = keras.layers.Dense(5), keras.layers.Dense(8)
        self.code = kc.BinaryConcreteSample(setting, seed=0, **sampler)
        self.tracker = self.metric(name="total")
        self.calls = calls

    def call(self, x, training=False):
        for _ in range(self.calls):
            x = self.decode(self.code(self.encode(x), training=training))
        return x

    def train_step(self, x):
        with tf.GradientTape() as tape:
            loss = keras.ops.mean((self(x, training=True) - x) ** 2)
        gradients = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply_gradients(
            zip(gradients, self.trainable_weights, strict=True)
        )
        self.tracker.update_state(loss)
        return {"total": self.tracker.result()}


class Tracking(Own):
    @property
    def metrics(self):
        return [self.tracker]


@pytest.mark.parametrize("calls", [1, 2])
@pytest.mark.parametrize(("jit_compile", "steps"), [(False, 1), (True, 1), (False, 5)])
@pytest.mark.parametrize("kind", [Own, Tracking])
def test_a_step_ends_where_the_next_begins(kind, jit_compile, steps, calls):
    model = kind(calls)
    model.compile("adam", jit_compile=jit_compile, steps_per_execution=steps)
    model.fit(X, batch_size=10, epochs=2, verbose=0)
    # The last of ten is open yet where no one asks at the end of an epoch.
    expected = FALLING(9 if kind is Tracking else 10)
    assert float(model.code.current_temperature) == pytest.approx(float(expected))


def test_passes_by_a_seed_are_no_steps():
    model = Own()
    model.compile("adam")
    model.fit(X, batch_size=10, epochs=1, verbose=0)

    @tf.function
    def relaxed(key):
        with kc.seeding.fixed_noise(model, key):
            return model(X, training=True)

    for seed in range(3):
        relaxed(tf.constant([0, seed], "uint32"))
    assert float(model.code.current_temperature) == pytest.approx(float(FALLING(5)))


class FromTheGuide(Own):
    """Keras's guide to a `train_step` of one's own: all metrics get y and y_pred."""

    metric = keras.metrics.MeanSquaredError

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(y=y, y_pred=y_pred)
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(y, y_pred)
        return {metric.name: metric.result() for metric in self.metrics}


class FromAnotherGuide(FromTheGuide):
    """With layers that report: a KL, gates, codes, a variable temperature."""

    def __init__(self):
        variable = keras.Variable(0.5, trainable=False)
        super().__init__(setting=variable, prior="uniform", name="z")
        self.gates = kc.HardConcrete(l0_weight=0.1, name="gates")
        self.codes = kc.CategoricalCodebook(4, 5, name="codes")

    def call(self, x, training=False):
        x = self.gates(self.encode(x), training=training)
        return super().call(self.decode(self.codes(x, training=training)), training)


@pytest.mark.parametrize("kind", [FromTheGuide, FromAnotherGuide])
def test_a_loop_over_all_metrics_updates_the_users_own_only(kind):
    model = kind()
    model.compile("adam", "mse")
    logs = model.fit(X, X, batch_size=10, epochs=1, verbose=0).history
    if kind is FromTheGuide:
        assert set(logs) == {"loss", "total"}
    else:
        assert {"loss", "total", "codes_bits", "codes_perplexity"} < set(logs)
        assert all(logs[name][0] > 0 for name in ("z_kl", "gates_l0", "codes_usage"))


def _with_a_constant_kl():
    """A model whose KL no step changes."""
    x = keras.Input((8,))
    code = kc.BinaryConcreteSample(0.5, prior="uniform", name="code", seed=0)
    model = keras.Model(x, keras.layers.Dense(8)(code(keras.layers.Dense(5)(x))))
    model.compile(keras.optimizers.SGD(0.0), "mse")
    return model


def _kl(model, x):
    model(x, training=True)
    return float(sum(model.losses))


class Calls(keras.callbacks.Callback):
    """Runs the model in its training graph between two steps, and in the other."""

    def on_train_batch_end(self, batch, logs=None):
        self.model(X + 7.0, training=True)

    def on_test_batch_end(self, batch, logs=None):
        self.model(X + 7.0)
        self.model(X + 7.0, training=True)


@pytest.mark.parametrize("jit_compile", [True, False])
def test_calls_from_a_callback_count_in_no_report(jit_compile):
    model = _with_a_constant_kl()
    model.compile(keras.optimizers.SGD(0.0), "mse", jit_compile=jit_compile)
    x = np.random.default_rng(0).normal(size=X.shape).astype("float32")
    pieces = {"batch_size": 20, "validation_data": (x, x), "verbose": 0}
    logs = model.fit(x, x, epochs=2, callbacks=[Calls()], **pieces).history
    kl = _kl(model, x)
    np.testing.assert_allclose(logs["code_kl"], [kl, kl], rtol=1e-5)
    np.testing.assert_allclose(logs["val_code_kl"], [kl, kl], rtol=1e-5)


@pytest.mark.parametrize("jit_compile", [True, False])
def test_a_look_from_a_callback_is_no_step_of_a_schedule(jit_compile):
    code = kc.BinaryConcreteSample(FALLING)
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(8), code])
    model.compile("sgd", "mse", jit_compile=jit_compile)
    model.fit(X, X, batch_size=10, epochs=2, verbose=0, callbacks=[Calls()])
    assert float(code.current_temperature) == pytest.approx(float(FALLING(10)))


def test_a_compiled_loop_that_asks_once_an_epoch_is_told_of_its_last_step():
    model = _with_a_constant_kl()
    step = tf.function(lambda x: model(x, training=True))
    for _ in range(10):
        step(X + 1.0)
    kl = _kl(_with_the_weights_of(model), X + 1.0)
    assert float(model.get_metrics_result()["code_kl"]) == pytest.approx(kl)


def _with_the_weights_of(model):
    other = _with_a_constant_kl()
    other.set_weights(model.get_weights())
    return other


def test_a_loop_of_ones_own_is_told_of_its_steps_after_fit_too():
    model = _with_a_constant_kl()
    model.fit(X, X, batch_size=25, verbose=0)
    model.reset_metrics()
    model(X + 1.0, training=True)
    first = float(model.get_metrics_result()["code_kl"])
    assert first == pytest.approx(float(sum(model.losses)))
    model.fit(X, X, batch_size=25, verbose=0)  # After which nothing is reset.
    before = float(model.get_metrics_result()["code_kl"])
    for _ in range(20):
        model(X + 1.0, training=True)
        after = float(model.get_metrics_result()["code_kl"])
    assert abs(after - first) < abs(after - before)


def test_replicas_count_steps_and_calls_alike():
    strategy = tf.distribute.MirroredStrategy(
        ["cpu:0", "cpu:1"], cross_device_ops=tf.distribute.ReductionToOneDevice()
    )
    with strategy.scope():
        model = Own()
        model.compile("adam", jit_compile=False)
    model.fit(X, batch_size=10, epochs=2, verbose=0)
    with strategy.scope():
        reporting = _with_a_constant_kl()
        reporting.compile(keras.optimizers.SGD(0.0), "mse", jit_compile=False)
    x = np.random.default_rng(0).normal(size=(40, 8)).astype("float32")
    logs = reporting.fit(x, x, batch_size=20, callbacks=[Calls()], verbose=0).history
    np.testing.assert_allclose(logs["code_kl"][0], _kl(reporting, x), rtol=1e-5)
    for value in strategy.experimental_local_results(
        model.code._temperature._clock.step.value
    ):
        assert int(value) == 10
