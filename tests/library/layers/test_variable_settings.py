"""A setting that is a variable is no weight, wherever one is taken."""

import functools
import inspect

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_concrete as kc


def of_layer(layer):
    return keras.Sequential([keras.Input((4,)), layer, keras.layers.Dense(2)])


def of_scores(layer):
    """A model that ends in a layer from nodes and logits."""
    x = keras.Input((4,))
    sample = kc.BinaryConcreteSample(0.5, return_node=True, estimator="concrete", seed=0)
    logits = keras.layers.Dense(3)(x)
    _, node = sample(logits)
    priors = [kc.LearnedLogits(3)(x)] if isinstance(layer, kc.RelaxedKL) else []
    return keras.Model(x, layer(node, logits, *priors))


def sampler(kind, name, value):
    prior = {} if name == "temperature" else {"prior": "uniform"}
    return of_layer(kind(**{"temperature": 0.5, "seed": 0, **prior, name: value}))


def relaxed_kl(name, value):
    settings = {"posterior_temperature": 0.5, "prior_temperature": 0.5, name: value}
    return of_scores(kc.RelaxedKL(**settings))


def gates(name, value):
    return of_layer(kc.HardConcrete(**{"l0_weight": 0.1, "seed": 0, name: value}))


def network(name, value):
    return kc.SigmoidBeliefNetwork("3H-4V", seed=0, **{name: value})


# By what has the setting, and its name, a model with the value.
MAKERS = {
    kc.BinaryConcreteSample: lambda *told: sampler(kc.BinaryConcreteSample, *told),
    kc.ConcreteSample: lambda *told: sampler(kc.ConcreteSample, *told),
    kc.RelaxedKL: relaxed_kl,
    kc.ConcreteLogProb: lambda name, value: of_scores(kc.ConcreteLogProb(value)),
    kc.HardConcrete: gates,
    kc.SubsetSample: lambda name, value: of_layer(kc.SubsetSample(2, value, seed=0)),
    kc.SigmoidBeliefNetwork: network,
}


def settings_of(kind):
    names = inspect.signature(kind.__init__).parameters
    kinds = ("temperature", "kl_weight", "loss_weight", "l0_weight")
    return [name for name in names if name.endswith(kinds)]


CASES = [(kind, name) for kind in MAKERS for name in settings_of(kind)]


def test_there_is_a_case_for_every_public_class_that_takes_settings():
    kinds = filter(inspect.isclass, (getattr(kc, name) for name in kc.__all__))
    layers = {kind for kind in kinds if issubclass(kind, keras.layers.Layer)}
    assert {kind for kind in layers if settings_of(kind)} == set(MAKERS)


@pytest.mark.parametrize(("kind", "name"), CASES)
def test_it_is_saved_as_the_number_that_it_is_and_weights_go_without(
    kind, name, tmp_path
):
    variable = keras.Variable(0.7, trainable=False)
    model, plain = MAKERS[kind](name, variable), MAKERS[kind](name, 0.7)
    variable.assign(0.25)
    assert len(model.weights) == len(plain.weights)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    settings = [getattr(layer, name, None) for layer in (loaded, *loaded.layers)]
    assert 0.25 in [setting for setting in settings if isinstance(setting, float)]
    model.save_weights(tmp_path / "model.weights.h5")
    for other in (plain, loaded):
        other.load_weights(tmp_path / "model.weights.h5")
        for weight, same in zip(model.weights, other.weights, strict=True):
            np.testing.assert_array_equal(weight, same)


SAMPLERS = [
    kc.BinaryConcreteSample,
    kc.ConcreteSample,
    functools.partial(kc.SubsetSample, 2),
]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_temperature_that_has_fallen_to_nothing_leaves_states_finite(sampler):
    temperature = keras.Variable(0.0, trainable=False)
    layer = sampler(temperature=temperature, seed=0)
    logits = tf.Variable(np.float32([[[0.5, -1.0, 2.0], [0.0, 0.0, 100.0]]]))
    for value in (0.0, 1e-39, 1e-30):
        temperature.assign(value)
        with tf.GradientTape() as tape:
            states = layer(logits, training=True)
        assert np.all(np.isfinite(states))
        assert np.all(np.isfinite(tape.gradient(states, logits)))
