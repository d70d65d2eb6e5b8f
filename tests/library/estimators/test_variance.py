"""What baselines are for: less variance of the gradient."""

import itertools

import numpy as np
import tensorflow as tf

import keras_concrete as kc

# Two binary units: their log-odds under q, and log p(x, z) of the four states.
Q, LOG_P = np.array([0.5, -1.0]), np.array([-3.0, -1.0, -4.0, -2.5])
STATES = np.array(list(itertools.product([0, 1], repeat=2)))


def variance(estimator, num_samples):
    """Exact variance of the gradient of the two log-odds, summed."""
    tuples = np.array(list(itertools.product(range(4), repeat=num_samples)))
    log_q = -np.logaddexp(0, -(2 * STATES - 1) * Q).sum(1)
    probabilities = np.exp(log_q[tuples].sum(1))
    node = (2.0 * STATES[tuples] - 1.0).astype("float32")
    log_p = LOG_P[tuples].astype("float32")
    logits = tf.Variable(np.tile(Q.astype("float32"), (len(tuples), 1)))
    score = kc.ConcreteLogProb(1.0, estimator=estimator, sample_axis=True)
    layer = kc.MultiSampleBound(estimator, seed=0)
    conditions = [np.ones((len(tuples), 1), "float32")]
    layer(log_p, score(node, logits), conditions)  # Builds its surrogate.
    layer.surrogate.normalize_variance = False
    draws = np.random.default_rng(2).choice(len(tuples), 2000, p=probabilities)
    for _ in range(50):  # Running means settle.
        terms = score(node[draws], np.tile(np.float32(Q), (2000, 1)), training=True)
        layer(log_p[draws], terms, [np.ones((2000, 1), "float32")], training=True)
    with tf.GradientTape() as tape:
        terms = score(node, logits, training=True)
        bound = layer(log_p, terms, conditions, training=True)
    gradients = tape.gradient(bound, logits).numpy()
    mean = probabilities @ gradients
    return np.sum(probabilities @ gradients**2 - mean**2), mean


def test_vimco_and_learned_baselines_have_less_variance_than_reinforce():
    plain, multiple = variance("reinforce", 1), variance("reinforce", 2)
    for estimator, num_samples, reference in (
        ("reinforce_running_mean", 1, plain),
        ("nvil", 1, plain),
        ("vimco", 2, multiple),
    ):
        found = variance(estimator, num_samples)
        np.testing.assert_allclose(found[1], reference[1], atol=1e-5)
        assert found[0] < 0.5 * reference[0]
