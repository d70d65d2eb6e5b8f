"""NVIL's signals, baselines and running averages, on bare terms."""

import numpy as np
import pytest
import tensorflow as tf

import keras_concrete as kc

ROWS, LAYERS = 7, 3


def normal(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


LOG_JOINT = [normal(i, ROWS) for i in range(LAYERS + 1)]
LOG_POSTERIOR = [normal(10 + i, ROWS) for i in range(LAYERS)]
CONDITIONS = [normal(20, ROWS, 4), normal(21, ROWS, 3), normal(22, ROWS, 1, 2)]


def nvil_layer():
    """A layer with baselines, means and variances that are not 0."""
    layer = kc.MultiSampleBound("nvil", seed=0)
    layer(LOG_JOINT, LOG_POSTERIOR, CONDITIONS)
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
        bound = layer(*terms, conditions, training=True)
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
        bound = layer(LOG_JOINT, LOG_POSTERIOR, CONDITIONS, training=True)
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
    layer(LOG_JOINT, LOG_POSTERIOR, CONDITIONS)
    assert [[float(a) for a in averages] for averages in (means, variances)] == old
    layer(LOG_JOINT, LOG_POSTERIOR, CONDITIONS, training=True)
    for i, residual in enumerate(residuals(weights)):
        expected = 0.8 * old[0][i] + 0.2 * residual.mean()
        assert float(means[i]) == pytest.approx(expected, rel=1e-4, abs=1e-5)
        expected = 0.8 * old[1][i] + 0.2 * residual.var()
        assert float(variances[i]) == pytest.approx(expected, rel=1e-4)
