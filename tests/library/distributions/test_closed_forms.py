"""Tails, quantiles, entropies and divergences against SciPy and mpmath in float64."""

import mpmath
import numpy as np
import pytest
import tensorflow as tf
from distribution_checks import LOGITS, SEED, assert_finite, value_and_gradients
from scipy import special, stats

from keras_concrete import distributions as kcd

INF = np.inf
TAILS = np.float32([-90, -50, -15, -3, -0.5, 0, 0.5, 3, 14.9, 15.1, 20, 30, 90])
PROBABILITIES = np.float32([1e-37, 1e-9, 0.01, 0.3, 0.5, 0.9, 1 - 2**-24])


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(kcd.Logistic(), stats.logistic), (kcd.Gumbel(), stats.gumbel_r)],
    ids=["logistic", "gumbel"],
)
def test_the_standard_noise_has_its_whole_tails(ours, theirs):
    x = np.float64(TAILS)
    with np.errstate(over="ignore"):
        expected = np.float32(theirs.logcdf(x))
    np.testing.assert_allclose(ours.log_cdf(TAILS), expected, rtol=2e-6, atol=1e-37)
    np.testing.assert_allclose(
        ours.survival_function(TAILS), theirs.sf(x), rtol=2e-6, atol=1e-37
    )
    with mpmath.workdps(60):
        cdf = {
            "logistic": lambda v: 1 / (1 + mpmath.exp(-v)),
            "gumbel_r": lambda v: mpmath.exp(-mpmath.exp(-v)),
        }[theirs.name]
        upper = [float(mpmath.log1p(-cdf(mpmath.mpf(float(v))))) for v in x]
    found, (slope,) = value_and_gradients(ours.log_survival_function, TAILS)
    np.testing.assert_allclose(found, upper, rtol=2e-6, atol=1e-37)
    assert_finite(slope)
    quantiles = theirs.ppf(np.float64(PROBABILITIES))
    np.testing.assert_allclose(
        ours.quantile(PROBABILITIES), quantiles, rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(ours.entropy(), theirs.entropy(), rtol=1e-6)
    np.testing.assert_allclose(ours.stddev(), theirs.std(), rtol=1e-6)


def test_the_binary_node_is_a_logistic_of_scipy_to_its_tails():
    t, logits = np.float32([0.3, 1, 4]), np.float32([-4, 0.5, 30])
    ours = kcd.LogitBinaryConcrete(t, logits)
    theirs = stats.logistic(np.float64(logits) / t, 1 / np.float64(t))
    nodes = np.float32(logits / t + np.linspace(-200, 200, 41)[:, None])
    for name, expected in (
        ("log_cdf", theirs.logcdf(np.float64(nodes))),
        ("log_survival_function", theirs.logsf(np.float64(nodes))),
    ):
        np.testing.assert_allclose(getattr(ours, name)(nodes), expected, 1e-4, 1e-37)
    p = np.float32([[0.01], [0.5], [0.99]])
    np.testing.assert_allclose(ours.quantile(p), theirs.ppf(np.float64(p)), rtol=1e-5)
    np.testing.assert_allclose(ours.entropy(), theirs.entropy(), rtol=1e-5)
    np.testing.assert_allclose(ours.mean(), theirs.mean(), rtol=1e-6)
    np.testing.assert_allclose(ours.stddev(), theirs.std(), rtol=1e-6)


def test_the_cdf_of_a_binary_state_is_the_integral_of_its_density():
    ours = kcd.BinaryConcrete([0.7, 2.0], [1.0, -1.0])
    ends = np.float32([[0.1], [0.5], [0.9]])
    nodes, weights = special.roots_legendre(2000)
    x = np.float32(ends[..., None] / 2 * (nodes + 1))
    mass = np.sum(weights * ours.prob(x.swapaxes(1, 2)).numpy().swapaxes(1, 2), axis=-1)
    np.testing.assert_allclose(ours.cdf(ends), mass * ends / 2, rtol=1e-2)
    np.testing.assert_allclose(ours.quantile(ours.cdf(ends)), ends * [1, 1], rtol=1e-4)


def test_the_cdf_of_a_certain_binary_state_is_a_step():
    x = np.float32([0, 0.25, 1])
    for logits, steps in ((-INF, [1, 1, 1]), (INF, [0, 0, 1])):
        ours = kcd.BinaryConcrete(0.1, logits)
        np.testing.assert_array_equal(ours.cdf(x), steps)
        np.testing.assert_array_equal(ours.survival_function(x), 1 - np.array(steps))
        with np.errstate(divide="ignore"):
            np.testing.assert_array_equal(ours.log_cdf(x), np.log(steps))


def test_discrete_entropies_are_those_of_scipy():
    wide = np.concatenate([LOGITS, [[-1000, 0, 30]]]).astype("float32")
    bits = special.expit(np.float64(wide))
    expected = special.entr(bits) + special.entr(special.expit(-np.float64(wide)))
    np.testing.assert_allclose(
        kcd.Bernoulli(wide).entropy(), expected, rtol=2e-6, atol=1e-15
    )
    masses = special.softmax(np.float64(wide), axis=-1)
    np.testing.assert_allclose(
        kcd.Discrete(wide).entropy(), special.entr(masses).sum(-1), rtol=1e-5, atol=1e-11
    )
    assert np.all(kcd.Bernoulli([-INF, INF]).entropy() == 0)
    masked = kcd.Discrete([0.0, -INF, 0.0])
    assert float(masked.entropy()) == pytest.approx(np.log(2))


def test_discrete_divergences_are_those_of_scipy():
    q, p = np.float64(LOGITS), np.float64(LOGITS[::-1])
    masses = [special.softmax(logits, axis=-1) for logits in (q, p)]
    expected = special.rel_entr(*masses).sum(-1)
    ours = kcd.Discrete(LOGITS).kl_divergence(kcd.Discrete(LOGITS[::-1]))
    np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-6)
    expected = sum(
        special.rel_entr(special.expit(s * q), special.expit(s * p)) for s in (1, -1)
    )
    ours = kcd.Bernoulli(LOGITS).kl_divergence(kcd.Bernoulli(LOGITS[::-1]))
    np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-6)


