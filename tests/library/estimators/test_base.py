"""An estimator of a user's own: a class and its registration."""

import belief_oracle
import keras
import numpy as np
import pytest
from keras import ops

import keras_concrete as kc
from keras_concrete import estimators
from keras_concrete.distributions import BinaryNoise


class Laplace(estimators.RelocatedNoise):
    name = "laplace"

    def binary_noise(self):
        return BinaryNoise(
            log_prob=lambda value: -ops.abs(value) - np.log(2.0),
            quantile=lambda probability: ops.log(2.0 * probability),
            upper_quantile=lambda probability: -ops.log(2.0 * probability),
        )


class Skewed(estimators.RelocatedNoise):
    name = "skewed"

    def binary_noise(self):
        return BinaryNoise(
            log_prob=lambda value: -value - ops.exp(-value),
            quantile=lambda probability: -ops.log(-ops.log(probability)),
            upper_quantile=lambda probability: -ops.log(-ops.log1p(-probability)),
        )


@pytest.fixture
def own(monkeypatch):
    registered = dict(estimators.registry._ESTIMATORS)
    monkeypatch.setattr(estimators.registry, "_ESTIMATORS", registered)
    estimators.register(Laplace())
    estimators.register(Skewed())


def test_an_estimator_is_one_class_and_its_registration(own, tmp_path):
    images = np.tile(belief_oracle.all_images(3)[[1, 6]], (64, 1))
    model = kc.SigmoidBeliefNetwork("3H-3V", estimator="laplace", num_samples=3, seed=0)
    model.compile(keras.optimizers.Adam(0.1), run_eagerly=True)
    bounds = model.fit(images, epochs=6, verbose=0).history["bound"]
    assert bounds[-1] > bounds[0] + 0.3
    assert np.any(model.get_layer("prior_1").logits)  # These start at 0 and move.
    model.save(tmp_path / "model.keras")
    revived = keras.models.load_model(tmp_path / "model.keras")
    drawn = [m.log_weights(images[:4], 3, True, seed=0) for m in (model, revived)]
    np.testing.assert_array_equal(*drawn)
    exact = belief_oracle.log_likelihood(model, images[:2])
    weights = np.exp(np.float64(model.log_weights(images[:2], 5000, seed=0)))
    error = weights.std(1) / np.sqrt(5000)
    assert np.all(np.abs(weights.mean(1) - np.exp(exact)) < 5 * error)


def test_the_mode_is_the_more_probable_state_under_any_noise(own):
    logits = np.float32([[-3, -0.1, 0.1, 3]])
    for name in estimators.names():
        layer = kc.BinaryConcreteSample(1.0, estimator=name, inference="mode")
        np.testing.assert_array_equal(layer(logits), logits > 0)
