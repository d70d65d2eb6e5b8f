"""Exact means over all draws of a small network, as `fit` follows them.

The noise is replaced by one that draws every tuple of joint states once, and examples
are weighted with the probability of their tuple.
"""

import belief_oracle
import numpy as np
import tensorflow as tf

import keras_concrete as kc
from keras_concrete import estimators, noise

IMAGES = np.array([[1, 0, 1], [0, 1, 1]], "float32")
CONTEXTS = np.array([[0, 1], [1, 1]], "float32")


def network(architecture, estimator, num_samples=1, **kwargs):
    """A network with random weights, running averages and baselines."""
    model = kc.SigmoidBeliefNetwork(
        architecture, num_samples=num_samples, estimator=estimator, seed=0, **kwargs
    )
    generator = np.random.default_rng(3)
    for variable in model.weights:
        if "temperature" not in variable.path:
            variable.assign(generator.normal(0, 0.7, variable.shape))
    return model


def data(model):
    return (CONTEXTS, IMAGES) if model.is_conditional else (IMAGES, IMAGES)


def oracle_data(model):
    return data(model) if model.is_conditional else IMAGES


def network_paths(model):
    """Paths of the weights of p and q, without those that the estimator owns."""
    paths = [w.path for w in model.trainable_weights]
    return [path for path in paths if "surrogate" not in path]


def draw_every_tuple(model, monkeypatch):
    """Prescribes the noise; returns the repeated data and each row's probability."""
    codes = belief_oracle.joint_codes(model)
    tuples = belief_oracle.tuples_of_states(len(codes[0]), model.num_samples)
    prescribed = [np.tile(code[tuples], (len(IMAGES), 1, 1)) for code in codes]
    if model.is_conditional:
        prescribed = prescribed[::-1]
    draws = iter(prescribed)

    def binary(shape, key):
        draw = 100.0 * next(draws)
        assert draw.shape == tuple(shape)
        return tf.constant(draw, tf.float32)

    def n_ary(shape, key):
        draw = 100.0 * belief_oracle.one_hot(next(draws), model.arity)
        assert draw.shape == tuple(shape)
        return tf.constant(draw, tf.float32)

    monkeypatch.setattr(noise, "logistic", binary)
    monkeypatch.setattr(noise, "gumbel", n_ary)
    weights = belief_oracle.weights_of(model)
    if model.is_conditional:
        log_q = belief_oracle.log_prior(model, weights, CONTEXTS)
    else:
        log_q = belief_oracle.log_posterior(model, weights, IMAGES)
    probabilities = np.exp(log_q[:, tuples].sum(2)).ravel()
    repeated = [np.repeat(part, len(tuples), 0) for part in data(model)]
    return repeated, probabilities


def mean_gradients(model, monkeypatch):
    """Exact expectation of the gradient that `fit` follows, of the bound."""
    (x, y), probabilities = draw_every_tuple(model, monkeypatch)
    np.testing.assert_allclose(probabilities.sum(), len(IMAGES))
    with tf.GradientTape() as tape:
        outputs = model(x, training=True)
        # Keras divides by the number of rows.
        weights = probabilities * len(x) / len(IMAGES)
        loss = model.compute_loss(x, y, outputs, weights, training=True)
    gradients = tape.gradient(loss, [w.value for w in model.trainable_weights])
    pairs = zip(model.trainable_weights, gradients, strict=True)
    return {weight.path: -np.asarray(gradient) for weight, gradient in pairs}


def exact_gradients(model):
    of_elbo = estimators.get(model.estimator).objective == "mean ELBO"
    num_samples = 1 if of_elbo else model.num_samples
    return belief_oracle.gradients(
        lambda weights: belief_oracle.mean_bound(
            model, weights, oracle_data(model), num_samples
        ),
        belief_oracle.weights_of(model),
        network_paths(model),
    )
