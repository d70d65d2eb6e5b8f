"""A unit of decisions has the law of its logits, and pairs of opposite noise differ."""

import numpy as np
from scipy import special, stats

from keras_concrete import noise
from keras_concrete.distributions.stick_breaking import (
    StickBreakingUnit,
    log_odds_of_decisions,
)

FALSE_ALARM = 1e-6
LOGITS = np.array([[0.3, -1.0, 1.2, 0.0], [-8.0, 2.0, -9.0, 2.5]], "float32")
KEY = noise.key_from_seed(np.array([0, 7]))
UNIT = StickBreakingUnit()


def states(logits, noises):
    return np.asarray(UNIT.discrete_state(UNIT.node(logits, noises, 1.0)))


def test_states_of_either_of_a_pair_have_the_masses_of_the_logits():
    drawn = UNIT.noise((100_000, *LOGITS.shape), KEY)
    assert drawn.shape == (100_000, 2, 3)
    for noises in (drawn, -drawn):
        counts = states(LOGITS, noises).sum(axis=0)
        expected = 100_000 * special.softmax(np.float64(LOGITS), axis=-1)
        for row, mean in zip(counts, expected, strict=True):
            assert stats.chisquare(row, mean).pvalue > FALSE_ALARM


def test_the_node_is_the_log_of_its_state():
    node = UNIT.node(LOGITS, UNIT.noise(LOGITS.shape, KEY), 0.5)
    np.testing.assert_array_equal(UNIT.relaxed_state(node), UNIT.discrete_state(node))
    np.testing.assert_array_equal(np.sum(UNIT.discrete_state(node), -1), 1)


def test_odds_are_those_of_float64_and_certain_ones_are_finite():
    masses = special.softmax(np.float64(LOGITS), axis=-1)
    odds = [masses[:, k] / masses[:, k + 1 :].sum(-1) for k in range(3)]
    found = log_odds_of_decisions(special.log_softmax(LOGITS, axis=-1))
    np.testing.assert_allclose(found, np.log(odds).T, atol=1e-5)
    ruled_out = np.array([[-np.inf, 0, 0, -np.inf], [0, -np.inf, -np.inf, -np.inf]])
    found = np.asarray(log_odds_of_decisions(UNIT.log_masses(np.float32(ruled_out))))
    assert np.all(np.isfinite(found))
    drawn = UNIT.noise((100_000, 2, 4), KEY)
    for noises in (drawn, -drawn):
        assert np.all(states(np.float32(ruled_out), noises)[:, ruled_out != 0] == 0)


def test_what_is_no_number_gives_no_state():
    logits = np.array([[np.nan, 0.0, 1.0], [0.0, 0.0, np.nan]], "float32")
    assert np.all(np.isnan(states(logits, UNIT.noise((2, 3), KEY))))
