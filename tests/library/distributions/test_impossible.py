"""States that cannot be, and certain ones: exact and finite in every unit."""

import numpy as np
import pytest
import tensorflow as tf
from distribution_checks import SEED
from scipy import special, stats

from keras_concrete import distributions as kcd
from keras_concrete import noise
from keras_concrete.distributions import gumbel_units as gumbel
from keras_concrete.distributions import logistic_normal_units as normal
from keras_concrete.distributions.relocated_units import RelocatedBinaryUnit
from keras_concrete.distributions.units import BinaryUnit, CategoricalUnit

INF = np.inf
BINARY_UNITS = [
    BinaryUnit(),
    gumbel.GumbelBinaryUnit(),
    normal.LogisticNormalBinaryUnit(),
    RelocatedBinaryUnit(kcd.GAUSSIAN),
]
N_ARY_UNITS = [
    CategoricalUnit(),
    gumbel.GumbelCategoricalUnit(),
    normal.LogisticNormalCategoricalUnit(),
]
ALL_UNITS = BINARY_UNITS + N_ARY_UNITS
# Each with the states that are possible.
MASKS = [
    ([1.0, -INF, 0.5, 0.0], [0, 2, 3]),
    ([1.0, -1e9, 0.5, 0.0], [0, 2, 3]),
    ([-3.4e38, 2.0, 0.5, -65504.0], [1, 2]),
    ([0.0, INF, 1.0, 2.0], [1]),
    ([INF, INF, 0.0, -INF], [0, 1]),
    ([3e38, 1.0, 2.0, 3.0], [0]),
    ([1e9, 1e9, 0.0, 3.0], [0, 1]),
    ([-1e9, -1e9, -1e9, -2e9], [0, 1, 2]),
]
LOGITS = np.float32([logits for logits, _ in MASKS])
POSSIBLE = np.array([[k in kept for k in range(4)] for _, kept in MASKS])
LOG_ODDS = np.float32([-INF, INF, -1e9, 1e9, -3.4e38, 3.4e38, -5000, 5000])


def named(units):
    return [type(unit).__name__ for unit in units]


def everything(unit, logits, temperature, xla, key=(3, 4)):
    """All that a layer asks of a unit, and gradients for the logits and temperature."""

    def values_and_gradients(logits, temperature):
        with tf.GradientTape(persistent=True) as tape:
            tape.watch([logits, temperature])
            draws = unit.noise(logits.shape, noise.key_from_seed(np.array(key)))
            node = unit.node(logits, draws, temperature)
            discrete = unit.discrete_state(node)
            values = {
                "node": node,
                "relaxed": unit.masses(unit.relaxed_state(node)),
                "discrete": unit.masses(discrete),
                "density": unit.relaxed(0.7 * temperature, logits).log_prob(node),
                "mass": unit.discrete(logits).log_prob(discrete),
                "log_masses": unit.log_masses(logits),
                "mean": unit.masses(unit.mean(logits)),
            }
        gradients = {
            f"{name} by {argument}": tape.gradient(value, variable)
            for name, value in values.items()
            for argument, variable in (("logits", logits), ("temperature", temperature))
        }
        return values, {k: v for k, v in gradients.items() if v is not None}

    function = tf.function(values_and_gradients, jit_compile=True)
    arguments = tf.constant(logits), tf.constant(temperature, tf.float32)
    return (function if xla else values_and_gradients)(*arguments)


def assert_exact(values, gradients, probabilities, possible):
    for name, value in {**values, **gradients}.items():
        assert np.all(np.isfinite(value)), name
    for name in ("relaxed", "discrete", "mean"):
        assert np.all(values[name].numpy()[~possible] == 0), name
        np.testing.assert_allclose(np.sum(values[name], axis=-1), 1, rtol=1e-5)
    np.testing.assert_allclose(values["mean"], probabilities, rtol=1e-5, atol=1e-30)
    np.testing.assert_allclose(np.exp(values["log_masses"]), probabilities, rtol=1e-5)
    drawn = np.sum(values["discrete"] * probabilities, axis=-1)
    np.testing.assert_allclose(np.exp(values["mass"]), drawn, rtol=1e-5)


