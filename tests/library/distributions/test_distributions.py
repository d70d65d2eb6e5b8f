"""The distributions are the rows of the paper's table 3, with its propositions."""

import numpy as np
import oracles
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import special, stats

from keras_concrete import distributions as kcd
from keras_concrete import noise
from keras_concrete.distributions.units import BinaryUnit, CategoricalUnit

tfb, tfd = tfp.bijectors, tfp.distributions

FALSE_ALARM = 1e-4  # Of each statistical test; seeds are fixed, so none flickers.
SEED = (3, 14)
DRAWS = 20_000
ROWS, STATES = 16, 4
checked = settings(deadline=None, max_examples=25, derandomize=True)

BINARY = [kcd.LogitBinaryConcrete, kcd.BinaryConcrete]
N_ARY = [kcd.ExpConcrete, kcd.Concrete]
LOGITS = np.random.default_rng(0).normal(0, 2, (5, 3)).astype("float32")


def floats(low, high, *shape):
    """Arrays of float32 numbers between bounds, as a strategy of Hypothesis."""
    low, high = np.float32([low, high]).tolist()
    elements = st.floats(low, high, width=32, allow_subnormal=False)
    return hnp.arrays("float32", shape or (ROWS,), elements=elements, fill=st.nothing())


def simplex(y):
    return special.softmax(np.float64(y), axis=-1).astype("float32")


def log_simplex(y):
    return special.log_softmax(np.float64(y), axis=-1).astype("float32")


def assert_accurate(ours, oracle, *terms):
    """Compares to 1e-5 of the largest term of the sum that a log-density is."""
    largest = np.max([np.broadcast_to(np.abs(t), oracle.shape) for t in terms], axis=0)
    assert ours.dtype == "float32"
    np.testing.assert_array_less(np.abs(ours - oracle), 1e-5 * np.maximum(largest, 1))


def total(density, *bounds, points):
    """Integral by the midpoint rule, over as many dimensions as there are bounds."""
    steps = [(high - low) / points for low, high in bounds]
    middle = np.arange(points) + 0.5
    axes = [low + step * middle for (low, _), step in zip(bounds, steps, strict=True)]
    return np.sum(density(*np.meshgrid(*axes)), dtype="float64") * np.prod(steps)


def density_of(distribution):
    return lambda x: np.exp(np.float64(distribution.log_prob(np.float32(x))))


def assert_frequencies(counts, probabilities):
    """Chi-square tests along the last axis, whose joint false-alarm rate is stated."""
    expected = np.sum(counts, axis=-1, keepdims=True) * np.float64(probabilities)
    p_values = stats.chisquare(counts, expected, axis=-1, sum_check=False).pvalue
    assert np.min(p_values) > FALSE_ALARM / np.size(p_values)


def assert_same_law(samples, law):
    """Kolmogorov-Smirnov per column, against samples or a list of CDFs."""
    law = np.transpose(law) if isinstance(law, np.ndarray) else law
    tests = [stats.kstest(*pair) for pair in zip(np.transpose(samples), law, strict=True)]
    assert min(test.pvalue for test in tests) > FALSE_ALARM / len(tests)


def value_and_gradients(function, *arguments):
    variables = [tf.Variable(argument) for argument in arguments]
    with tf.GradientTape() as tape:
        value = function(*variables)
    return value, tape.gradient(value, variables)


def assert_finite(tensors):
    for tensor in tf.nest.flatten(tensors):
        assert tensor is not None and np.all(np.isfinite(tensor))


# --- Table 3: each row against its oracle -------------------------------------------


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


@checked
@given(g=floats(-50, 1000))
def test_row_1_gumbel(g):
    assert_accurate(kcd.Gumbel().log_prob(g), oracles.gumbel(g), g, np.exp(-g))


@checked
@given(x=floats(-1000, 1000))
def test_row_2_logistic(x):
    assert_accurate(kcd.Logistic().log_prob(x), oracles.logistic(x), x)


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


# --- Table 3: each density has mass 1 -----------------------------------------------


