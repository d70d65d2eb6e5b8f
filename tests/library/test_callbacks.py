"""Callbacks for users, beside those of Keras."""

import csv
from unittest import mock

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_concrete as kc
from keras_concrete.callbacks import gradient_draws
from keras_concrete.objectives import importance_weighted_bound

X = np.random.default_rng(0).integers(0, 2, (24, 4)).astype("float32")
KERAS = keras.callbacks


def make_model(**kwargs):
    model = kc.SigmoidBeliefNetwork("3H-4V", seed=0, **kwargs)
    model.compile("sgd", jit_compile=False)
    return model


@pytest.mark.parametrize(
    ("policy", "jit", "steps"), [("float32", False, 1), ("mixed_bfloat16", True, 2)]
)
def test_all_work_beside_keras_and_what_they_log_reaches_every_file(
    policy, jit, steps, tmp_path
):
    keras.config.set_dtype_policy(policy)
    schedule = kc.ExponentialAnnealing(1.0, rate=0.1, minimum=0.1, update_every=1)
    model = make_model(posterior_temperature=schedule, prior_temperature=schedule)
    model.compile("sgd", jit_compile=jit, steps_per_execution=steps)
    logs = tmp_path / "logs"
    history = model.fit(
        X,
        batch_size=12,
        epochs=3,
        verbose=0,
        callbacks=[
            kc.IntegralityGap(X, num_samples=3, batch_size=12),
            kc.TemperatureLog(),
            kc.ImageGrids(logs, X, num_images=4),
            KERAS.EarlyStopping("val_bound_discrete", mode="max", patience=9),
            KERAS.ModelCheckpoint(
                tmp_path / "best.keras",
                "val_bound_discrete",
                mode="max",
                save_best_only=True,
            ),
            KERAS.CSVLogger(tmp_path / "history.csv"),
            KERAS.TensorBoard(logs),
            KERAS.BackupAndRestore(tmp_path / "backup"),
        ],
    ).history
    assert keras.models.load_model(tmp_path / "best.keras").built
    with (tmp_path / "history.csv").open() as file:
        rows = list(csv.DictReader(file))
    for name in ("val_bound_relaxed", "val_integrality_gap", "temperature"):
        np.testing.assert_allclose([float(row[name]) for row in rows], history[name])
    # Epochs of two steps: the temperature of the step that comes next.
    expected = [float(schedule(step)) for step in (2, 4, 6)]
    np.testing.assert_allclose(history["temperature"], expected, rtol=1e-6)
    tags = set()
    for file in logs.rglob("*tfevents*"):
        for event in tf.compat.v1.train.summary_iterator(str(file)):
            tags |= {value.tag for value in event.summary.value}
    assert {"samples", "reconstructions", "epoch_temperature"} <= tags
    assert "epoch_bound_discrete" in tags  # in the file of validation


def test_the_gap_is_that_of_the_two_graphs_and_changes_nothing():
    alone, watched = make_model(), make_model()
    gap = kc.IntegralityGap(X, num_samples=2000, batch_size=12)
    keras.utils.set_random_seed(0)
    alone.fit(X, epochs=2, verbose=0)
    keras.utils.set_random_seed(0)
    logs = watched.fit(X, epochs=2, verbose=0, callbacks=[gap]).history
    for a, b in zip(alone.weights, watched.weights, strict=True):
        np.testing.assert_array_equal(a, b)
    bounds = {
        mode: np.mean(importance_weighted_bound(watched.log_weights(X, 2000, mode, 1)))
        for mode in (True, False)
    }
    np.testing.assert_allclose(logs["val_bound_relaxed"][-1], bounds[True], atol=0.05)
    np.testing.assert_allclose(logs["val_bound_discrete"][-1], bounds[False], atol=0.05)
    differences = np.subtract(logs["val_bound_relaxed"], logs["val_bound_discrete"])
    np.testing.assert_allclose(logs["val_integrality_gap"], differences)


def test_early_stopping_keeps_the_weights_of_the_best_discrete_bound():
    model = make_model()
    gap = kc.IntegralityGap(X, num_samples=5)
    stop = KERAS.EarlyStopping(
        "val_bound_discrete", mode="max", patience=3, restore_best_weights=True
    )
    model.compile(
        keras.optimizers.SGD(1.0), jit_compile=False
    )  # fast: the bound goes up and down
    history = model.fit(X, epochs=50, verbose=0, callbacks=[gap, stop]).history
    bounds = history["val_bound_discrete"]
    assert 0 < np.argmax(bounds) == len(bounds) - 4 < 46
    model.compile(keras.optimizers.SGD(0.0), jit_compile=False)
    [again] = model.fit(X, verbose=0, callbacks=[gap]).history["val_bound_discrete"]
    assert again == pytest.approx(max(bounds), rel=1e-6)


