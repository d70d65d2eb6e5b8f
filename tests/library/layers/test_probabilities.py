"""Probabilities passed as logits are found out, and logits are not taken for them."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_concrete as kc

pytestmark = pytest.mark.usefixtures("without_xla")

X = np.random.default_rng(0).normal(size=(32, 5)).astype("float32")
FOUND = "'code' look like probabilities"


def _model(activation, states, functional, policy="float32"):
    keras.config.set_dtype_policy(policy)
    layers = [keras.layers.Dense(12 if states == 2 else 4 * states)]
    if states > 2:
        layers.append(keras.layers.Reshape((4, states)))
    layers.append(keras.layers.Activation(activation))
    kind = kc.BinaryConcreteSample if states == 2 else kc.ConcreteSample
    layers += [kind(0.5, name="code"), keras.layers.Flatten(), keras.layers.Dense(5)]
    if not functional:
        return keras.Sequential(layers)
    x = y = keras.Input((5,))
    for layer in layers:
        y = layer(y)
    return keras.Model(x, y)


@pytest.mark.parametrize(
    ("activation", "states", "functional", "policy", "jit_compile"),
    [
        ("sigmoid", 2, True, "float32", False),
        ("softmax", 3, False, "mixed_bfloat16", False),
        ("sigmoid", 2, False, "mixed_bfloat16", True),
    ],
)
def test_in_fit(activation, states, functional, policy, jit_compile):
    model = _model(activation, states, functional, policy)
    model.compile("adam", "mse", jit_compile=jit_compile)
    with pytest.warns(UserWarning, match=FOUND):
        model.fit(X, X, verbose=0)


@pytest.mark.parametrize(("activation", "states"), [("linear", 2), ("tanh", 3)])
def test_logits_are_left_in_peace(activation, states):
    model = _model(activation, states, functional=True)
    model.compile("adam", "mse")
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        model.fit(X, X, verbose=0)


def test_by_their_values_where_they_have_some():
    with pytest.warns(UserWarning, match=FOUND):
        kc.BinaryConcreteSample(0.5, name="code")(np.linspace(0.1, 0.9, 16)[None])


def test_a_small_network_does_not_warn_of_itself():
    # A learned prior repeats its two logits for each image.
    model = kc.SigmoidBeliefNetwork("2H-4V", seed=0)
    model.get_layer("prior_1").logits.assign([0.3, 0.7])
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        model.sample(50, seed=0)


def test_logits_that_are_a_variable_have_no_values_in_a_graph():
    logits = tf.Variable(np.linspace(0.1, 0.9, 16, dtype="float32")[None])
    layer = kc.BinaryConcreteSample(0.5, seed=0)
    draw = tf.function(lambda: layer(logits))
    assert draw().shape == (1, 16)


@pytest.mark.parametrize("in_a_graph", [False, True])
def test_probabilities_given_to_a_likelihood(in_a_graph):
    likelihood = kc.BernoulliLogLikelihood(name="code")

    def score(activity):
        return likelihood(tf.cast(activity > 0, "float32"), tf.sigmoid(activity))

    with pytest.warns(UserWarning, match=FOUND):
        (tf.function(score) if in_a_graph else score)(tf.constant(X))