@pytest.mark.parametrize(
    ("distribution", "bounds"),
    [
        (kcd.Gumbel(), (-5, 25)),
        (kcd.Logistic(), (-25, 25)),
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


# --- Propositions 1 and 2 -----------------------------------------------------------


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


def test_rounding_a_binary_unit_draws_the_bernoulli():
    """Proposition 2 (b)."""
    t, logits = np.float32([[0.2, 1, 4, 1], [-3, 0, 1, 2]])
    ones = np.sum(kcd.BinaryConcrete(t, logits).sample(DRAWS, seed=SEED) > 0.5, axis=0)
    counts = np.stack([DRAWS - ones, ones], axis=-1)
    assert_frequencies(counts, special.expit(np.stack([-logits, logits], axis=-1)))


def test_rounding_an_n_ary_unit_draws_the_discrete():
    """Proposition 1 (b)."""
    t, logits = np.float32([0.2, 1, 4]), LOGITS[:3]
    states = kcd.Concrete(t, logits).sample(DRAWS, seed=SEED).numpy()
    counts = np.sum(states == states.max(axis=-1, keepdims=True), axis=0)
    assert_frequencies(counts, simplex(logits))


def test_at_zero_temperature_a_unit_is_discrete():
    """Propositions 1 (c) and 2 (c): only near-ties are not within 1e-3 of a vertex."""
    states = kcd.Concrete(1e-3, LOGITS).sample(DRAWS, seed=SEED).numpy()
    assert np.mean(states.max(axis=-1) > 1 - 1e-3) > 0.99
    assert_frequencies(np.sum(states > 0.5, axis=0), simplex(LOGITS))

    logits = LOGITS[0]
    states = kcd.BinaryConcrete(1e-3, logits).sample(DRAWS, seed=SEED).numpy()
    assert np.mean(np.abs(states - 0.5) > 0.5 - 1e-3) > 0.99
    counts = np.stack([np.sum(states < 0.5, axis=0), np.sum(states > 0.5, axis=0)], -1)
    assert_frequencies(counts, special.expit(np.stack([-logits, logits], axis=-1)))


def assert_convex_between(distribution, x1, x2, magnitude):
    """At the midpoint, the log-density is at most the mean of those at the ends."""
    middle, *ends = distribution.log_prob(np.stack([(x1 + x2) / 2, x1, x2])).numpy()
    np.testing.assert_array_less(middle, np.mean(ends, axis=0) + 1e-5 * magnitude)


@checked
@given(
    t=floats(0.05, 1),
    logits=floats(-10, 10),
    ends=floats(1e-30, 1 - 2**-24, 2, ROWS),
)
def test_up_to_temperature_one_a_binary_density_is_log_convex(t, logits, ends):
    """Proposition 2 (d)."""
    assert_convex_between(kcd.BinaryConcrete(t, logits), *ends, magnitude=100)


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
    middle, *ends = kcd.BinaryConcrete(2.0, 0.0).log_prob([0.5, 0.25, 0.75]).numpy()
    assert middle > max(ends)
    corners = 0.1 + 0.7 * np.eye(3, dtype="float32")
    points = np.concatenate([corners.mean(axis=0, keepdims=True), corners])
    middle, *ends = kcd.Concrete(2.0, [0.0, 0.0, 0.0]).log_prob(points).numpy()
    assert middle > max(ends)


# --- Discrete twins -----------------------------------------------------------------


@checked
@given(logits=floats(-1000, 1000, ROWS, STATES))
def test_masses_are_finite_logarithms_and_sum_to_one(logits):
    states = np.eye(STATES, dtype="float32")[:, None]
    for log_masses in (
        kcd.Discrete(logits).log_prob(states),
        kcd.Bernoulli(logits).log_prob(np.float32([0, 1])[:, None, None]),
    ):
        assert_finite(log_masses)
        np.testing.assert_allclose(np.exp(log_masses).sum(axis=0), 1, rtol=1e-5)


def test_discrete_twins_draw_states_as_often_as_their_masses_say():
    states = kcd.Discrete(LOGITS).sample(DRAWS, seed=SEED).numpy()
    np.testing.assert_array_equal(np.sort(states)[..., -2:], [[[0, 1]] * 5] * DRAWS)
    assert_frequencies(states.sum(axis=0), simplex(LOGITS))

    states = kcd.Bernoulli(LOGITS).sample(DRAWS, seed=SEED).numpy()
    assert set(np.unique(states)) == {0, 1}
    counts = np.stack([np.sum(1 - states, axis=0), np.sum(states, axis=0)], axis=-1)
    assert_frequencies(counts, special.expit(np.stack([-LOGITS, LOGITS], axis=-1)))


def test_equal_noise_makes_the_discrete_state_the_rounding_of_the_node():
    nodes = kcd.ExpConcrete(0.5, LOGITS).sample(100, seed=SEED)
    rounded = CategoricalUnit().discrete_state(nodes)
    np.testing.assert_array_equal(kcd.Discrete(LOGITS).sample(100, seed=SEED), rounded)
    nodes = kcd.LogitBinaryConcrete(0.5, LOGITS).sample(100, seed=SEED)
    rounded = BinaryUnit().discrete_state(nodes)
    np.testing.assert_array_equal(kcd.Bernoulli(LOGITS).sample(100, seed=SEED), rounded)


# --- The sigmoid --------------------------------------------------------------------

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


# --- Extremes -----------------------------------------------------------------------

TEMPERATURES = np.float32([0.01, 0.1, 1, 10])


def extreme_logits(num_states):
    """Rows at each end of the range, and rows that mix the ends."""
    rng = np.random.default_rng(num_states)
    ends = rng.choice(np.float32([-1000, 0, 1000]), (2, num_states))
    between = rng.uniform(-1000, 1000, (2, num_states))
    same = np.multiply.outer([-1000, 0, 1000], np.ones(num_states))
    one_up = np.where(np.arange(num_states) == 0, 1000, -1000)[None]
    return np.concatenate([ends, between, same, one_up, -one_up]).astype("float32")


def assert_finite_everywhere(make, state_of, logits):
    """Checks each row at each temperature, at its own node and at all the other nodes."""
    t = np.repeat(TEMPERATURES, len(logits))
    logits = np.concatenate([logits] * len(TEMPERATURES))

    def own_node_and_state(t, logits):
        node = make(t, logits).sample(seed=SEED)
        return make(t, logits).log_prob(node), state_of(node)

    def given_node(t, logits, node):
        return make(t, logits).log_prob(node)

    assert_finite(value_and_gradients(own_node_and_state, t, logits))
    nodes = make(t, logits).sample(seed=SEED).numpy()
    for shift in range(1, len(t)):
        others = np.roll(nodes, shift, axis=0)
        assert_finite(value_and_gradients(given_node, t, logits, others))


def test_binary_values_and_gradients_are_finite_at_extremes():
    assert_finite_everywhere(
        kcd.LogitBinaryConcrete, BinaryUnit().relaxed_state, extreme_logits(2).reshape(-1)
    )


@pytest.mark.parametrize("num_states", [2, 8, 1024])
def test_n_ary_values_and_gradients_are_finite_at_extremes(num_states):
    assert_finite_everywhere(
        kcd.ExpConcrete, CategoricalUnit().relaxed_state, extreme_logits(num_states)
    )


def test_states_sampled_at_extremes_have_finite_gradients():
    for make, logits in (
        (kcd.BinaryConcrete, extreme_logits(2).reshape(-1)),
        (kcd.Concrete, extreme_logits(8)),
    ):
        for t in TEMPERATURES:
            sampled = value_and_gradients(
                lambda t, logits, make=make: make(t, logits).sample(seed=SEED), t, logits
            )
            assert_finite(sampled)


def test_gradients_are_those_of_the_oracles():
    t, logits, node = np.float32([0.4, 1, 1.7, 3, 5]), LOGITS, log_simplex(LOGITS[::-1])
    for make, oracle, arguments in (
        (kcd.LogitBinaryConcrete, oracles.logistic, (t, logits[:, 0], node[:, 0])),
        (kcd.ExpConcrete, oracles.exp_concrete, (t, logits, node)),
    ):

        def summed(t, logits, node, oracle=oracle):
            return np.sum(oracle(node, logits, t))

        _, ours = value_and_gradients(
            lambda t, logits, node, make=make: make(t, logits).log_prob(node), *arguments
        )
        for place, gradient in enumerate(ours):
            slopes = differences(summed, arguments, place)
            np.testing.assert_allclose(gradient, slopes, rtol=1e-4, atol=1e-4)


def differences(function, arguments, place, step=1e-5):
    """Central differences of a sum with respect to each element of one argument."""
    arguments = [np.float64(argument) for argument in arguments]
    slopes = np.empty_like(arguments[place])
    for index in np.ndindex(slopes.shape):
        ends = []
        for sign in (1, -1):
            moved = [argument.copy() for argument in arguments]
            moved[place][index] += sign * step
            ends.append(function(*moved))
        slopes[index] = (ends[0] - ends[1]) / (2 * step)
    return slopes


def test_the_log_mass_of_a_state_that_cannot_be_is_minus_infinity():
    """And never NaN; masked states, of logit -inf, have it, and no gradient has NaN."""
    inf = np.float32(np.inf)
    states = np.float32([[0], [1]])
    value, (slope,) = value_and_gradients(
        lambda logits: kcd.Bernoulli(logits).log_prob(states), np.float32([-inf, inf])
    )
    np.testing.assert_array_equal(value, [[0, -inf], [-inf, 0]])
    assert_finite(slope)
    masked = np.float32([-inf, 0, 0])
    value, (slope,) = value_and_gradients(
        lambda logits: kcd.Discrete(logits).log_prob(np.eye(3, dtype="float32")), masked
    )
    np.testing.assert_allclose(value, [-inf, -np.log(2), -np.log(2)], rtol=1e-6)
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


# --- As TFP distributions -----------------------------------------------------------

MADE = [
    (kcd.Gumbel(), (), ()),
    (kcd.Logistic(), (), ()),
    (kcd.Bernoulli(LOGITS), (5, 3), ()),
    (kcd.BinaryConcrete(0.5, LOGITS), (5, 3), ()),
    (kcd.LogitBinaryConcrete(0.5, LOGITS), (5, 3), ()),
    (kcd.Discrete(LOGITS), (5,), (3,)),
    (kcd.Concrete(np.full(5, 0.5, "float32"), LOGITS), (5,), (3,)),
    (kcd.ExpConcrete(0.5, LOGITS), (5,), (3,)),
]
each_made = pytest.mark.parametrize(
    ("distribution", "batch", "event"), MADE, ids=[made[0].name for made in MADE]
)


@each_made
def test_shapes_are_those_of_tfp(distribution, batch, event):
    assert distribution.batch_shape == batch
    assert distribution.event_shape == event
    assert tuple(distribution.batch_shape_tensor()) == batch
    assert tuple(distribution.event_shape_tensor()) == event
    sample = distribution.sample((2, 7), seed=SEED)
    assert sample.shape == (2, 7, *batch, *event)
    assert distribution.log_prob(sample).shape == (2, 7, *batch)
    assert distribution.sample().shape == (*batch, *event)


@pytest.mark.parametrize("make", [*BINARY, *N_ARY, kcd.Bernoulli, kcd.Discrete])
@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "xla"])
def test_a_batch_of_unknown_size_gives_the_same_in_a_graph(make, jit_compile):
    def sample_and_log_prob(logits):
        arguments = (logits,) if make in (kcd.Bernoulli, kcd.Discrete) else (0.5, logits)
        sample = make(*arguments).sample(4, seed=SEED)
        return sample, make(*arguments).log_prob(sample)

    signature = None if jit_compile else [tf.TensorSpec([None, 3])]
    graph = tf.function(sample_and_log_prob, signature, jit_compile=jit_compile)
    eager = sample_and_log_prob(LOGITS)
    for ours, expected in zip(graph(tf.constant(LOGITS)), eager, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-5)