def make_own_model(as_dict):
    """A belief network 3H-4V by hand."""
    x = keras.Input((4,))
    logits = keras.layers.Dense(3)(x)
    state, node = kc.BinaryConcreteSample(0.6, 5, return_node=True, seed=0)(logits)
    samples = {"sample_axis": True}
    log_q = kc.ConcreteLogProb(0.6, **samples)(node, logits)
    log_p = kc.ConcreteLogProb(0.5, **samples)(node, kc.LearnedLogits(3)(x))
    pixels = keras.layers.Dense(4)(kc.HypercubeCode()(state))
    log_likelihood = kc.BernoulliLogLikelihood(**samples)(x, pixels)
    bound = kc.MultiSampleBound()([log_likelihood, log_p], log_q)
    return keras.Model(x, {"bound": bound} if as_dict else bound)


@pytest.mark.parametrize("as_dict", [False, True])
def test_a_model_of_ones_own_has_a_gap_and_is_loaded_with_its_loss(as_dict, tmp_path):
    model, x = make_own_model(as_dict), np.repeat(X, 200, axis=0)
    targets = {"bound": x} if as_dict else x
    loss = kc.NegativeBound()
    model.compile("sgd", {"bound": loss} if as_dict else loss)
    gap = kc.IntegralityGap(x)
    fit = model.fit(x, targets, verbose=0, callbacks=[gap, kc.TemperatureLog()])
    logs = {name: values[-1] for name, values in fit.history.items()}
    assert logs["val_integrality_gap"] != 0 and logs["temperature"] > 0.59
    discrete = -model.evaluate(x, targets, verbose=0, return_dict=True)["loss"]
    # 4,800 examples of a spread below 2 nats: off by 0.1 less often than 1e-5.
    assert logs["val_bound_discrete"] == pytest.approx(discrete, abs=0.1)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    values = again.evaluate(x, targets, verbose=0, return_dict=True)
    assert -values["loss"] == pytest.approx(discrete, abs=0.1)


def test_a_resumed_run_has_the_temperatures_of_one_that_was_not_stopped(tmp_path):
    def fit(folder, epochs, model):
        backup = KERAS.BackupAndRestore(tmp_path / folder, delete_checkpoint=False)
        callbacks = [kc.TemperatureLog(), backup]
        history = model.fit(
            X, batch_size=12, epochs=epochs, verbose=0, callbacks=callbacks
        )
        return history.history["temperature"]

    def model():
        cosine = keras.optimizers.schedules.CosineDecay(1.0, 8, alpha=0.3)
        return make_model(prior_temperature=0.5, posterior_temperature=cosine)

    through = fit("through", 4, model())
    first, second = fit("stopped", 2, model()), fit("stopped", 4, model())
    np.testing.assert_allclose(first + second, through, rtol=1e-6)


def test_a_conditional_network_has_predictions_and_a_gap(tmp_path):
    model = kc.SigmoidBeliefNetwork("2V-3H-2V", seed=0)
    model.compile("sgd")
    pair = X[:, :2], X[:, 2:]
    callbacks = [kc.IntegralityGap(pair), kc.ImageGrids(tmp_path, pair, num_images=9)]
    history = model.fit(*pair, verbose=0, callbacks=callbacks).history
    assert "val_integrality_gap" in history
    [file] = tmp_path.rglob("*tfevents*")
    tags = [
        value.tag
        for event in tf.compat.v1.train.summary_iterator(str(file))
        for value in event.summary.value
    ]
    assert tags == ["predictions"]


@pytest.mark.parametrize("is_own", [False, True])
def test_the_variance_is_that_of_many_gradients_and_changes_nothing(is_own):
    def make():
        model = make_own_model(as_dict=False) if is_own else make_model()
        model.compile("sgd", kc.NegativeBound() if is_own else None, jit_compile=False)
        return model

    alone, watched = make(), make()
    watched.set_weights(alone.get_weights())
    targets = {"y": X} if is_own else {}
    callback = kc.GradientVariance(X, num_draws=200)
    keras.utils.set_random_seed(0)
    alone.fit(X, **targets, verbose=0)
    keras.utils.set_random_seed(0)
    logs = watched.fit(X, **targets, verbose=0, callbacks=[callback]).history
    for a, b in zip(alone.weights, watched.weights, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-7)  # The order of sums varies.

    @tf.function  # Noise of the model's own, one draw after the other.
    def gradient():
        with tf.GradientTape() as tape:
            outputs = watched(X, training=True)
            value = tf.reduce_mean(outputs if is_own else outputs["bound"])
        gradients = tape.gradient(value, [w.value for w in watched.trainable_weights])
        return tf.concat([tf.reshape(g, [-1]) for g in gradients], 0)

    draws = np.stack([gradient() for _ in range(200)])
    variance = draws.var(axis=0, ddof=1).sum()
    assert logs["gradient_variance"][-1] == pytest.approx(variance, rel=0.3)
    square = np.sum(draws.mean(axis=0) ** 2) - variance / 200
    ratio = np.sqrt(square / variance)
    assert logs["gradient_signal_to_noise"][-1] == pytest.approx(ratio, rel=0.3)