@pytest.mark.parametrize("xla", [False, True], ids=["eager", "xla"])
@pytest.mark.parametrize("unit", N_ARY_UNITS, ids=named(N_ARY_UNITS))
def test_impossible_states_of_n_are_exact_and_finite(unit, xla):
    kept = np.where(POSSIBLE, np.float64(LOGITS), -INF)
    largest = kept.max(axis=-1, keepdims=True)
    shifted = np.where(kept == largest, 0, kept - np.where(largest == INF, 0, largest))
    probabilities = special.softmax(np.where(POSSIBLE, shifted, -INF), axis=-1)
    for temperature in (0.5,) if xla else (0.01, 0.5, 10.0):
        values, gradients = everything(unit, LOGITS, temperature, xla)
        assert_exact(values, gradients, probabilities, POSSIBLE)
        slope = gradients["node by logits"].numpy()
        assert np.all(slope[~POSSIBLE] == 0)


@pytest.mark.parametrize("xla", [False, True], ids=["eager", "xla"])
@pytest.mark.parametrize("unit", BINARY_UNITS, ids=named(BINARY_UNITS))
def test_certain_binary_states_are_exact_and_finite(unit, xla):
    possible = np.stack([LOG_ODDS < 0, LOG_ODDS > 0], axis=-1)
    for temperature in (0.5,) if xla else (0.01, 0.5, 10.0):
        values, gradients = everything(unit, LOG_ODDS, temperature, xla)
        if type(unit) is BinaryUnit:
            # Its docstring says so: for a temperature that trains masks are finite.
            finite = everything(unit, LOG_ODDS[2:], temperature, xla)[1]
            gradients |= {k: v for k, v in finite.items() if k.endswith("temperature")}
        assert_exact(values, gradients, np.float64(possible), possible)


@pytest.mark.parametrize("unit", N_ARY_UNITS, ids=named(N_ARY_UNITS))
@pytest.mark.parametrize(("logits", "kept"), MASKS)
def test_a_unit_with_impossible_states_is_the_unit_of_the_others(unit, logits, kept):
    """Its densities under two temperatures, and its state, are those of that unit."""
    logits = np.float32(logits)
    prior = np.where(np.isin(np.arange(4), kept), np.float32([0.3, -0.2, 1, 0]), -INF)
    smaller = logits[kept]
    if np.abs(smaller).max() > 5000:
        smaller = np.zeros_like(
            smaller
        )  # Those of the table are equal where they are so large.
    draws = np.random.default_rng(0).gumbel(size=(50, 4)).astype("float32")
    node = unit.node(np.tile(logits, (50, 1)), draws, 0.5)
    of_smaller = unit.node(np.tile(smaller, (50, 1)), draws[:, kept], 0.5)
    np.testing.assert_allclose(node.numpy()[:, kept], of_smaller, rtol=1e-5, atol=1e-6)
    for temperature in (0.4, 1.5):
        ours = unit.relaxed(temperature, np.float32(prior)).log_prob(node)
        theirs = unit.relaxed(temperature, prior[kept]).log_prob(of_smaller)
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("mask", [-INF, -1e9, np.finfo("float32").min])
@pytest.mark.parametrize("unit", N_ARY_UNITS, ids=named(N_ARY_UNITS))
def test_the_kl_of_two_masked_units_is_that_of_the_smaller_units(unit, mask):
    def kl(q, p, draws):
        node = unit.node(np.tile(q, (len(draws), 1)), draws, 2 / 3)
        log_q = unit.relaxed(2 / 3, q).log_prob(node)
        return np.mean(log_q - unit.relaxed(0.5, p).log_prob(node))

    draws = np.random.default_rng(1).gumbel(size=(2000, 5)).astype("float32")
    q, p = np.float32([[2, 0, -1, mask, mask], [0.5, 0, 0, mask, mask]])
    kept = [0, 1, 2]
    assert kl(q, p, draws) == pytest.approx(
        kl(q[kept], p[kept], draws[:, kept]), abs=1e-5
    )


