"""Units of n states: rows 6 to 8 of the paper's table 3, and proposition 1."""

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
    log_simplex,
    simplex,
    total,
    value_and_gradients,
)
from hypothesis import given
from scipy import special

from keras_concrete import distributions as kcd
from keras_concrete import noise


@checked
@given(logits=floats(-1000, 1000, ROWS, STATES))
def test_row_6_discrete(logits):
    states = np.eye(STATES, dtype="float32")[:, None]
    ours = kcd.Discrete(logits).log_prob(states)
    assert_accurate(ours, oracles.discrete(states, logits), np.abs(logits).max(-1))


@checked
@given(
    t=floats(0.05, 5),
    logits=floats(-10, 10, ROWS, STATES),
    x=floats(-20, 20, ROWS, STATES).map(simplex),
)
def test_row_7_concrete(t, logits, x):
    ours = kcd.Concrete(t, logits).log_prob(x)
    factors = np.abs(logits) + (t[:, None] + 1) * np.abs(np.log(x))
    assert_accurate(ours, oracles.concrete(x, logits, t), STATES * factors.max(-1))


@checked
@given(
    t=floats(0.01, 10),
    logits=floats(-1000, 1000, ROWS, STATES),
    y=floats(-1e5, 1e5, ROWS, STATES).map(log_simplex),
)
def test_row_8_exp_concrete(t, logits, y):
    ours = kcd.ExpConcrete(t, logits).log_prob(y)
    factors = np.abs(logits) + t[:, None] * np.abs(y)
    assert_accurate(ours, oracles.exp_concrete(y, logits, t), STATES * factors.max(-1))


@pytest.mark.parametrize("temperature", [0.6, 1.0, 2.0])
def test_concrete_integrates_to_one_over_the_simplex(temperature):
    density = density_of(kcd.Concrete(temperature, [1.0, -0.5, 0.3]))

    def in_softmax_coordinates(a, b):
        x = special.softmax(np.stack([a, b, np.zeros_like(a)], axis=-1), axis=-1)
        return density(x) * np.prod(x, axis=-1)  # The Jacobian is x_1 x_2 x_3.

    reach = 16 / temperature
    mass = total(in_softmax_coordinates, (-reach, reach), (-reach, reach), points=200)
    assert mass == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_exp_concrete_over_the_last_coordinate_integrates_to_one(temperature):
    """The paper's density is Concrete's times x_1 x_2 x_3.

    A change to the coordinates log x_1 and log x_2 has the Jacobian x_1 x_2 alone. So
    the density there is the paper's divided by x_3; as printed it integrates to the
    mean of x_3, by symmetry a third here. In a ratio of densities the factor cancels.
    """
    density = density_of(kcd.ExpConcrete(temperature, [0.0, 0.0, 0.0]))

    def divided(last_exponent):
        def function(y1, s):  # s = log x_2 - log(1 - x_1) < 0 makes a square of it.
            rest = np.log1p(-np.exp(y1))
            y = np.stack([y1, rest + s, rest + np.log1p(-np.exp(s))], axis=-1)
            return density(y) / np.exp(last_exponent * y[..., 2])

        return total(function, (-20, 0), (-20, 0), points=1000)

    assert divided(1) == pytest.approx(1, abs=1e-3)
    assert divided(0) == pytest.approx(1 / 3, abs=1e-3)


def test_reparameterization_of_an_n_ary_unit():
    """Proposition 1 (a): X = softmax((log alpha + G) / t), here at several t at once."""
    t, logits = np.float32([0.3, 1, 4]), np.float32([[2, 0, -1, 0.5]] * 3)

    def formula(gumbels):
        return simplex((logits + np.float64(gumbels)) / t[:, None])

    states = kcd.Concrete(t, logits).sample(DRAWS, seed=SEED).numpy()
    others = formula(np.random.default_rng(0).gumbel(size=states.shape))
    assert_same_law(states.reshape(DRAWS, -1), others.reshape(DRAWS, -1))

    key = noise.key_from_seed(tfp.random.sanitize_seed(SEED))
    same = formula(noise.gumbel(states.shape, key))
    np.testing.assert_allclose(states, same, rtol=2e-4, atol=1e-6)
    nodes = kcd.ExpConcrete(t, logits).sample(DRAWS, seed=SEED)
    np.testing.assert_allclose(np.exp(nodes), same, rtol=2e-4, atol=1e-6)


