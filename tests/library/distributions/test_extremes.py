"""Densities and their gradients at the ends of the range of parameters."""

import numpy as np
import oracles
import pytest
from distribution_checks import (
    LOGITS,
    SEED,
    assert_finite,
    log_simplex,
    value_and_gradients,
)

from keras_concrete import distributions as kcd
from keras_concrete.distributions.units import BinaryUnit, CategoricalUnit

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
