"""Binary units: rows 3 to 5 of the paper's table 3, and proposition 2."""

import numpy as np
import oracles
import pytest
import tensorflow_probability as tfp
from distribution_checks import (
    DRAWS,
    LOGITS,
    ROWS,
    SEED,
    STATES,
    assert_accurate,
    assert_convex_between,
    assert_finite,
    assert_frequencies,
    assert_same_law,
    checked,
    density_of,
    floats,
    total,
    value_and_gradients,
)
from hypothesis import given
from scipy import special, stats

from keras_concrete import distributions as kcd

tfb, tfd = tfp.bijectors, tfp.distributions


@checked
@given(t=floats(0.01, 10), mu=floats(-1000, 1000), y=floats(-1e5, 1e5))
def test_row_3_logistic_with_parameters_is_the_node_of_a_binary_unit(t, mu, y):
    ours = kcd.LogitBinaryConcrete(t, mu).log_prob(y)
    assert_accurate(ours, oracles.logistic(y, mu, t), t * y, mu)


@checked
@given(logits=floats(-1000, 1000))
def test_row_4_bernoulli(logits):
    states = np.float32([[0], [1]])
    ours = kcd.Bernoulli(logits).log_prob(states)
    assert_accurate(ours, oracles.bernoulli(states, logits), logits)


@checked
@given(t=floats(0.05, 5), logits=floats(-10, 10), x=floats(1e-37, 1 - 2**-24))
def test_row_5_binary_concrete(t, logits, x):
    ours = kcd.BinaryConcrete(t, logits).log_prob(x)
    terms = logits, (t + 1) * np.log(x), (t + 1) * np.log1p(-x)
    assert_accurate(ours, oracles.binary_concrete(x, logits, t), *terms)


@pytest.mark.parametrize(
    ("distribution", "bounds"),
    [
        (kcd.LogitBinaryConcrete(0.1, 3.0), (-250, 250)),
        (kcd.LogitBinaryConcrete(5.0, -10.0), (-8, 8)),
        # Below 0.7, float32 has too few numbers beside 1 to hold the mass there.
        (kcd.BinaryConcrete(0.7, 1.0), (0, 1)),
        (kcd.BinaryConcrete(1.0, -2.0), (0, 1)),
        (kcd.BinaryConcrete(3.0, 4.0), (0, 1)),
    ],
)
def test_a_density_on_the_line_integrates_to_one(distribution, bounds):
    mass = total(density_of(distribution), bounds, points=500_000)
    assert mass == pytest.approx(1, abs=3e-4)


def test_reparameterization_of_a_binary_unit():
    """Proposition 2 (a): X = sigmoid((log alpha + L) / t)."""
    t, logits = np.float32([[0.2, 1, 4], [-2, 0, 1]])
    formula = special.expit(
        (logits + np.random.default_rng(0).logistic(size=(DRAWS, 3))) / t
    )
    states = kcd.BinaryConcrete(t, logits).sample(DRAWS, seed=SEED)
    assert_same_law(states, formula.astype("float32"))
    nodes = kcd.LogitBinaryConcrete(t, logits).sample(DRAWS, seed=SEED)
    laws = [stats.logistic(mu / s, 1 / s).cdf for mu, s in zip(logits, t, strict=True)]
    assert_same_law(nodes, laws)


def test_rounding_a_binary_unit_draws_the_bernoulli():
    """Proposition 2 (b)."""
    t, logits = np.float32([[0.2, 1, 4, 1], [-3, 0, 1, 2]])
    ones = np.sum(kcd.BinaryConcrete(t, logits).sample(DRAWS, seed=SEED) > 0.5, axis=0)
    counts = np.stack([DRAWS - ones, ones], axis=-1)
    assert_frequencies(counts, special.expit(np.stack([-logits, logits], axis=-1)))


def test_at_zero_temperature_a_unit_is_discrete():
    """Proposition 2 (c): only near-ties are not within 1e-3 of a vertex."""
    logits = LOGITS[0]
    states = kcd.BinaryConcrete(1e-3, logits).sample(DRAWS, seed=SEED).numpy()
    assert np.mean(np.abs(states - 0.5) > 0.5 - 1e-3) > 0.99
    counts = np.stack([np.sum(states < 0.5, axis=0), np.sum(states > 0.5, axis=0)], -1)
    assert_frequencies(counts, special.expit(np.stack([-logits, logits], axis=-1)))


