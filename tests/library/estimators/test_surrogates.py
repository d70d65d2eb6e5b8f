"""The learning signals and baselines of score-function estimators, on bare terms."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import keras_concrete as kc
from keras_concrete.estimators import vimco

ROWS, LAYERS = 7, 3
log_weight = st.floats(-50, 50, width=32, allow_subnormal=False)


def normal(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


LOG_JOINT = [normal(i, ROWS) for i in range(LAYERS + 1)]
LOG_POSTERIOR = [normal(10 + i, ROWS) for i in range(LAYERS)]
CONDITIONS = [normal(20, ROWS, 4), normal(21, ROWS, 3), normal(22, ROWS, 1, 2)]


@settings(deadline=None, max_examples=50, derandomize=True)
@given(arrays("float32", (3, 4), elements=log_weight))
def test_leave_one_out_bounds_replace_a_weight_by_the_geometric_mean_of_the_others(w):
    expected = np.empty(w.shape)
    for row, i in np.ndindex(*w.shape):
        others = np.delete(np.float64(w[row]), i)
        replaced = np.append(others, others.mean())
        expected[row, i] = np.logaddexp.reduce(replaced) - np.log(4)
    ours = vimco.leave_one_out_bounds(w)
    np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=2e-5)


def nvil_layer():
    """A layer with baselines, means and variances that are not 0."""
    layer = kc.MultiSampleBound("nvil", seed=0)
    layer((LOG_JOINT, LOG_POSTERIOR, CONDITIONS))
    generator = np.random.default_rng(1)
    for weight in layer.weights:
        weight.assign(generator.normal(0, 0.3, weight.shape))
    for variance, value in zip(layer.surrogate.variances, [0.5, 4.0, 9.0], strict=True):
        variance.assign(value)
    return layer


def baselines(weights):
    """The networks of one hidden layer, in float64; `weights` are four of each layer."""
    results = []
    for i, condition in enumerate(CONDITIONS):
        kernel, bias, out_kernel, out_bias = weights[4 * i : 4 * i + 4]
        hidden = np.tanh(condition.reshape(ROWS, -1) @ kernel + bias)
        results.append((hidden @ out_kernel + out_bias)[:, 0])
    return results


def residuals(weights):
    """log p(h_{i-1:n}) - log q(h_{i:n} given h_{i-1}) less the baseline."""
    signals = [
        np.sum(np.float64(LOG_JOINT[i:]), 0) - np.sum(np.float64(LOG_POSTERIOR[i:]), 0)
        for i in range(LAYERS)
    ]
    pairs = zip(signals, baselines(weights), strict=True)
    return [signal - baseline for signal, baseline in pairs]


def baseline_weights(layer):
    """Kernel, bias, kernel, bias of each layer's baseline, as the layer holds them."""
    surrogate = layer.surrogate
    return [
        weight
        for hidden, output in zip(surrogate.hidden, surrogate.outputs, strict=True)
        for weight in (*hidden.weights, *output.weights)
    ]


def test_nvil_gives_each_layer_its_own_centered_and_scaled_signal():
    layer = nvil_layer()
    weights = [np.float64(w) for w in baseline_weights(layer)]
    means = [float(m) for m in layer.surrogate.means]
    terms = [[tf.Variable(t) for t in ts] for ts in (LOG_JOINT, LOG_POSTERIOR)]
    conditions = [tf.Variable(c) for c in CONDITIONS]
    with tf.GradientTape(persistent=True) as tape:
        bound = layer((*terms, conditions), training=True)
    np.testing.assert_allclose(bound, sum(LOG_JOINT) - sum(LOG_POSTERIOR), rtol=1e-5)
    for gradient in tape.gradient(bound, terms[0]):
        np.testing.assert_array_equal(gradient, np.ones(ROWS))
    # Divided by the deviations, 2 and 3 but not 0.7.
    expected = [
        (residual - mean) / scale
        for residual, mean, scale in zip(
            residuals(weights), means, [1, 2, 3], strict=True
        )
    ]
    for gradient, signal in zip(tape.gradient(bound, terms[1]), expected, strict=True):
        np.testing.assert_allclose(gradient, signal, rtol=1e-4, atol=1e-5)
    # What a baseline reads gets no gradient from it: it would reach q and p.
    assert all(gradient is None for gradient in tape.gradient(bound, conditions))


