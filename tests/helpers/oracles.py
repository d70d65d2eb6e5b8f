"""Slow, obvious re-derivations in NumPy float64, to compare the package with.

Densities and masses are the rows of the paper's cheat sheet (table 3), as logarithms,
written in log alpha so that no alpha overflows. Values and logits of units with n states
have them on the last axis, temperatures have the shape of what is left, or none.
"""

import numpy as np
from scipy.special import gammaln, logsumexp

WORD = 2**32
ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)


def threefry_2x32(key, counter):
    """The two words of Threefry-2x32, 20 rounds (Salmon et al. 2011), as integers."""
    keys = (key[0], key[1], key[0] ^ key[1] ^ 0x1BD11BDA)
    left = (counter[0] + keys[0]) % WORD
    right = (counter[1] + keys[1]) % WORD
    for done in range(1, 21):
        left = (left + right) % WORD
        distance = ROTATIONS[(done - 1) % 8]
        right = ((right << distance) % WORD | right >> (32 - distance)) ^ left
        if done % 4 == 0:
            group = done // 4
            left = (left + keys[group % 3]) % WORD
            right = (right + keys[(group + 1) % 3] + group) % WORD
    return left, right


def gumbel(g):
    """Row 1: exp(-g - exp(-g))."""
    (g,) = _float64(g)
    return -g - np.exp(-g)


def logistic(x, mu=0.0, temperature=1.0):
    """Rows 2 and 3: t exp(mu - t x) / (1 + exp(mu - t x))^2. The logit-space node."""
    x, mu, t = _float64(x, mu, temperature)
    return np.log(t) + mu - t * x - 2 * np.logaddexp(0, mu - t * x)


def bernoulli(x, logits):
    """Row 4: alpha / (1 + alpha) if x = 1, else 1 / (1 + alpha)."""
    x, logits = _float64(x, logits)
    return np.where(x == 1, logits, 0) - np.logaddexp(0, logits)


def binary_concrete(x, logits, temperature):
    """Row 5, equation 17: t a (x (1-x))^(-t-1) / (a x^-t + (1-x)^-t)^2."""
    x, logits, t = _float64(x, logits, temperature)
    log_x, log_rest = np.log(x), np.log1p(-x)
    numerator = np.log(t) + logits - (t + 1) * (log_x + log_rest)
    return numerator - 2 * np.logaddexp(logits - t * log_x, -t * log_rest)


def discrete(x, logits):
    """Row 6: alpha_k / sum_i alpha_i where x_k = 1."""
    x, logits = _float64(x, logits)
    return np.sum(x * logits, axis=-1) - logsumexp(logits, axis=-1)


def concrete(x, logits, temperature):
    """Row 7, equation 11: (n-1)! t^(n-1) prod_k a_k x_k^(-t-1) / sum_i a_i x_i^-t."""
    return _concrete_of_log(np.log(*_float64(x)), logits, temperature)


def exp_concrete(y, logits, temperature):
    """Row 8: row 7 at x = exp(y) times the product of all n coordinates of x."""
    return _concrete_of_log(y, logits, temperature) + np.sum(*_float64(y), axis=-1)


def _concrete_of_log(log_x, logits, temperature):
    log_x, logits, t = _float64(log_x, logits, temperature)
    n = logits.shape[-1]
    factors = logits - (t[..., None] + 1) * log_x
    normalizer = logsumexp(logits - t[..., None] * log_x, axis=-1)
    constant = gammaln(n) + (n - 1) * np.log(t)
    return constant + np.sum(factors, axis=-1) - n * normalizer


def _float64(*arrays):
    return [np.asarray(array, "float64") for array in arrays]