def test_a_prior_that_masks_a_drawn_state_has_density_zero_there():
    node = kcd.ExpConcrete(0.5, [0.0, 0.0, 0.0]).sample(20, seed=SEED)
    masked = kcd.ExpConcrete(0.5, [0.0, 0.0, -INF])
    assert np.all(masked.log_prob(node) == -INF)
    assert np.all(kcd.Concrete(0.5, [0.0, 0.0, -INF]).log_prob(np.exp(node)) == -INF)
    certain = kcd.LogitBinaryConcrete(0.5, INF)
    np.testing.assert_array_equal(certain.log_prob([3.0, -3.0, 2e9]), [-INF, -INF, 0])


def test_the_density_of_a_masked_state_is_that_of_the_smaller_simplex():
    state = np.float32([0.2, 0.0, 0.5, 0.3])
    masked, smaller = [0.5, -INF, 0.0, 1.0], [0.5, 0.0, 1.0]
    for temperature in (0.5, 2.0):
        ours = kcd.Concrete(temperature, masked).log_prob(state)
        theirs = kcd.Concrete(temperature, smaller).log_prob(state[state > 0])
        np.testing.assert_allclose(ours, theirs, rtol=1e-6)
        vanished = kcd.Concrete(temperature, masked).log_prob([0.0, 0.0, 0.5, 0.5])
        of_smaller = kcd.Concrete(temperature, smaller).log_prob([0.0, 0.5, 0.5])
        assert vanished == of_smaller


def test_impossible_states_are_never_drawn_and_equal_certain_ones_share():
    draws = 4000
    states = kcd.Discrete(LOGITS).sample(draws, seed=SEED).numpy()
    assert np.all(states[:, ~POSSIBLE] == 0)
    relaxed = kcd.Concrete(2.0, LOGITS).sample(draws, seed=SEED).numpy()
    assert np.all(relaxed[:, ~POSSIBLE] == 0)
    for row in (4, 6):  # Two infinite logits, and two of 1e9.
        ones = int(states[:, row, 0].sum())
        # Fails by chance once in 10,000 seeds; the seed is fixed.
        assert stats.binomtest(ones, draws, 0.5).pvalue > 1e-4
    np.testing.assert_array_equal(
        kcd.Discrete(LOGITS).mode().numpy().argmax(-1), LOGITS.argmax(-1)
    )
    bits = kcd.Bernoulli(LOG_ODDS).sample(draws, seed=SEED).numpy()
    np.testing.assert_array_equal(bits, np.broadcast_to(LOG_ODDS > 0, bits.shape))


def test_logits_beyond_float32_are_certain():
    logits = np.array([0.0, 1e300, 5.0])
    assert kcd.Discrete(logits).mode().numpy().tolist() == [0, 1, 0]
    assert np.all(kcd.Discrete(logits).sample(9, seed=SEED) == np.float32([0, 1, 0]))
    assert np.all(kcd.Bernoulli(logits).sample(9, seed=SEED)[:, 1] == 1)


@pytest.mark.parametrize("xla", [False, True], ids=["eager", "xla"])
@pytest.mark.parametrize(
    "unit", BINARY_UNITS + N_ARY_UNITS, ids=lambda u: type(u).__name__
)
def test_nan_logits_never_make_a_state(unit, xla):
    logits = np.float32([[np.nan, 1, -INF, 0], [np.nan] * 4, [-INF] * 4])
    logits = logits[:2, :1] if unit in BINARY_UNITS else logits
    values, _ = everything(unit, logits, 0.5, xla)
    assert np.all(np.isnan(values["discrete"]))
    for name in ("density", "mass"):
        assert np.all(np.isnan(values[name])), name
    assert np.all(np.any(np.isnan(values["relaxed"]), axis=-1))


def test_nan_logits_never_make_a_state_of_a_distribution():
    for discrete, logits in ((kcd.Bernoulli, [np.nan]), (kcd.Discrete, [0.0, np.nan])):
        for state in (discrete(logits).sample(seed=SEED), discrete(logits).mode()):
            assert np.all(np.isnan(state))
            assert np.isnan(discrete(logits).log_prob(state)).all()