def test_nvil_trains_its_baselines_by_the_squared_error_alone():
    layer = nvil_layer()
    for average in (*layer.surrogate.means, *layer.surrogate.variances):
        average.assign(0.0)
    variables = baseline_weights(layer)
    assert len(variables) == len(layer.trainable_weights)
    weights = [np.float64(w) for w in variables]
    with tf.GradientTape() as tape:
        bound = layer((LOG_JOINT, LOG_POSTERIOR, CONDITIONS), training=True)
        loss = -tf.reduce_sum(bound)
    gradients = tape.gradient(loss, [w.value for w in variables])

    def squared_error(changed):
        return sum(0.5 * np.sum(residual**2) for residual in residuals(changed))

    step = 1e-6
    for i, gradient in enumerate(gradients):
        for index in list(np.ndindex(*weights[i].shape))[:5]:
            bump = np.zeros_like(weights[i])
            bump[index] = step
            sides = [
                [*weights[:i], weights[i] + sign * bump, *weights[i + 1 :]]
                for sign in (1, -1)
            ]
            up, down = map(squared_error, sides)
            slope = (up - down) / (2 * step)
            np.testing.assert_allclose(
                gradient.numpy()[index], slope, rtol=1e-3, atol=1e-4
            )


def test_nvil_moves_its_averages_after_their_use_and_only_in_training():
    layer = nvil_layer()
    means, variances = layer.surrogate.means, layer.surrogate.variances
    old = [[float(a) for a in averages] for averages in (means, variances)]
    weights = [np.float64(w) for w in baseline_weights(layer)]
    layer((LOG_JOINT, LOG_POSTERIOR, CONDITIONS))
    assert [[float(a) for a in averages] for averages in (means, variances)] == old
    layer((LOG_JOINT, LOG_POSTERIOR, CONDITIONS), training=True)
    for i, residual in enumerate(residuals(weights)):
        expected = 0.8 * old[0][i] + 0.2 * residual.mean()
        assert float(means[i]) == pytest.approx(expected, rel=1e-4, abs=1e-5)
        expected = 0.8 * old[1][i] + 0.2 * residual.var()
        assert float(variances[i]) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("shape", [(ROWS,), (ROWS, 3)])
def test_the_running_mean_is_subtracted_from_the_bound_before_it_moves(shape):
    layer = kc.MultiSampleBound("reinforce_running_mean")
    log_p, log_q = tf.Variable(normal(0, *shape)), tf.Variable(normal(1, *shape))
    layer((log_p, log_q))
    layer.surrogate.mean.assign(-2.0)
    with tf.GradientTape() as tape:
        bound = layer((log_p, log_q), training=True)
    ratio = np.float64(log_p) - np.float64(log_q)
    if len(shape) == 1:
        expected, share = ratio, np.ones(shape)
    else:
        expected = np.logaddexp.reduce(ratio, axis=1) - np.log(3)
        share = np.exp(ratio) / np.exp(ratio).sum(1, keepdims=True)
    np.testing.assert_allclose(bound, expected, rtol=1e-5, atol=1e-6)
    signal = np.reshape(expected + 2.0, (ROWS, *[1] * (len(shape) - 1)))
    gradient = tape.gradient(bound, log_q)
    np.testing.assert_allclose(gradient, signal - share, rtol=1e-4, atol=1e-5)
    after = 0.9 * -2.0 + 0.1 * expected.mean()
    assert float(layer.surrogate.mean) == pytest.approx(after, rel=1e-5)


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
    score = kc.ConcreteLogProb(1.0, estimator=estimator)
    layer = kc.MultiSampleBound(estimator, seed=0)
    layer.surrogate.normalize_variance = False
    conditions = [np.ones((len(tuples), 1), "float32")]
    draws = np.random.default_rng(2).choice(len(tuples), 2000, p=probabilities)
    for _ in range(50):  # Running means settle.
        terms = score((node[draws], np.tile(np.float32(Q), (2000, 1))), training=True)
        layer((log_p[draws], terms, [np.ones((2000, 1), "float32")]), training=True)
    with tf.GradientTape() as tape:
        terms = score((node, logits), training=True)
        bound = layer((log_p, terms, conditions), training=True)
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