def test_divergences_with_impossible_states_count_those_of_q_only():
    q, p = np.float32([0.5, -INF, 0.0]), np.float32([0.0, 1.0, 1.0])
    masses = special.softmax(np.float64([q, p]), axis=-1)
    value, slopes = value_and_gradients(
        lambda q, p: kcd.Discrete(q).kl_divergence(kcd.Discrete(p)), q, p
    )
    np.testing.assert_allclose(value, special.rel_entr(*masses).sum(), rtol=1e-6)
    assert_finite(slopes)
    assert kcd.Discrete(p).kl_divergence(kcd.Discrete(q)) == INF
    certain, fair = kcd.Bernoulli(INF), kcd.Bernoulli(0.0)
    assert float(certain.kl_divergence(fair)) == pytest.approx(np.log(2))
    assert fair.kl_divergence(certain) == INF
    assert certain.kl_divergence(certain) == 0


def test_relaxed_distributions_have_no_divergence_in_closed_form():
    for make in (kcd.Concrete, kcd.ExpConcrete):
        with pytest.raises(NotImplementedError):
            make(0.5, LOGITS).kl_divergence(make(0.5, LOGITS))


def test_the_entropy_of_a_binary_node_is_what_its_samples_say():
    ours = kcd.LogitBinaryConcrete(0.4, 2.0)
    sampled = -ours.log_prob(ours.sample(20_000, seed=SEED))
    error = np.std(sampled) / np.sqrt(20_000)
    # Fails by chance once in 10,000 seeds; the seed is fixed.
    assert abs(np.mean(sampled) - ours.entropy()) < stats.norm.isf(5e-5) * error
    assert isinstance(ours.entropy(), tf.Tensor)
