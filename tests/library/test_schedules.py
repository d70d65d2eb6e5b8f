"""Schedules of temperatures."""

import keras
import numpy as np
import pytest

import keras_concrete as kc

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


def test_configs_hold_schedules():
    schedule = kc.ExponentialAnnealing(rate=1e-5)
    for layer in (
        kc.ConcreteSample(schedule),
        kc.ConcreteLogProb(schedule, num_states=3),
        kc.RelaxedKL(
            posterior_temperature=schedule,
            prior_temperature=KERAS.CosineDecay(0.5, 10, alpha=0.1),
            loss_weight=KERAS.PolynomialDecay(0.0, 5, 1.0),
        ),
        kc.BinaryConcreteSample(
            schedule, prior="learned", prior_temperature=schedule, kl_weight=schedule
        ),
    ):
        revived = keras.layers.deserialize(keras.layers.serialize(layer))
        assert revived.get_config() == layer.get_config()


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

    # the temperature of the next step, counted from 0
    np.testing.assert_allclose(temperature_after(1), float(schedule(6)), rtol=1e-6)
    # a new model goes on from the backup
    np.testing.assert_allclose(temperature_after(2), float(schedule(12)), rtol=1e-6)


def test_one_that_begins_at_0_is_told_so():
    schedule = KERAS.CosineDecay(0.0, 9, alpha=0.5, warmup_target=1.0, warmup_steps=2)
    with pytest.raises(ValueError, match=r"0 at step 0.*Have it begin above 0$"):
        kc.BinaryConcreteSample(schedule)
