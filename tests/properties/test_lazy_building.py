"""Layers build where they are first called: eagerly, in a graph, under any float type."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_concrete as kc

LOGITS = np.linspace(-2, 2, 12, dtype="float32").reshape(3, 4)
TERMS = np.linspace(-3, -1, 3, dtype="float32")

LAYERS = {
    "sample": lambda: kc.BinaryConcreteSample(0.5, seed=0),
    "owned kl": lambda: kc.BinaryConcreteSample(0.5, prior="learned", seed=0),
    "owned kl on a schedule": lambda: kc.BinaryConcreteSample(
        kc.ExponentialAnnealing(),
        prior="learned",
        kl_weight=keras.optimizers.schedules.PolynomialDecay(0.0, 10, 1.0),
        seed=0,
    ),
    "scheduled": lambda: kc.BinaryConcreteSample(kc.ExponentialAnnealing(), seed=0),
    "code": lambda: kc.HypercubeCode(),
    "logits": lambda: kc.LearnedLogits(4),
    "centering": lambda: kc.Centering(),
}


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_in_a_graph_as_eagerly(name, jit_compile):
    results = []
    for run in (lambda f: f, lambda f: tf.function(f, jit_compile=jit_compile)):
        layer = LAYERS[name]()
        call = run(lambda x, layer=layer: layer(x, **_training(layer)))
        results.append(np.asarray(call(tf.constant(LOGITS))))
    np.testing.assert_allclose(*results, atol=1e-6)


def _training(layer):
    without = (kc.HypercubeCode, kc.LearnedLogits)
    return {} if isinstance(layer, without) else {"training": True}


@pytest.mark.parametrize("estimator", ["concrete", "reinforce_running_mean", "nvil"])
def test_a_bound_with_weights_of_its_own(estimator):
    bounds, weights = [], []
    for run in (lambda f: f, tf.function):
        layer = kc.MultiSampleBound(estimator, seed=0)
        call = run(lambda p, q, x, layer=layer: layer(p, q, conditions=x, training=True))
        bounds.append(np.asarray(call(*map(tf.constant, (TERMS, 2 * TERMS, LOGITS)))))
        weights.append([np.asarray(weight) for weight in layer.trainable_weights])
    np.testing.assert_allclose(*bounds, atol=1e-6)
    for first, second in zip(*weights, strict=True):
        np.testing.assert_array_equal(first, second)  # of one seed


def test_under_float64_a_term_of_the_loss_adds_to_keras_own():
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")  # As in a program that begins so.
    code = kc.BinaryConcreteSample(0.5, prior="uniform", name="code")
    model = keras.Sequential([keras.layers.Dense(3), code, keras.layers.Dense(4)])
    model.compile("sgd", "mse")
    history = model.fit(LOGITS, LOGITS, verbose=0).history
    assert model.layers[0].kernel.dtype == "float64"
    assert np.isfinite(history["loss"][0]) and history["code_kl"][0] != 0
