"""The oracles are what SciPy says and the paper prints."""

import numpy as np
import oracles
from scipy import stats


def test_the_oracles_are_what_scipy_says_and_the_paper_prints():
    x, a, t = np.array([0.3, 0.6, 0.1]), np.array([2.0, 0.5, 1.0]), 0.7
    log_a, e = np.log(a), np.exp(x)
    np.testing.assert_allclose(oracles.gumbel(x), stats.gumbel_r.logpdf(x))
    np.testing.assert_allclose(oracles.logistic(x), stats.logistic.logpdf(x))
    location = stats.logistic.logpdf(x, log_a / t, 1 / t)
    np.testing.assert_allclose(oracles.logistic(x, log_a, t), location)
    for k in (0, 1):
        mass = stats.bernoulli.logpmf(k, a / (1 + a))
        np.testing.assert_allclose(oracles.bernoulli(k, log_a), mass)
    masses = stats.multinomial.logpmf(np.eye(3), 1, a / a.sum())
    np.testing.assert_allclose(oracles.discrete(np.eye(3), log_a), masses)

    power = x ** (-t - 1)
    top = t * a * power * (1 - x) ** (-t - 1)
    printed = top / (a * x**-t + (1 - x) ** -t) ** 2  # Equation 17.
    np.testing.assert_allclose(oracles.binary_concrete(x, log_a, t), np.log(printed))
    printed = 2 * t**2 * np.prod(a * power / np.sum(a * x**-t))  # Equation 11.
    np.testing.assert_allclose(oracles.concrete(x, log_a, t), np.log(printed))
    factors = a * e**-t / np.sum(a * e**-t)  # The last row, at log-coordinates x.
    printed = 2 * t**2 * np.prod(factors)
    np.testing.assert_allclose(oracles.exp_concrete(x, log_a, t), np.log(printed))
