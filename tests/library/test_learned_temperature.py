"""The temperature of the least noise, which REBAR's paper learns."""

import types

import keras
import numpy as np
import pytest
from keras import layers

import keras_concrete as kc

pytestmark = pytest.mark.usefixtures("without_xla")

X = np.random.default_rng(0).integers(0, 2, (24, 4)).astype("float32")


def network(temperature, estimator="rebar"):
    model = kc.SigmoidBeliefNetwork(
        "3H-3H-4V", 2, estimator=estimator, posterior_temperature=temperature, seed=0
    )
    model.compile("sgd", jit_compile=False)
    return model


def own_model(temperature):
    """As its users write it, with units of four states."""
    x = keras.Input((4,))
    logits = layers.Reshape((3, 4))(layers.Dense(12)(x))
    sample = kc.ConcreteSample(temperature, 2, True, estimator="rebar", seed=0)
    state, node = sample(logits)
    flat = layers.Reshape((-1, 12))(state)
    log_p = kc.BernoulliLogLikelihood(sample_axis=True)(x, layers.Dense(4)(flat))
    score = kc.ConcreteLogProb(temperature, 4, sample_axis=True)
    log_prior = score(node, kc.LearnedLogits((3, 4))(x))
    model = keras.Model(
        x, kc.MultiSampleBound()([log_p, log_prior], [score(node, logits)])
    )
    model.compile("sgd", kc.NegativeBound(), jit_compile=False)
    return model


def variances_at(model, temperature, values):
    """By other noise, and much more of it."""
    watch, variances = kc.GradientVariance(X, num_draws=500, seed=9), []
    watch.set_model(model)
    watch.on_train_begin()
    for value in values:
        temperature.assign(value)
        watch.on_epoch_end(0, logs := {})
        variances.append(logs["gradient_variance"])
    return variances


@pytest.mark.parametrize(("make", "start"), [(network, 2.0), (own_model, 0.1)])
def test_the_temperature_is_where_the_gradient_has_the_least_variance(make, start):
    temperature = keras.Variable(start, trainable=False)
    model = make(temperature)
    learned = kc.LearnedTemperature(temperature, X, num_draws=100)
    targets = (X,) if make is own_model else ()
    model.fit(X, *targets, callbacks=[learned, kc.TemperatureLog()], verbose=0)
    found = float(temperature)
    assert found != start
    assert model.history.history["temperature"] == [pytest.approx(found)]
    # Three steps away: next to the least the variance is flat.
    around = [found, found / 1.2**3, found * 1.2**3, start]
    least, *others = variances_at(model, temperature, around)
    assert least < min(others)


def test_it_moves_ten_steps_at_most_before_training_and_after_each_epoch():
    temperature = keras.Variable(100.0, trainable=False)
    model = network(temperature)
    learned = kc.LearnedTemperature(temperature, X, num_draws=2)
    learned.set_model(model)

    def variances():
        return types.SimpleNamespace(variances=np.log(np.asarray(temperature)) ** 2)

    learned._draws.moments = variances
    learned.on_train_begin()
    assert float(temperature) == pytest.approx(100 / 1.2**10)
    learned.on_epoch_end(0)
    learned.on_epoch_end(1)
    # The multiple by powers of 1.2 that is nearest to 1, where the variance is least.
    assert float(temperature) == pytest.approx(100 / 1.2**25)


def test_an_estimator_whose_temperature_does_nothing_keeps_it():
    temperature = keras.Variable(0.5, trainable=False)
    model = network(temperature, "muprop")
    model.fit(X, callbacks=[kc.LearnedTemperature(temperature, X, 5)], verbose=0)
    assert float(temperature) == 0.5


def test_models_whose_temperature_it_would_spoil_are_refused(tmp_path):
    temperature = keras.Variable(0.5, trainable=False)
    learned = kc.LearnedTemperature(temperature, X)
    with pytest.raises(ValueError, match=r"without bias.*'rebar'.*'concrete'"):
        network(temperature, "concrete").fit(X, callbacks=[learned], verbose=0)
    other = keras.Variable(0.5, trainable=False)
    with pytest.raises(ValueError, match=r"No sampler .* same one as `temperature`"):
        network(other).fit(X, callbacks=[learned], verbose=0)
    network(temperature).save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    with pytest.raises(ValueError, match="was loaded has numbers"):
        loaded.fit(X, callbacks=[learned], verbose=0)
    assert float(temperature) == 0.5
