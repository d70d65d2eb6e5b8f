"""A binary unit with noise of any law, relocated."""

import numpy as np
import pytest
import tensorflow as tf
from distribution_checks import FALSE_ALARM, checked, floats
from hypothesis import given
from keras import ops
from scipy import special, stats

from keras_concrete import distributions as kcd
from keras_concrete.distributions.relocated_units import RelocatedBinaryUnit


def _logit(p):
    return ops.log(p) - ops.log1p(-p)


LOGISTIC = kcd.BinaryNoise(
    log_prob=lambda v: -v - 2.0 * ops.softplus(-v),
    quantile=_logit,
    upper_quantile=lambda p: -_logit(p),
)
# Not symmetric.
GUMBEL = kcd.BinaryNoise(
    log_prob=lambda v: -v - ops.exp(-v),
    quantile=lambda p: -ops.log(-ops.log(p)),
    upper_quantile=lambda p: -ops.log(-ops.log1p(-p)),
)
NOISES = [
    pytest.param(kcd.GAUSSIAN, stats.norm, id="gaussian"),
    pytest.param(LOGISTIC, stats.logistic, id="logistic"),
    pytest.param(GUMBEL, stats.gumbel_r, id="gumbel"),
]


def shift(law, logits):
    """-F^-1(1 / (1 + alpha)), from the tail that is small."""
    tail = special.expit(-np.abs(logits))
    return -np.where(logits >= 0, law.ppf(tail), law.isf(tail))


@pytest.mark.parametrize(("noise", "law"), NOISES)
@checked
@given(
    t=floats(0.125, 4),
    logits=floats(-10, 10),
    value=floats(-3, 8),
)
def test_the_density_is_that_of_relocated_noise(noise, law, t, logits, value):
    node = (value / t).astype("float32")
    ours = kcd.RelocatedBinary(noise, t, logits).log_prob(node)
    location = shift(law, np.float64(logits))
    relocated = np.float64(t) * node - location
    expected = law.logpdf(relocated) + np.log(np.float64(t))
    # Rounding of the noise, times the slope of its log-density.
    slope = 1 + np.abs(relocated) + np.exp(-relocated) * (law is stats.gumbel_r)
    error = 2e-6 * (np.abs(location) + np.abs(value) + 1) * slope
    assert ours.dtype == "float32"
    np.testing.assert_array_less(np.abs(ours - expected), error + 1e-5)


@pytest.mark.parametrize(("noise", "law"), NOISES)
@pytest.mark.parametrize(("t", "logits"), [(0.25, 0.0), (1.0, 3.0), (4.0, -5.0)])
def test_the_density_integrates_to_one(noise, law, t, logits):
    width = 60 / t
    step = width / 200_000
    nodes = np.arange(-width, width, step).astype("float32")
    with np.errstate(over="ignore"):
        log_density = kcd.RelocatedBinary(noise, t, logits).log_prob(nodes)
    total = np.exp(np.float64(log_density)).sum() * step
    assert total == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(("noise", "law"), NOISES)
@pytest.mark.parametrize("t", [0.1, 2.0])
def test_a_unit_is_one_with_the_probability_that_its_logit_says(noise, law, t):
    logits = np.float32([-12, -3, -0.5, 0, 0.5, 3, 12])
    node = kcd.RelocatedBinary(noise, t, logits)
    # It is 1 where noise + shift > 0.
    location = t * np.float64(node.node(tf.zeros(7)))
    upper, lower = law.sf(-location), law.cdf(-location)
    np.testing.assert_allclose(upper, special.expit(np.float64(logits)), rtol=1e-4)
    np.testing.assert_allclose(lower, special.expit(-np.float64(logits)), rtol=1e-4)


@pytest.mark.parametrize(("noise", "law"), NOISES)
def test_draws_have_that_probability_and_that_law(noise, law):
    n, logits, t = 20_000, np.float32([-3, -0.5, 0, 2]), 0.7
    distribution = kcd.RelocatedBinary(noise, t, logits)
    draws = np.float64(distribution.sample(n, seed=(1, 2)))
    p_values = [
        stats.binomtest(int(k), n, p).pvalue
        for k, p in zip((draws > 0).sum(0), special.expit(logits), strict=True)
    ]
    for draw, location in zip(draws.T, shift(law, logits), strict=True):
        p_values.append(stats.kstest(t * draw - location, law.cdf).pvalue)
    assert min(p_values) > FALSE_ALARM / len(p_values)