def test_rounding_an_n_ary_unit_draws_the_discrete():
    """Proposition 1 (b)."""
    t, logits = np.float32([0.2, 1, 4]), LOGITS[:3]
    states = kcd.Concrete(t, logits).sample(DRAWS, seed=SEED).numpy()
    counts = np.sum(states == states.max(axis=-1, keepdims=True), axis=0)
    assert_frequencies(counts, simplex(logits))


def test_at_zero_temperature_a_unit_is_discrete():
    """Proposition 1 (c): only near-ties are not within 1e-3 of a vertex."""
    states = kcd.Concrete(1e-3, LOGITS).sample(DRAWS, seed=SEED).numpy()
    assert np.mean(states.max(axis=-1) > 1 - 1e-3) > 0.99
    assert_frequencies(np.sum(states > 0.5, axis=0), simplex(LOGITS))


@checked
@given(
    t=floats(0.05, 1 / (STATES - 1)),
    logits=floats(-10, 10, ROWS, STATES),
    ends=floats(-20, 20, 2, ROWS, STATES).map(simplex),
)
def test_up_to_one_over_n_minus_one_an_n_ary_density_is_log_convex(t, logits, ends):
    """Proposition 1 (d)."""
    assert_convex_between(kcd.Concrete(t, logits), *ends, magnitude=100)


def test_above_those_temperatures_a_density_may_have_a_mode_inside():
    """The converse of (d): the bounds on the temperature are there for a reason."""
    corners = 0.1 + 0.7 * np.eye(3, dtype="float32")
    points = np.concatenate([corners.mean(axis=0, keepdims=True), corners])
    middle, *ends = kcd.Concrete(2.0, [0.0, 0.0, 0.0]).log_prob(points).numpy()
    assert middle > max(ends)


@checked
@given(logits=floats(-1000, 1000, ROWS, STATES))
def test_masses_are_finite_logarithms_and_sum_to_one(logits):
    states = np.eye(STATES, dtype="float32")[:, None]
    log_masses = kcd.Discrete(logits).log_prob(states)
    assert_finite(log_masses)
    np.testing.assert_allclose(np.exp(log_masses).sum(axis=0), 1, rtol=1e-5)


def test_the_discrete_draws_states_as_often_as_its_masses_say():
    states = kcd.Discrete(LOGITS).sample(DRAWS, seed=SEED).numpy()
    np.testing.assert_array_equal(np.sort(states)[..., -2:], [[[0, 1]] * 5] * DRAWS)
    assert_frequencies(states.sum(axis=0), simplex(LOGITS))


def test_the_log_mass_of_a_state_that_cannot_be_is_minus_infinity():
    """Masked states, of logit -inf, have it; nothing is NaN, gradients included."""
    inf = np.float32(np.inf)
    masked = np.float32([-inf, 0, 0])
    value, (slope,) = value_and_gradients(
        lambda logits: kcd.Discrete(logits).log_prob(np.eye(3, dtype="float32")), masked
    )
    np.testing.assert_allclose(value, [-inf, -np.log(2), -np.log(2)], rtol=1e-6)
    assert_finite(slope)


def test_a_concrete_state_on_the_boundary_has_the_limit_of_its_density():
    cold, warm = kcd.Concrete(0.3, [0.0, 1.0, 2.0]), kcd.Concrete(2.0, [0.0, 1.0, 2.0])
    for state in ([0.0, 0.5, 0.5], [0.0, 0.0, 1.0]):
        assert cold.log_prob(state) == np.inf
        vanishing = np.where(np.equal(state, 0.0), 1e-12, state)
        assert cold.log_prob(vanishing) > cold.log_prob(vanishing + 1e-9)
    assert warm.log_prob([0.0, 0.5, 0.5]) == -np.inf
