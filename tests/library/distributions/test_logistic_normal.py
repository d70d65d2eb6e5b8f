"""The logistic normal: its densities, draws and units."""

import math

import numpy as np
import pytest
import tensorflow as tf
from distribution_checks import FALSE_ALARM
from scipy import special, stats

from keras_concrete import distributions as kcd
from keras_concrete.distributions.logistic_normal_units import (
    LogisticNormalBinaryUnit,
    LogisticNormalCategoricalUnit,
)


def log_ratios(node):
    return np.float64(node)[..., :-1] - np.float64(node)[..., -1:]


def log_normal_ratios(node, logits, scale):
    """Density of log(x_k / x_n), k < n: differences of n independent normals."""
    n = logits.shape[-1]
    covariance = scale**2 * (np.eye(n - 1) + np.ones((n - 1, n - 1)))
    law = stats.multivariate_normal(log_ratios(logits), covariance)
    return law.logpdf(log_ratios(node))


@pytest.mark.parametrize("n", [2, 3, 7])
@pytest.mark.parametrize("scale", [0.2, 1.0, 3.0])
def test_the_log_density_is_that_of_the_log_ratios(n, scale):
    generator = np.random.default_rng(n)
    for logits in generator.normal(0, 2, (5, n)).astype("float32"):
        noise = generator.normal(0, 1.5, (20, n))
        node = special.log_softmax(logits + scale * noise, axis=-1).astype("float32")
        ours = kcd.ExpLogisticNormal(scale, logits).log_prob(node)
        expected = log_normal_ratios(node, logits, scale)
        np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("logits", [[0.5, -1.0], [0.5, -1.0, 0.0]])
@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_it_integrates_to_one_over_the_log_ratios(logits, scale):
    step = 0.05 * scale
    axis = np.arange(-9, 9, 0.05) * scale
    ratios = np.stack(np.meshgrid(*[axis] * (len(logits) - 1)), axis=-1)
    last = np.zeros((*ratios.shape[:-1], 1))
    node = special.log_softmax(np.concatenate([ratios, last], -1), axis=-1)
    log_density = kcd.ExpLogisticNormal(scale, logits).log_prob(node.astype("float32"))
    total = np.exp(np.float64(log_density)).sum() * step ** (len(logits) - 1)
    assert total == pytest.approx(1, abs=1e-3)


def test_for_two_states_it_is_the_normal_of_the_binary_unit():
    logit, scale = np.float32([-2.0, 0.0, 1.5]), 0.8
    binary = LogisticNormalBinaryUnit().relaxed(scale, logit)
    pair = np.stack([np.zeros(3, "float32"), logit], axis=-1)
    both = kcd.ExpLogisticNormal(scale, pair)
    ratio = np.float32([-3.0, 0.2, 4.0])
    node = special.log_softmax(np.stack([np.zeros(3), ratio], -1), axis=-1)
    log_probs = binary.log_prob(ratio), both.log_prob(node.astype("float32"))
    np.testing.assert_allclose(*log_probs, rtol=1e-5)
    reference = stats.norm.logpdf(ratio, logit, math.sqrt(2) * scale)
    np.testing.assert_allclose(log_probs[0], reference, rtol=1e-5)


@pytest.mark.parametrize("by", ["distribution", "unit"])
def test_draws_have_normal_log_ratios(by):
    logits, scale, n = np.float32([0.5, -1.0, 0.0]), 0.6, 20_000
    unit, key = LogisticNormalCategoricalUnit(), np.uint32([5, 6])
    if by == "distribution":
        node = kcd.ExpLogisticNormal(scale, logits).sample(n, seed=key)
    else:
        node = unit.node(logits, unit.noise((n, 3), key), tf.constant(scale))
    assert np.asarray(special.logsumexp(node, axis=-1)) == pytest.approx(0, abs=1e-5)
    ratios, centers = log_ratios(node), log_ratios(logits)
    scaled = (ratios - centers) / (math.sqrt(2) * scale)
    p_values = [stats.kstest(column, stats.norm.cdf).pvalue for column in scaled.T]
    # The two share a noise: their correlation is 1/2, its error (1 - 1/4) / sqrt(n).
    z = (np.corrcoef(scaled.T)[0, 1] - 0.5) / (0.75 / math.sqrt(n))
    p_values.append(2 * stats.norm.sf(abs(z)))
    assert min(p_values) > FALSE_ALARM / 3


def test_draws_of_the_binary_unit_have_the_same_normal():
    unit, logit, scale = LogisticNormalBinaryUnit(), 1.5, 0.6
    noise = unit.noise((20_000,), np.uint32([7, 8]))
    node = np.float64(unit.node(tf.constant(logit), noise, tf.constant(scale)))
    law = stats.norm(logit, math.sqrt(2) * scale)
    assert stats.kstest(node, law.cdf).pvalue > FALSE_ALARM