@each_made
def test_seeds_and_copies_are_those_of_tfp(distribution, batch, event):
    sample = distribution.sample(4, seed=(1, 2))
    np.testing.assert_array_equal(distribution.sample(4, seed=(1, 2)), sample)
    np.testing.assert_array_equal(distribution.copy().sample(4, seed=(1, 2)), sample)
    assert not np.array_equal(distribution.sample(4, seed=(2, 1)), sample)
    # An integer is a seed of TensorFlow's stateful generators, as in every TFP sampler.
    repeated = []
    for _ in range(2):
        tf.random.set_seed(0)
        repeated.append(distribution.sample(4, seed=7))
    np.testing.assert_array_equal(*repeated)


@pytest.mark.parametrize("make", BINARY + N_ARY)
def test_a_copy_takes_new_parameters(make):
    copy = make(0.5, LOGITS).copy(temperature=2.0)
    x = make(0.5, LOGITS).sample(seed=SEED)
    np.testing.assert_array_equal(copy.log_prob(x), make(2.0, LOGITS).log_prob(x))


# TFP slices a scalar temperature to shape (1,).
@pytest.mark.parametrize("make", BINARY + N_ARY)
def test_a_slice_is_the_distribution_of_part_of_the_batch(make):
    logits = LOGITS if make in BINARY else np.stack([LOGITS, LOGITS])
    part, expected = make(0.5, logits)[1], make(0.5, logits[1])
    x = expected.sample(seed=SEED)
    np.testing.assert_array_equal(part.log_prob(x), expected.log_prob(x))