@checked
@given(t=floats(0.125, 8), logits=floats(-75, 75), node=floats(-100, 100))
def test_with_logistic_noise_it_is_the_concrete_unit(t, logits, node):
    ours = kcd.RelocatedBinary(LOGISTIC, t, logits)
    concrete = kcd.LogitBinaryConcrete(t, logits)
    close = {"rtol": 1e-5, "atol": 1e-4}
    np.testing.assert_allclose(ours.log_prob(node), concrete.log_prob(node), **close)
    draws = [d.sample(5, seed=(3, 4)) for d in (ours, concrete)]
    np.testing.assert_allclose(*draws, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "xla"])
@pytest.mark.parametrize(("noise", "law"), NOISES[:2])
@pytest.mark.parametrize("t", [0.01, 1.0, 10.0])
def test_values_and_gradients_are_finite_for_any_logit(noise, law, t, jit_compile):
    unit = RelocatedBinaryUnit(noise)

    @tf.function(jit_compile=jit_compile)
    def values_and_gradients(logits):
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(logits)
            node = unit.node(logits, unit.noise((9,), np.uint32([1, 2])), tf.constant(t))
            state = unit.relaxed_state(node)
            given = tf.stop_gradient(node)
            log_prob = unit.relaxed(tf.constant(t), logits).log_prob(given)
        values = [node, state, log_prob]
        return values, [tape.gradient(value, logits) for value in values]

    logits = tf.constant([-1000.0, -81, -80, -1, 0, 1, 80, 81, 1000])
    for tensor in tf.nest.flatten(values_and_gradients(logits)):
        assert np.all(np.isfinite(tensor))


@pytest.mark.parametrize(("noise", "law"), NOISES)
def test_the_shift_moves_with_the_logit_from_zero_too(noise, law):
    """d shift / d logit is sigmoid' over the density at -shift: logits start at 0."""
    logits = np.float32([-5, -0.1, 0, 0.1, 5])
    variable = tf.Variable(logits)
    with tf.GradientTape() as tape:
        node = kcd.RelocatedBinary(noise, 1.0, variable).node(tf.zeros(5))
    location = shift(law, np.float64(logits))
    expected = stats.logistic.pdf(np.float64(logits)) / law.pdf(-location)
    np.testing.assert_allclose(tape.gradient(node, variable), expected, rtol=1e-4)


def test_gaussian_noise_makes_modes_inside_the_unit_interval_and_concrete_none():
    """Section C.4: the tails of the Gaussian fall faster than sigmoid squashes."""
    noise = np.linspace(-40, 40, 2001).astype("float32")

    def log_density_of_state(distribution, node):
        node = np.float64(node)
        density = np.float64(distribution.log_prob(np.float32(node)))
        return density + np.logaddexp(0, node) + np.logaddexp(0, -node)

    for t in (0.9, 0.5, 0.1):
        for logits in (0.0, 1.5):
            gaussian, concrete = (
                log_density_of_state(distribution, noise / t)
                for distribution in (
                    kcd.RelocatedBinary(kcd.GAUSSIAN, t, logits),
                    kcd.LogitBinaryConcrete(t, logits),
                )
            )
            # To 0 at both vertices, where the Concrete density grows without bound.
            assert max(gaussian[0], gaussian[-1]) < -300
            assert np.all(np.diff(gaussian)[:50] > 0) and np.all(
                np.diff(gaussian)[-50:] < 0
            )
            is_mode = (np.diff(gaussian)[:-1] > 0) & (np.diff(gaussian)[1:] < 0)
            assert is_mode.sum() >= 1
            turns = np.flatnonzero(np.diff(concrete) > 0)[0]
            assert np.all(np.diff(concrete)[turns:] > 0) and turns > 0
