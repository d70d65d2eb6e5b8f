"""Units join noise, node and states to their distributions."""

import numpy as np
import pytest
import tensorflow_probability as tfp
from distribution_checks import LOGITS, SEED

from keras_concrete import distributions as kcd
from keras_concrete import noise
from keras_concrete.distributions.units import BinaryUnit, CategoricalUnit


def test_equal_noise_makes_the_discrete_state_the_rounding_of_the_node():
    nodes = kcd.ExpConcrete(0.5, LOGITS).sample(100, seed=SEED)
    rounded = CategoricalUnit().discrete_state(nodes)
    np.testing.assert_array_equal(kcd.Discrete(LOGITS).sample(100, seed=SEED), rounded)
    nodes = kcd.LogitBinaryConcrete(0.5, LOGITS).sample(100, seed=SEED)
    rounded = BinaryUnit().discrete_state(nodes)
    np.testing.assert_array_equal(kcd.Bernoulli(LOGITS).sample(100, seed=SEED), rounded)


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