@pytest.mark.parametrize(
    ("make", "theirs"),
    [
        (kcd.BinaryConcrete, tfd.RelaxedBernoulli),
        (kcd.Concrete, tfd.RelaxedOneHotCategorical),
        (kcd.ExpConcrete, tfd.ExpRelaxedOneHotCategorical),
    ],
)
def test_densities_are_those_of_tfp_at_moderate_values(make, theirs):
    for temperature in (0.4, 1.0, 2.5):
        ours = make(temperature, LOGITS)
        # As a constant, so that neither finds the node in its cache.
        x = tf.constant(ours.sample(20, seed=SEED).numpy())
        if make is kcd.BinaryConcrete:
            x = tf.clip_by_value(x, 1e-3, 1 - 1e-3)
        expected = theirs(temperature, logits=LOGITS).log_prob(x)
        np.testing.assert_allclose(ours.log_prob(x), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
def test_densities_are_float32_whatever_the_type_of_the_logits(dtype):
    logits = tf.cast(LOGITS, dtype)
    same = tf.cast(logits, "float32")
    for make in BINARY + N_ARY:
        x = make(0.5, same).sample(seed=SEED)
        ours = make(0.5, logits).log_prob(x)
        assert x.dtype == ours.dtype == "float32"
        np.testing.assert_array_equal(ours, make(0.5, same).log_prob(x))
    for make in (kcd.Bernoulli, kcd.Discrete):
        x = make(logits).sample(seed=SEED)
        assert x.dtype == make(logits).log_prob(x).dtype == "float32"


# --- Units and errors ---------------------------------------------------------------


@pytest.mark.parametrize("unit", [BinaryUnit(), CategoricalUnit()])
def test_a_unit_is_a_sample_of_its_distribution_and_knows_its_masses(unit):
    key = noise.key_from_seed(tfp.random.sanitize_seed(SEED))
    node = unit.node(LOGITS, unit.noise(LOGITS.shape, key), 0.5)
    np.testing.assert_allclose(node, unit.relaxed(0.5, LOGITS).sample(seed=SEED), 1e-5)
    state = unit.discrete_state(node)
    log_masses = np.sum(unit.masses(state) * unit.log_masses(LOGITS), axis=-1)
    np.testing.assert_allclose(log_masses, unit.discrete(LOGITS).log_prob(state), 1e-5)
    relaxed = unit.masses(unit.relaxed_state(node))
    np.testing.assert_allclose(np.sum(relaxed, axis=-1), 1, rtol=1e-5)


@pytest.mark.parametrize("make", BINARY + N_ARY)
@pytest.mark.parametrize("temperature", [0, -0.5, np.float32(-1), np.nan, np.inf])
def test_a_temperature_that_is_not_positive_is_an_error(make, temperature):
    with pytest.raises(ValueError, match="`temperature` must be positive"):
        make(temperature, LOGITS)


@pytest.mark.parametrize("kind", [np.array, tf.constant, list])
@pytest.mark.parametrize("make", BINARY + N_ARY)
def test_a_temperature_that_would_broadcast_is_an_error(make, kind):
    logits = LOGITS if make in BINARY else np.zeros((5, 3, 2), "float32")
    with pytest.raises(ValueError, match="must be a scalar or have the shape"):
        make(kind([[0.5]] * 5), logits)


@pytest.mark.parametrize("logits", [0.0, [[0.0], [1.0]]], ids=["scalar", "one state"])
@pytest.mark.parametrize("make", [*N_ARY, lambda _, logits: kcd.Discrete(logits)])
def test_logits_without_states_are_an_error(make, logits):
    with pytest.raises(ValueError, match="must have the states on its last axis"):
        make(0.5, logits)


def test_a_concrete_state_on_the_boundary_has_the_limit_of_its_density():
    cold, warm = kcd.Concrete(0.3, [0.0, 1.0, 2.0]), kcd.Concrete(2.0, [0.0, 1.0, 2.0])
    for state in ([0.0, 0.5, 0.5], [0.0, 0.0, 1.0]):
        assert cold.log_prob(state) == np.inf
        vanishing = np.where(np.equal(state, 0.0), 1e-12, state)
        assert cold.log_prob(vanishing) > cold.log_prob(vanishing + 1e-9)
    assert warm.log_prob([0.0, 0.5, 0.5]) == -np.inf


def test_a_temperature_tensor_that_is_not_positive_is_an_error():
    for temperature in (np.array(-1.0), tf.constant([0.0, 1.0]), np.inf):
        with pytest.raises(ValueError, match="must be positive and finite"):
            kcd.LogitBinaryConcrete(temperature, [0.0, 0.0])
