"""Densities against arithmetic of 60 digits, over the whole range of parameters.

A log-density is a sum, of terms that may cancel; its error is measured in units of the
largest of them. Nodes and states are what float32 holds, taken as exact.
"""

import exact
import numpy as np
import pytest
from extremes import TEMPERATURES, rows_of_logits

from keras_concrete import distributions as kcd

pytestmark = pytest.mark.reliability

LARGEST_ERROR = 1e-5  # Of the largest term, or of 1 where all are smaller.


def worst(ours, terms):
    """The largest error of all cases, as a share of the largest term of each."""
    ours = np.asarray(ours)
    assert ours.dtype == "float32" and ours.shape == (len(terms),)
    return max(
        float(abs(exact.mp.mpf(float(value)) - exact.mp.fsum(row)))
        / max(1.0, float(max(map(abs, row))))
        for value, row in zip(ours, terms, strict=True)
    )


def cases(rows, *shape):
    """Temperatures, logits, and the temperatures and logits that nodes are drawn with.

    A node is of its own distribution in every other row, and of another in the rest.
    """
    generator = np.random.default_rng(len(shape) and shape[-1])
    t = np.repeat(TEMPERATURES, rows)
    logits = rows_of_logits(generator, len(t), *shape)
    order = np.where(np.arange(len(t)) % 2, generator.permutation(len(t)), range(len(t)))
    return t, logits, t[order], logits[order]


def report(sums, name, ours, terms):
    """Adds to the figures of all tests of this file."""
    error = worst(ours, terms)
    cases, largest = f"cases, {name}", f"largest error, {name}"
    sums[cases] = sums.get(cases, 0) + len(terms)
    before = float(sums[largest][1]) if largest in sums else 0.0
    sums[largest] = (f"below {LARGEST_ERROR}", f"{max(error, before):.1e}")
    assert error < LARGEST_ERROR


def log_uniform(low, high):
    """Numbers of both signs, of every magnitude between two."""
    values = np.geomspace(low, high, 150).astype("float32")
    return np.concatenate([-values[::-1], np.float32([0]), values])


def test_noise_is_as_exact_as_float32(sums):
    x = log_uniform(1e-30, 1e4)
    terms = [exact.logistic(value) for value in exact.numbers(x)]
    report(sums, "Logistic", kcd.Logistic().log_prob(x), terms)
    x = x[x > -50]  # Below, the log-density is held, as its docstring says.
    terms = [exact.gumbel(value) for value in exact.numbers(x)]
    report(sums, "Gumbel", kcd.Gumbel().log_prob(x), terms)


# Name: of temperature and logits, its terms, and whether its values are in (0, 1).
BINARY = {
    "LogitBinaryConcrete": (kcd.LogitBinaryConcrete, exact.node_of_two),
    "BinaryConcrete": (kcd.BinaryConcrete, exact.state_of_two),
    "RelocatedBinary": (
        lambda t, logits: kcd.RelocatedBinary(kcd.GAUSSIAN, t, logits),
        exact.relocated_normal,
    ),
}
N_ARY = {
    "ExpConcrete": (kcd.ExpConcrete, exact.node),
    "Concrete": (kcd.Concrete, exact.state),
    "ExpLogisticNormal": (kcd.ExpLogisticNormal, exact.logistic_normal),
}


@pytest.mark.parametrize("name", BINARY)
def test_densities_of_binary_units_are_as_exact_as_float32(name, sums):
    make, terms_of = BINARY[name]
    t, logits, drawn_t, drawn_logits = cases(100)
    values = make(drawn_t, drawn_logits).sample(seed=(1, 2)).numpy()
    if name == "BinaryConcrete":  # Inside, where a density of a state is finite.
        inside = np.random.default_rng(0).uniform(size=len(t)).astype("float32")
        tiny = np.geomspace(1e-37, 1e-3, len(t)).astype("float32")
        values = np.where(
            (values > 0) & (values < 1),
            values,
            np.choose(np.arange(len(t)) % 3, [inside, tiny, np.float32(1 - 2**-24)]),
        )
    rows = zip(values, logits, t, strict=True)
    terms = [terms_of(*exact.numbers(*row)) for row in rows]
    report(sums, name, make(t, logits).log_prob(values), terms)


@pytest.mark.parametrize(
    "num_states", [2, 3, 8, 100, pytest.param(1024, marks=pytest.mark.soak)]
)
@pytest.mark.parametrize("name", N_ARY)
def test_densities_of_units_are_as_exact_as_float32(name, num_states, sums):
    make, terms_of = N_ARY[name]
    t, logits, drawn_t, drawn_logits = cases(max(10, 80 // num_states), num_states)
    values = make(drawn_t, drawn_logits).sample(seed=(1, 2)).numpy()
    if name == "Concrete":  # Inside, where a density of a state is finite.
        values = np.maximum(values, np.float32(1e-37))
    rows = zip(values, logits, t, strict=True)
    terms = [terms_of(*exact.numbers(*row)) for row in rows]
    report(sums, name, make(t, logits).log_prob(values), terms)


def test_masses_are_as_exact_as_float32(sums):
    logits = rows_of_logits(np.random.default_rng(0), 400)
    states = np.float32(np.arange(400) % 2)
    rows = zip(states, logits, strict=True)
    terms = [exact.bernoulli(*exact.numbers(*row)) for row in rows]
    report(sums, "Bernoulli", kcd.Bernoulli(logits).log_prob(states), terms)
    for num_states in (2, 3, 8, 100, 1024):
        generator = np.random.default_rng(num_states)
        logits = rows_of_logits(generator, 40, num_states)
        chosen = generator.integers(0, num_states, len(logits))
        states = np.eye(num_states, dtype="float32")[chosen]
        rows = zip(chosen, logits, strict=True)
        terms = [exact.discrete(k, exact.numbers(row)) for k, row in rows]
        report(sums, "Discrete", kcd.Discrete(logits).log_prob(states), terms)


def test_every_distribution_is_among_the_cases():
    others = {"Bernoulli", "Discrete", "Gumbel", "Logistic"}
    others |= {"GAUSSIAN", "BinaryNoise", "Sigmoid"}
    assert {*BINARY, *N_ARY, *others} == set(kcd.__all__)
