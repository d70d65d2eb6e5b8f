"""Reweighted wake-sleep: what it teaches q and p, by enumeration."""

import belief_oracle
import numpy as np
import pytest
import tensorflow as tf
from every_draw import (
    IMAGES,
    exact_gradients,
    mean_gradients,
    network,
    network_paths,
    oracle_data,
)
from scipy import special

DENSITY, N_ARY, PREDICTION = "2H-2H-3V", "2H~4H-3V", "2V-2H-2H-3V"


def taught(model, weights, fixed):
    """What wake-sleep raises: log p + log q of each sample by its share, held fixed."""
    x = oracle_data(model)

    def terms(weights):
        if model.is_conditional:
            log_q = belief_oracle.log_prior(model, weights, x[0])
            return log_q, belief_oracle.log_image(model, weights, x[1]) + log_q
        log_q = belief_oracle.log_posterior(model, weights, x)
        return log_q, belief_oracle.log_joint(model, weights, x)

    log_q, log_p = terms(fixed)
    tuples = belief_oracle.tuples_of_states(log_q.shape[1], model.num_samples)
    shares = special.softmax((log_p - log_q)[:, tuples], axis=2)
    shares = np.exp(log_q[:, tuples].sum(2))[..., None] * shares
    log_q, log_p = terms(weights)
    # A conditional network draws from its prior, which is in log p already.
    gains = log_p if model.is_conditional else log_p + log_q
    return np.mean(np.sum(shares * gains[:, tuples], axis=(1, 2)))


@pytest.mark.parametrize(
    ("architecture", "num_samples", "arity"),
    [(DENSITY, 2, 2), (DENSITY, 3, 2), (N_ARY, 2, 4), (PREDICTION, 2, 2)],
)
def test_wake_sleep_teaches_q_what_the_weights_say_and_p_the_bound(
    architecture, num_samples, arity, monkeypatch
):
    model = network(architecture, "reweighted_wake_sleep", num_samples, arity=arity)
    fixed, of_bound = belief_oracle.weights_of(model), exact_gradients(model)
    expected = belief_oracle.gradients(
        lambda weights: taught(model, weights, fixed), fixed, network_paths(model)
    )
    ours = mean_gradients(model, monkeypatch)
    for path, gradient in expected.items():
        np.testing.assert_allclose(ours[path], gradient, atol=3e-5, err_msg=path)
        is_drawn_from = path.startswith("prior" if model.is_conditional else "posterior")
        agrees = np.abs(gradient - of_bound[path]).max() < 3e-5
        assert agrees != is_drawn_from, path


def test_with_many_samples_wake_sleep_teaches_q_the_posterior():
    """Its q gradient is that of -KL(p(z given x) || q), within 4 in 100."""
    model = network(DENSITY, "reweighted_wake_sleep", 3000)
    weights = belief_oracle.weights_of(model)
    log_p = belief_oracle.log_joint(model, weights, IMAGES)
    posterior = special.softmax(log_p, axis=1)

    def cross_entropy(weights):
        log_q = belief_oracle.log_posterior(model, weights, IMAGES)
        return np.mean(np.sum(posterior * log_q, axis=1))

    paths = [path for path in network_paths(model) if path.startswith("posterior")]
    expected = belief_oracle.gradients(cross_entropy, weights, paths)
    x = np.repeat(IMAGES, 20, 0)
    variables = [w for w in model.trainable_weights if w.path in paths]
    with tf.GradientTape() as tape:
        loss = model.compute_loss(x, x, model(x, training=True), training=True)
    ours = tape.gradient(loss, [w.value for w in variables])
    ours = np.concatenate([-np.ravel(gradient) for gradient in ours])
    expected = np.concatenate([np.ravel(expected[w.path]) for w in variables])
    assert np.linalg.norm(ours - expected) < 0.04 * np.linalg.norm(expected)
