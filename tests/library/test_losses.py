"""Minus the bound as a loss: with targets, weights, or neither."""

import keras
import numpy as np
import pytest

import keras_concrete as kc

X = np.random.default_rng(0).integers(0, 2, (12, 6)).astype("float32")


def _model():
    x = keras.Input((6,))
    logits = keras.layers.Dense(6, kernel_initializer="zeros")(x)
    model = keras.Model(x, kc.BernoulliLogLikelihood()(x, logits))
    model.compile(keras.optimizers.SGD(0.0), kc.NegativeBound())
    return model


def test_fit_and_evaluate_need_no_targets():
    nats = 6 * np.log(2)  # six fair pixels
    model = _model()
    assert model.fit(X, verbose=0).history["loss"][0] == pytest.approx(nats, rel=1e-5)
    assert model.evaluate(X, verbose=0) == pytest.approx(nats, rel=1e-5)
    assert model.evaluate(X, X, verbose=0) == pytest.approx(nats, rel=1e-5)


def test_weights_weigh():
    weights = np.arange(12.0)
    loss = kc.NegativeBound()(None, -np.arange(12.0), sample_weight=weights)
    assert float(loss) == pytest.approx(np.mean(weights * np.arange(12)), rel=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_certain_pixels_have_a_likelihood(dtype):
    logits = np.array([[-np.inf, np.inf, 0.0, 1.0]], dtype)
    pixels = np.float32([[0, 1, 0, 1]])
    expected = np.log(0.5) + np.log(1 / (1 + np.exp(-1.0)))
    likelihood = kc.BernoulliLogLikelihood()
    np.testing.assert_allclose(likelihood(pixels, logits), [expected], rtol=1e-5)
    assert likelihood(1 - pixels, logits)[0] < -1e29
    assert np.isnan(likelihood(pixels, np.full_like(logits, np.nan))[0])
    assert np.isfinite(likelihood(pixels, np.float32([[3e38] * 4]))[0])
