"""Temperatures that change while a model trains."""

import warnings

import keras
import numpy as np
import pytest

import keras_concrete as kc
from keras_concrete import temperatures

KERAS = keras.optimizers.schedules
GENERATOR = np.random.default_rng(0)
X = GENERATOR.integers(0, 2, (24, 5)).astype("uint8")


def test_exponential_annealing_is_jangs():
    schedule = kc.ExponentialAnnealing(2.0, rate=0.01, minimum=0.5, update_every=10)
    steps = np.arange(300)
    expected = np.maximum(0.5, 2.0 * np.exp(-0.01 * (steps // 10 * 10)))
    ours = [float(schedule(step)) for step in steps]
    np.testing.assert_allclose(ours, expected, rtol=1e-6)
    revived = KERAS.deserialize(KERAS.serialize(schedule))
    assert revived.get_config() == schedule.get_config()


@pytest.mark.parametrize(
    "schedule",
    [
        kc.ExponentialAnnealing(1.0, rate=0.1, minimum=0.4, update_every=2),
        KERAS.CosineDecay(1.0, 12, alpha=0.3),
    ],
    ids=lambda schedule: type(schedule).__name__,
)
def test_a_model_follows_its_schedule_and_goes_on_after_it_was_saved(schedule, tmp_path):
    model = kc.SigmoidBeliefNetwork(
        "3H~2H~5V", posterior_temperature=schedule, prior_temperature=0.5, seed=0
    )
    model.compile("sgd", jit_compile=True, steps_per_execution=2)
    model.fit(X, batch_size=4, epochs=1, verbose=0)  # 6 steps
    scheduled = [
        "latent_1_arity_2",
        "latent_2_arity_2",
        "log_posterior_1",
        "log_posterior_2",
    ]

    def temperatures(model):
        return [float(model.get_layer(n).current_temperature) for n in scheduled]

    # the sixth step had the temperature of step 5, counted from 0
    np.testing.assert_allclose(temperatures(model), float(schedule(5)), rtol=1e-6)
    assert float(model.get_layer("log_prior_1").current_temperature) == 0.5
    model.evaluate(X, verbose=0)
    kc.evaluate_bound(model, X, 10, training=True, verbose=False)
    np.testing.assert_allclose(temperatures(model), float(schedule(5)), rtol=1e-6)
    model.save(tmp_path / "model.keras")
    model = keras.models.load_model(tmp_path / "model.keras")
    model.fit(X, batch_size=4, epochs=1, verbose=0)
    np.testing.assert_allclose(temperatures(model), float(schedule(11)), rtol=1e-6)


def test_a_model_that_fit_builds_in_a_graph_follows_a_schedule():
    schedule = KERAS.CosineDecay(1.0, 12, alpha=0.3)
    model = keras.Sequential([kc.BinaryConcreteSample(schedule), keras.layers.Dense(5)])
    model.compile("sgd", "mse")
    model.fit(X, X, batch_size=4, verbose=0)  # 6 steps
    last = float(model.layers[0].current_temperature)
    assert last == pytest.approx(float(schedule(5)), rel=1e-6)


def test_a_layer_is_relaxed_at_the_temperature_of_its_step():
    layer = kc.BinaryConcreteSample(KERAS.PolynomialDecay(1.0, 4, 0.2), return_node=True)
    logits = np.full((1, 3), 7.0, "float32")
    noisy = []
    for step in range(6):
        generator = layer.seed_generator.state
        generator.assign([3, 3])  # the same noise again
        _, node = layer(logits, training=True)
        expected = max(0.2, 1.0 - 0.2 * step)
        np.testing.assert_allclose(layer.current_temperature, expected, rtol=1e-6)
        noisy.append(np.asarray(node) * expected)
        layer(logits)  # no step
    np.testing.assert_allclose(noisy, np.broadcast_to(noisy[0], (6, 1, 3)), rtol=1e-5)


def test_configs_hold_schedules():
    schedule = kc.ExponentialAnnealing(rate=1e-5)
    for layer in (
        kc.ConcreteSample(schedule),
        kc.ConcreteLogProb(schedule, num_states=3),
        kc.RelaxedKL(schedule, KERAS.CosineDecay(0.5, 10, alpha=0.1)),
    ):
        revived = keras.layers.deserialize(keras.layers.serialize(layer))
        assert revived.get_config() == layer.get_config()


@pytest.mark.parametrize("temperature", [0, -1.0, float("nan"), "warm", None, True])
def test_what_is_no_temperature_is_refused(temperature):
    with pytest.raises(ValueError, match="`temperature` must be a positive number"):
        kc.BinaryConcreteSample(temperature)


@pytest.mark.parametrize(
    ("schedule", "step"),
    [
        (KERAS.PolynomialDecay(0.0, 10, 1.0), 0),
        (KERAS.CosineDecay(1.0, 20), 20),
        (KERAS.CosineDecay(0.5, 3, warmup_target=1.0, warmup_steps=2), 5),
        (KERAS.PolynomialDecay(1.0, 30, 0.0), 30),
    ],
)
def test_a_schedule_that_is_zero_where_it_starts_or_ends_is_refused(schedule, step):
    message = f"`temperature` must be a schedule of positive .* 0 at step {step}: "
    with pytest.raises(ValueError, match=message):
        kc.BinaryConcreteSample(schedule)


def test_an_analytic_kl_takes_no_steps_outside_training():
    kl = kc.RelaxedKL(
        KERAS.CosineDecay(1.0, 9, alpha=0.1), kc.ExponentialAnnealing(), 2, "analytic"
    )
    node = logits = np.zeros((2, 3), "float32")
    kl((node, logits, logits))
    assert not [weight for weight in kl.weights if "step" in weight.path]


def test_suggested_temperatures_are_the_papers_where_it_has_them():
    assert kc.suggest_temperature(2)[:3] == (1 / 2, 2 / 3, 1.0)
    assert kc.suggest_temperature(4)[:3] == (2 / 3, 1.0, 1 / 3)
    assert kc.suggest_temperature(8)[:3] == (2 / 5, 2 / 3, 1 / 7)
    advice = kc.suggest_temperature(64)
    assert advice.safe_below == 1 / 63 and "8 states" in advice.reason
    with pytest.raises(ValueError, match="`num_states`"):
        kc.suggest_temperature(1)


def _warnings_of(make):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        make()
    return [w for w in caught if "interior of the simplex" in str(w.message)]


@pytest.mark.parametrize(
    "make",
    [
        lambda: kc.BinaryConcreteSample(1.01),
        lambda: kc.ConcreteSample(1.01),
        lambda: kc.ConcreteLogProb(1.01, num_states=3),
        lambda: kc.RelaxedKL(1.01, prior_temperature=1.01),
        lambda: kc.SigmoidBeliefNetwork("3H~2H-4V", posterior_temperature=1.01),
        lambda: kc.SigmoidBeliefNetwork("12H-4V", arity=8, prior_temperature=1.01),
    ],
    ids=["binary", "n-ary", "density", "KL", "network", "prior"],
)
def test_what_is_warmer_than_one_is_warned_of_once_where_the_user_made_it(make):
    temperatures._WARNED_OF.clear()
    [warning] = _warnings_of(make)
    assert "The temperature 1.01 is above 1" in str(warning.message)
    assert warning.filename == __file__
    assert _warnings_of(make) == []  # of a second layer, or a model that is loaded


def test_where_no_proposition_holds_or_it_will_cool_there_is_no_warning():
    kc.ConcreteSample(1.0)
    kc.ConcreteSample(kc.ExponentialAnnealing(10.0, minimum=0.1))
    for estimator in ("vimco", "straight_through", "gaussian", "logistic_normal"):
        kc.BinaryConcreteSample(2.0, estimator=estimator)


@pytest.mark.parametrize("arity", [2, 4, 8])
def test_the_papers_temperatures_have_no_warning(arity):
    kc.SigmoidBeliefNetwork("12H~12H~4V", arity=arity)
    kc.SigmoidBeliefNetwork("4V-12H-4V", arity=arity)


SCHEDULES = {
    "constant": KERAS.PiecewiseConstantDecay([99], [0.5, 0.5]),
    "exponential": KERAS.ExponentialDecay(1.0, 6, 0.5),
    "linear": KERAS.PolynomialDecay(1.0, 12, 0.5),
    "cosine": KERAS.CosineDecay(1.0, 12, alpha=0.5),
    "Jang's": kc.ExponentialAnnealing(1.0, rate=0.1, update_every=2),
}


@pytest.mark.parametrize("kind", SCHEDULES)
def test_each_kind_of_schedule_is_followed_under_xla_saved_and_restored(kind, tmp_path):
    schedule = SCHEDULES[kind]

    def temperature_after(epochs):
        layers = [keras.Input((5,)), kc.BinaryConcreteSample(schedule)]
        model = keras.Sequential([*layers, keras.layers.Dense(5)])
        model.compile("sgd", "mse", jit_compile=True, steps_per_execution=3)
        backup = keras.callbacks.BackupAndRestore(tmp_path, delete_checkpoint=False)
        x = X.astype("float32")
        model.fit(x, x, batch_size=4, epochs=epochs, verbose=0, callbacks=[backup])
        return float(model.layers[0].current_temperature)

    np.testing.assert_allclose(temperature_after(1), float(schedule(5)), rtol=1e-6)
    # a new model goes on from the backup
    np.testing.assert_allclose(temperature_after(2), float(schedule(11)), rtol=1e-6)


class _Crash(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.optimizer.iterations) >= 10:
            raise KeyboardInterrupt


def test_killed_within_an_epoch_a_schedule_goes_on_in_step_with_the_optimizer(tmp_path):
    schedule = KERAS.CosineDecay(1.0, 40, alpha=0.1)

    def fit(*callbacks):
        model = kc.SigmoidBeliefNetwork("3H-5V", posterior_temperature=schedule)
        model.compile("adam", jit_compile=True, steps_per_execution=2)
        backup = keras.callbacks.BackupAndRestore(tmp_path, save_freq=2)
        callbacks = [backup, *callbacks]
        model.fit(X, batch_size=4, epochs=3, verbose=0, callbacks=callbacks)
        return model

    with pytest.raises(KeyboardInterrupt):
        fit(_Crash())  # 10 of 3 times 6 steps
    resumed = fit()  # Keras begins the epoch anew, with the weights of step 10
    steps = int(resumed.optimizer.iterations)
    assert steps == 10 + 2 * 6
    for name in ("latent_1_arity_2", "log_posterior_1"):
        temperature = float(resumed.get_layer(name).current_temperature)
        assert temperature == pytest.approx(float(schedule(steps - 1)), rel=1e-6)


def test_a_loaded_network_has_its_schedules(tmp_path):
    schedule = kc.ExponentialAnnealing(rate=1e-3)
    model = kc.SigmoidBeliefNetwork("3H-6V", posterior_temperature=schedule)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.posterior_temperature.get_config() == schedule.get_config()
    assert loaded.prior_temperature is None


def test_one_that_begins_at_0_is_told_so():
    schedule = KERAS.CosineDecay(0.0, 9, alpha=0.5, warmup_target=1.0, warmup_steps=2)
    with pytest.raises(ValueError, match=r"0 at step 0.*Have it begin above 0$"):
        kc.BinaryConcreteSample(schedule)
