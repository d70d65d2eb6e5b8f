"""A KL term that Keras leaves out of a functional model is no secret."""

import warnings

import keras
import numpy as np
import pytest

import keras_concrete as kc

pytestmark = pytest.mark.usefixtures("without_xla")

X = np.zeros((8, 5), "float32")


def _model(as_output, loss_weight=1.0):
    x = keras.Input((5,))
    logits = keras.layers.Dense(4)(x)
    state, node = kc.BinaryConcreteSample(0.5, return_node=True)(logits)
    prior = kc.LearnedLogits(4)(x)
    kl = kc.RelaxedKL(
        posterior_temperature=0.5,
        prior_temperature=0.5,
        loss_weight=loss_weight,
        name="kl",
    )(node, logits, prior)
    decoded = keras.layers.Dense(5)(state)
    return keras.Model(x, {"x": decoded, "kl": kl} if as_output else {"x": decoded})


@pytest.mark.parametrize("nested", [False, True])
def test_a_dropped_term_is_warned_of_once(nested):
    model = _model(as_output=False)
    if nested:
        model = keras.Sequential([keras.Input((5,)), model])
    model.compile("sgd", loss={"x": "mse"})
    with pytest.warns(UserWarning, match="KL term 'kl' is not part of the model"):
        model.fit(X, {"x": X}, verbose=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, {"x": X}, verbose=0)


@pytest.mark.parametrize(("as_output", "loss_weight"), [(True, 1.0), (False, None)])
def test_a_term_that_is_there_or_never_was_to_be_added_is_not(as_output, loss_weight):
    model = _model(as_output, loss_weight)
    model.compile("sgd", loss={"x": "mse"})
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        history = model.fit(X, {"x": X}, verbose=0).history
        model.predict(X, verbose=0)
    assert ("kl" in history) == as_output


def test_a_term_of_a_training_step_of_ones_own_is_not():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.encoder = _model(as_output=False)
            self.kl = next(
                layer for layer in _model(as_output=True).layers if layer.name == "kl"
            )

        def call(self, x, training=False):
            return self.encoder(x, training=training)

    model = Own()
    model.compile("sgd", loss={"x": "mse"})
    with pytest.warns(UserWarning, match="'kl' is not part"):
        model.fit(X, {"x": X}, verbose=0)  # another layer of that name is not it