@checked
@given(
    t=floats(0.05, 1),
    logits=floats(-10, 10),
    ends=floats(1e-30, 1 - 2**-24, 2, ROWS),
)
def test_up_to_temperature_one_a_binary_density_is_log_convex(t, logits, ends):
    """Proposition 2 (d)."""
    assert_convex_between(kcd.BinaryConcrete(t, logits), *ends, magnitude=100)


def test_above_temperature_one_a_density_may_have_a_mode_inside():
    """The converse of (d): the bounds on the temperature are there for a reason."""
    middle, *ends = kcd.BinaryConcrete(2.0, 0.0).log_prob([0.5, 0.25, 0.75]).numpy()
    assert middle > max(ends)


@checked
@given(logits=floats(-1000, 1000, ROWS, STATES))
def test_masses_are_finite_logarithms_and_sum_to_one(logits):
    states = np.float32([0, 1])[:, None, None]
    log_masses = kcd.Bernoulli(logits).log_prob(states)
    assert_finite(log_masses)
    np.testing.assert_allclose(np.exp(log_masses).sum(axis=0), 1, rtol=1e-5)


def test_the_bernoulli_draws_states_as_often_as_its_masses_say():
    states = kcd.Bernoulli(LOGITS).sample(DRAWS, seed=SEED).numpy()
    assert set(np.unique(states)) == {0, 1}
    counts = np.stack([np.sum(1 - states, axis=0), np.sum(states, axis=0)], axis=-1)
    assert_frequencies(counts, special.expit(np.stack([-LOGITS, LOGITS], axis=-1)))


NODES = np.concatenate([np.linspace(-1e4, 1e4, 401), np.linspace(-110, 110, 441)])
NODES = NODES.astype("float32")


def test_the_gradient_of_our_sigmoid_is_finite_where_that_of_tfp_is_not():
    _, (ours,) = value_and_gradients(kcd.Sigmoid().forward, NODES)
    expected = special.expit(np.float64(NODES)) * special.expit(-np.float64(NODES))
    np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-7)
    # The reason for a bijector of ours:
    _, (theirs,) = value_and_gradients(tfb.Sigmoid().forward, np.float32([100]))
    assert np.isnan(theirs)


def test_our_sigmoid_agrees_with_float64():
    nodes = np.float64(NODES)
    sigmoid = kcd.Sigmoid()
    forward = sigmoid.forward(NODES)
    np.testing.assert_allclose(forward, special.expit(nodes), rtol=3e-6, atol=1e-37)
    log_det = sigmoid.forward_log_det_jacobian(NODES)
    expected = special.log_expit(nodes) + special.log_expit(-nodes)
    np.testing.assert_allclose(log_det, expected, rtol=1e-6)
    states = np.concatenate([np.geomspace(1e-37, 0.5), 1 - np.geomspace(1e-7, 0.5)])
    states = states.astype("float32")
    inverse = sigmoid.inverse(states)
    expected = special.logit(np.float64(states))
    np.testing.assert_allclose(inverse, expected, rtol=1e-6, atol=1e-6)


def test_the_log_mass_of_a_state_that_cannot_be_is_minus_infinity():
    """And never NaN, in value or gradient."""
    inf = np.float32(np.inf)
    states = np.float32([[0], [1]])
    value, (slope,) = value_and_gradients(
        lambda logits: kcd.Bernoulli(logits).log_prob(states), np.float32([-inf, inf])
    )
    np.testing.assert_array_equal(value, [[0, -inf], [-inf, 0]])
    assert_finite(slope)


def test_the_density_of_a_state_takes_its_limits_at_zero_and_one():
    logits, ends = np.float32([[-2], [0.5]]), np.float32([0, 1])
    below, at_one, above = (
        kcd.BinaryConcrete(t, logits).log_prob(ends) for t in (0.9, 1.0, 1.1)
    )
    assert np.all(np.isposinf(below)) and np.all(np.isneginf(above))
    np.testing.assert_allclose(at_one, [[2, -2], [-0.5, 0.5]], rtol=1e-6)
    near = kcd.BinaryConcrete(1.0, logits).log_prob(np.float32([1e-7, 1 - 2**-24]))
    np.testing.assert_allclose(at_one, near, rtol=1e-5)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_the_density_of_a_state_is_zero_outside_its_interval(temperature):
    distribution = kcd.BinaryConcrete(temperature, LOGITS)
    for outside in (-1e-30, -1.0, 1 + 2**-23, 7.0):
        assert np.all(np.isneginf(distribution.log_prob(outside)))
