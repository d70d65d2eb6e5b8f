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


def law_of_log_ratios(logits, temperature):
    """log(x_k / x_n), k < n: differences of n independent normals, divided."""
    n = logits.shape[-1]
    covariance = (np.eye(n - 1) + np.ones((n - 1, n - 1))) / temperature**2
    return stats.multivariate_normal(log_ratios(logits) / temperature, covariance)


@pytest.mark.parametrize("n", [2, 3, 7])
@pytest.mark.parametrize("temperature", [0.2, 1.0, 3.0])
def test_the_log_density_is_that_of_the_log_ratios(n, temperature):
    generator = np.random.default_rng(n)
    for logits in generator.normal(0, 2, (5, n)).astype("float32"):
        noise = generator.normal(0, 1.5, (20, n))
        node = special.log_softmax((logits + noise) / temperature, axis=-1)
        node = node.astype("float32")
        ours = kcd.ExpLogisticNormal(temperature, logits).log_prob(node)
        expected = law_of_log_ratios(logits, temperature).logpdf(log_ratios(node))
        np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("logits", [[0.5, -1.0], [0.5, -1.0, 0.0]])
@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_it_integrates_to_one_over_the_log_ratios(logits, temperature):
    step = 0.05 / temperature
    axis = np.arange(-9, 9, 0.05) / temperature
    ratios = np.stack(np.meshgrid(*[axis] * (len(logits) - 1)), axis=-1)
    last = np.zeros((*ratios.shape[:-1], 1))
    node = special.log_softmax(np.concatenate([ratios, last], -1), axis=-1)
    law = kcd.ExpLogisticNormal(temperature, logits)
    log_density = law.log_prob(node.astype("float32"))
    total = np.exp(np.float64(log_density)).sum() * step ** (len(logits) - 1)
    assert total == pytest.approx(1, abs=1e-3)


def test_for_two_states_it_is_the_normal_of_the_binary_unit():
    logit, temperature = np.float32([-2.0, 0.0, 1.5]), 0.8
    binary = LogisticNormalBinaryUnit().relaxed(temperature, logit)
    pair = np.stack([np.zeros(3, "float32"), logit], axis=-1)
    both = kcd.ExpLogisticNormal(temperature, pair)
    ratio = np.float32([-3.0, 0.2, 4.0])
    node = special.log_softmax(np.stack([np.zeros(3), ratio], -1), axis=-1)
    log_probs = binary.log_prob(ratio), both.log_prob(node.astype("float32"))
    np.testing.assert_allclose(*log_probs, rtol=1e-5)
    law = stats.norm(logit / temperature, math.sqrt(2) / temperature)
    np.testing.assert_allclose(log_probs[0], law.logpdf(ratio), rtol=1e-5)


@pytest.mark.parametrize("by", ["distribution", "unit"])
def test_draws_have_normal_log_ratios(by):
    logits, temperature, n = np.float32([0.5, -1.0, 0.0]), 0.6, 20_000
    unit, key = LogisticNormalCategoricalUnit(), np.uint32([5, 6])
    if by == "distribution":
        node = kcd.ExpLogisticNormal(temperature, logits).sample(n, seed=key)
    else:
        node = unit.node(logits, unit.noise((n, 3), key), tf.constant(temperature))
    assert np.asarray(special.logsumexp(node, axis=-1)) == pytest.approx(0, abs=1e-5)
    scaled = (temperature * log_ratios(node) - log_ratios(logits)) / math.sqrt(2)
    p_values = [stats.kstest(column, stats.norm.cdf).pvalue for column in scaled.T]
    # The two share a noise: their correlation is 1/2, its error (1 - 1/4) / sqrt(n).
    z = (np.corrcoef(scaled.T)[0, 1] - 0.5) / (0.75 / math.sqrt(n))
    p_values.append(2 * stats.norm.sf(abs(z)))
    assert min(p_values) > FALSE_ALARM / 3


@pytest.mark.parametrize("by", ["distribution", "unit"])
def test_draws_of_the_binary_unit_have_the_same_normal(by):
    unit, logit, temperature = LogisticNormalBinaryUnit(), tf.constant(1.5), 0.6
    key = np.uint32([7, 8])
    if by == "distribution":
        node = unit.relaxed(temperature, logit).sample(20_000, seed=key)
    else:
        node = unit.node(logit, unit.noise((20_000,), key), tf.constant(temperature))
    law = stats.norm(1.5 / temperature, math.sqrt(2) / temperature)
    assert stats.kstest(np.float64(node), law.cdf).pvalue > FALSE_ALARM


def test_colder_units_round_to_the_probit_of_their_logits():
    """Section 5.2: the masses of the rounding do not depend on the temperature."""
    n, masses = 20_000, stats.norm.cdf(1.5 / math.sqrt(2))
    for unit, logits in (
        (LogisticNormalBinaryUnit(), np.float32(1.5)),
        (LogisticNormalCategoricalUnit(), np.float32([0.0, 1.5])),
    ):
        noise = unit.noise((n, *logits.shape), np.uint32([1, 2]))
        for temperature in (1.0, 0.1, 0.01):
            node = unit.node(tf.constant(logits), noise, tf.constant(temperature))
            states = np.asarray(unit.masses(unit.relaxed_state(node)))[:, 1]
            rounded = np.mean(states > 0.5)
            z = (rounded - masses) / math.sqrt(masses * (1 - masses) / n)
            assert 2 * stats.norm.sf(abs(z)) > FALSE_ALARM
        # Cold, nearly all states are near a vertex, as those of larger noise are not.
        assert np.mean(np.minimum(states, 1 - states) > 0.01) < 0.03