def test_a_later_fit_draws_by_the_program_of_the_first(monkeypatch):
    made = mock.Mock(wraps=gradient_draws.compiled_moments)
    monkeypatch.setattr(gradient_draws, "compiled_moments", made)
    model, callback, variances = make_model(), kc.GradientVariance(X, 4), []

    def fit():
        model.compile("sgd", jit_compile=False)
        history = model.fit(X, verbose=0, callbacks=[callback]).history
        variances.append(history["gradient_variance"][0])

    fit()
    fit()
    assert made.call_count == 1 and variances[0] != variances[1]
    next(layer for layer in model.layers if layer.weights).trainable = False
    fit()
    assert made.call_count == 2


def test_the_gradient_of_words_that_are_looked_up_is_that_of_all_words():
    tokens = np.random.default_rng(1).integers(0, 10, (24, 6))
    x = keras.Input((6,), dtype="int32")
    words = keras.layers.GlobalAveragePooling1D()(keras.layers.Embedding(10, 8)(x))
    logits = keras.layers.Dense(3)(words)
    state, node = kc.BinaryConcreteSample(0.6, 4, True, estimator="vimco")(logits)
    score, axis = kc.ConcreteLogProb, {"sample_axis": True}
    log_q = score(0.6, **axis)(node, logits)
    log_p = score(0.6, **axis)(node, kc.LearnedLogits(3)(x))
    target = keras.layers.Lambda(lambda t: keras.ops.cast(t > 4, "float32"))(x)
    log_x = kc.BernoulliLogLikelihood(**axis)(target, keras.layers.Dense(6)(state))
    model = keras.Model(x, kc.MultiSampleBound()([log_x, log_p], log_q))
    model.compile("sgd", kc.NegativeBound())
    watch = [kc.GradientVariance(tokens, 4)]
    history = model.fit(tokens, np.zeros(24), callbacks=watch, verbose=0).history
    assert history["gradient_variance"][0] > 0


@pytest.mark.parametrize("kind", [list, tuple, lambda x: {"a": x[0], "b": x[1]}])
def test_the_gap_of_a_model_of_several_inputs(kind):
    inputs = [keras.Input((4,), name=name) for name in "ab"]
    logits = keras.layers.Dense(3)(keras.layers.Concatenate()(inputs))
    state, node = kc.BinaryConcreteSample(0.6, 4, True, seed=0)(logits)
    score, axis = kc.ConcreteLogProb, {"sample_axis": True}
    log_q = score(0.6, **axis)(node, logits)
    log_p = score(0.6, **axis)(node, kc.LearnedLogits(3)(inputs[0]))
    log_x = kc.BernoulliLogLikelihood(**axis)(inputs[0], keras.layers.Dense(4)(state))
    model = keras.Model(kind(inputs), kc.MultiSampleBound()([log_x, log_p], log_q))
    model.compile("sgd", kc.NegativeBound(), jit_compile=False)
    x = kind([X, 1.0 - X])
    gap = kc.IntegralityGap(x, batch_size=9)
    history = model.fit(x, np.zeros(24), callbacks=[gap], verbose=0).history
    assert history["val_integrality_gap"][0] != 0


@pytest.mark.parametrize(
    ("callback", "message"),
    [
        (lambda: kc.IntegralityGap(X), "functional model whose output is that of Multi"),
        (lambda: kc.GradientVariance(X), "GradientVariance is for a SigmoidBelief"),
        (kc.TemperatureLog, "no layer with a temperature"),
    ],
)
def test_a_model_that_it_is_not_for_is_refused(callback, message):
    model = keras.Sequential([keras.layers.Dense(4)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=message):
        model.fit(X, X, verbose=0, callbacks=[callback()])


class WithoutBound(keras.Model, kc.LatentVariableModel):
    def log_weights(self, x, num_samples, training=False, seed=None):
        return keras.ops.zeros((len(x), num_samples))

    def call(self, x, training=False):
        return x


def test_a_latent_variable_model_that_returns_no_bound_has_no_variance_of_one():
    callback = kc.GradientVariance(X)
    callback.set_model(WithoutBound())
    with pytest.raises(ValueError, match="GradientVariance is for a SigmoidBelief"):
        callback.on_train_begin()
    with pytest.raises(ValueError, match="`num_draws` must be at least 2"):
        kc.GradientVariance(X, num_draws=1)


def test_without_tensorboard_the_error_says_what_to_install(monkeypatch):
    from keras_concrete.callbacks import image_grids

    monkeypatch.setattr(image_grids, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"pip install .*tensorboard"):
        kc.ImageGrids("logs", X)
