"""Layers at a temperature that changes while a model trains."""

import keras
import numpy as np
import pytest

import keras_concrete as kc

KERAS = keras.optimizers.schedules
GENERATOR = np.random.default_rng(0)
X = GENERATOR.integers(0, 2, (24, 5)).astype("uint8")


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


def test_an_analytic_kl_takes_no_steps_outside_training():
    kl = kc.RelaxedKL(
        KERAS.CosineDecay(1.0, 9, alpha=0.1), kc.ExponentialAnnealing(), 2, "analytic"
    )
    node = logits = np.zeros((2, 3), "float32")
    kl((node, logits, logits))
    assert not [weight for weight in kl.weights if "step" in weight.path]


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
