"""Rows that an estimator adds are for MultiSampleBound, and no secret elsewhere."""

import warnings

import keras
import numpy as np
import pytest

import keras_concrete as kc

pytestmark = pytest.mark.usefixtures("without_xla")

X = np.zeros((8, 5), "float32")


def _autoencoder(estimator):
    x = keras.Input((5,))
    logits = keras.layers.Dense(4)(x)
    state = kc.BinaryConcreteSample(0.5, num_samples=2, estimator=estimator, seed=0)(
        logits
    )
    model = keras.Model(x, keras.layers.Dense(5)(state))
    model.compile("sgd", lambda x, y: keras.ops.mean((x[:, None] - y) ** 2, axis=(1, 2)))
    return model


@pytest.mark.parametrize("estimator", ["concrete_dreg", "muprop", "rebar"])
def test_a_loss_that_takes_them_for_samples_is_warned_of_once(estimator):
    model = _autoencoder(estimator)
    with pytest.warns(UserWarning, match=f"'{estimator}', which adds rows"):
        model.fit(X, X, verbose=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        model.fit(X, X, verbose=0)
        model.predict(X, verbose=0)


def test_other_estimators_and_models_with_the_bound_are_left_in_peace():
    network = kc.SigmoidBeliefNetwork("3H-5V", num_samples=2, estimator="rebar", seed=0)
    network.compile("sgd")
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        _autoencoder("reinmax").fit(X, X, verbose=0)
        network.fit(X, verbose=0)
