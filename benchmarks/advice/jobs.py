"""The jobs: small models of digits as their users write them, each with one score."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

import keras_concrete as kc
from keras_concrete.schedules import Setting

__all__ = ["JOBS", "Job"]


@dataclass(frozen=True)
class Job:
    """A model that people build, and how it is judged.

    Attributes:
        about: What it is, in a few words.
        num_states: States of its units.
        score: What is reported of the discrete graph on validation images; less is
            better.
        build: From estimator, temperature and seed to a model that is compiled.
        data: Training inputs and targets, and those for validation.
        evaluate: From a trained model to the score.
        scores_states: Whether the loss has log-probabilities of states. Without them the
            first three estimators are one.
    """

    about: str
    num_states: int
    score: str
    build: Callable[[str, Setting, int], keras.Model]
    data: Callable[[], tuple]
    evaluate: Callable[[keras.Model, Any, Any], float]
    scores_states: bool = True


# As the estimator scores its states.
_PRIOR = {"prior": "uniform", "kl_objective": "relaxed"}


def _cross_entropy(x: Any, logits: Any) -> Any:
    """Minus log p(x given z) of each image, in nats."""
    terms = keras.losses.binary_crossentropy(x, logits, from_logits=True)
    size = ops.cast(ops.shape(x)[-1], terms.dtype)
    return terms * size


def _digits() -> tuple:
    data = kc.load_dataset("mnist5k")
    return data.train, data.train, data.validation, data.validation


def _labelled() -> tuple:
    data = kc.load_dataset("mnist5k")
    return data.train, data.train_labels, data.validation, data.validation_labels


def _loss(model: keras.Model, x: Any, y: Any) -> float:
    """Loss of the discrete graph, the mean of ten passes with fresh noise."""
    losses = [model.evaluate(x, y, batch_size=500, verbose=0) for _ in range(10)]
    return float(np.mean([np.ravel(loss)[0] for loss in losses]))


def _bound(model: keras.Model, x: Any, y: Any) -> float:
    """NLL by 100 samples."""
    return -kc.evaluate_bound(model, x, 100, verbose=False).mean


def _vae(units: int, num_states: int) -> Callable[[str, Setting, int], keras.Model]:
    """Dense encoder and decoder around units with a KL to fair ones."""

    def build(estimator: str, temperature: Setting, seed: int) -> keras.Model:
        keras.utils.set_random_seed(seed)
        x = keras.Input((784,))
        h = keras.layers.Dense(200, "relu")(x)
        options = {"estimator": estimator, **_PRIOR, "seed": seed}
        if num_states == 2:
            logits = keras.layers.Dense(units)(h)
            state = kc.BinaryConcreteSample(temperature, **options)(logits)
        else:
            logits = keras.layers.Dense(units * num_states)(h)
            logits = keras.layers.Reshape((units, num_states))(logits)
            state = kc.ConcreteSample(temperature, **options)(logits)
            state = keras.layers.Flatten()(state)
        h = keras.layers.Dense(200, "relu")(state)
        model = keras.Model(x, keras.layers.Dense(784)(h))
        model.compile(keras.optimizers.Adam(1e-3), _cross_entropy)
        return model

    return build


def _grid(estimator: str, temperature: Setting, seed: int) -> keras.Model:
    """Convolutions around a grid of 7 x 7 units of 16 states."""
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    x = keras.Input((784,))
    h = layers.Reshape((28, 28, 1))(x)
    h = layers.Conv2D(16, 3, 2, "same", activation="relu")(h)
    logits = layers.Conv2D(16, 3, 2, "same")(h)
    sample = kc.ConcreteSample(temperature, estimator=estimator, **_PRIOR, seed=seed)
    h = sample(logits)
    h = layers.Conv2DTranspose(16, 3, 2, "same", activation="relu")(h)
    h = layers.Conv2DTranspose(1, 3, 2, "same")(h)
    model = keras.Model(x, layers.Flatten()(h))
    model.compile(keras.optimizers.Adam(2e-3), _cross_entropy)
    return model


def _hash(estimator: str, temperature: Setting, seed: int) -> keras.Model:
    """A classifier through 16 bits."""
    keras.utils.set_random_seed(seed)
    x = keras.Input((784,))
    logits = keras.layers.Dense(16)(keras.layers.Dense(100, "relu")(x))
    sample = kc.BinaryConcreteSample(
        temperature, estimator=estimator, inference="mode", seed=seed
    )
    code = kc.HypercubeCode()(sample(logits))
    model = keras.Model(x, keras.layers.Dense(10)(code))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss)
    return model


class _OpenGates(keras.layers.Layer):
    """Adds the expected number of open gates, times a price, to the loss."""

    def call(self, logits: Any) -> Any:
        self.add_loss(0.01 * ops.mean(ops.sum(ops.sigmoid(logits), axis=-1)))
        return logits


def _gate(estimator: str, temperature: Setting, seed: int) -> keras.Model:
    """A classifier of pixels, each behind a gate that costs 0.01 nats while open."""
    keras.utils.set_random_seed(seed)
    x = keras.Input((784,))
    logits = _OpenGates()(kc.LearnedLogits(784)(x))
    sample = kc.BinaryConcreteSample(
        temperature, estimator=estimator, inference="mode", seed=seed
    )
    h = keras.layers.Multiply()([x, sample(logits)])
    h = keras.layers.Dense(100, "relu")(h)
    model = keras.Model(x, keras.layers.Dense(10)(h))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(2e-2), loss)
    return model


def _belief_network(estimator: str, temperature: Setting, seed: int) -> keras.Model:
    model = kc.SigmoidBeliefNetwork(
        "200H~784V",
        estimator=estimator,
        prior_temperature=temperature,
        posterior_temperature=temperature,
        visible_mean=kc.smoothed_mean(kc.load_dataset("mnist5k").train),
        seed=seed,
    )
    model.compile(keras.optimizers.Adam(1e-3))
    return model


_BOUND = "minus the discrete bound, nats an image"

JOBS: dict[str, Job] = {
    "bits": Job("VAE, 64 bits", 2, _BOUND, _vae(64, 2), _digits, _loss),
    "few-states": Job(
        "VAE, 24 units of 8 states", 8, _BOUND, _vae(24, 8), _digits, _loss
    ),
    "many-states": Job(
        "VAE, 12 units of 128 states", 128, _BOUND, _vae(12, 128), _digits, _loss
    ),
    "grid": Job(
        "convolutional VAE, 7 x 7 units of 16 states", 16, _BOUND, _grid, _digits, _loss
    ),
    "hash": Job(
        "classifier through 16 bits",
        2,
        "cross-entropy of the discrete graph, nats",
        _hash,
        _labelled,
        _loss,
        scores_states=False,
    ),
    "gate": Job(
        "classifier behind 784 gates, 0.01 nats each",
        2,
        "cross-entropy and price of the gates, nats",
        _gate,
        _labelled,
        _loss,
        scores_states=False,
    ),
    "belief-network": Job(
        "200H~784V, m = 1",
        2,
        "NLL by 100 samples, nats an image",
        _belief_network,
        _digits,
        _bound,
    ),
}
