"""NVIL's signals, baselines and running averages, on bare terms."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

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


# --- A decoder that reads both layers ----------------------------------------------

DRAWS, FALSE_ALARM = 40_000, 1e-6
LOGITS, LINK = (0.4, -0.3), 1.1  # Of z1, and of z2, which z1 moves.
# log p(x given z1, z2), by z1 and z2; p(z1 given z2) and p(z2) are fair coins.
LIKELIHOOD = np.log([[0.02, 0.3], [0.6, 0.05]])


def elbo(first, second):
    total = 0.0
    for z1 in (0, 1):
        for z2 in (0, 1):
            logits = (first, second + LINK * z1)
            log_q = sum(
                -np.logaddexp(0.0, -logit if z else logit)
                for z, logit in zip((z1, z2), logits, strict=True)
            )
            log_p = LIKELIHOOD[z1, z2] + 2 * np.log(0.5)
            total += np.exp(log_q) * (log_p - log_q)
    return total


def gradients_of_draws(whole_last):
    """Of the logits of q, by draw: rows of a batch with logits of their own."""
    first, second = (tf.Variable(tf.fill((DRAWS, 1), logit)) for logit in LOGITS)
    draw = [
        kc.BinaryConcreteSample(0.5, return_node=True, estimator="nvil", seed=seed)
        for seed in (0, 1)
    ]
    log_prob = kc.ConcreteLogProb(0.5)
    with tf.GradientTape() as tape:
        z1, node1 = draw[0](first, training=True)
        logits2 = second + LINK * z1
        z2, node2 = draw[1](logits2, training=True)
        log_q = [log_prob(node1, first), log_prob(node2, logits2)]
        index = tf.cast(tf.concat([z1, z2], axis=1), "int32")
        likelihood = tf.gather_nd(tf.constant(LIKELIHOOD, "float32"), index)
        coin = tf.fill((DRAWS,), np.float32(np.log(0.5)))
        log_p = [likelihood, coin, coin]
        if whole_last:
            log_p = [tf.zeros((DRAWS,)), sum(log_p)]
        bound = kc.MultiSampleBound()(log_p, log_q, [first, z1], training=True)
    return tape.gradient(bound, [first, second])


def distances(whole_last):
    """From the exact gradient, in standard errors."""
    step, found = 1e-5, gradients_of_draws(whole_last)
    for i, gradient in enumerate(found):
        up, down = (
            elbo(*(logit + sign * step * (i == j) for j, logit in enumerate(LOGITS)))
            for sign in (1, -1)
        )
        gradient = np.asarray(gradient, "float64")[:, 0]
        error = gradient.std() / DRAWS**0.5
        yield abs(gradient.mean() - (up - down) / (2 * step)) / error


def test_a_term_that_reads_both_layers_is_to_be_in_the_signal_of_both():
    limit = stats.norm.isf(FALSE_ALARM / 4)
    assert max(distances(whole_last=True)) < limit
    # The order of a chain leaves it out of the second one's.
    first, second = distances(whole_last=False)
    assert first < limit < second
