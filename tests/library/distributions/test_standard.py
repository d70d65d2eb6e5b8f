"""The Gumbel and logistic distributions: rows 1 and 2 of the paper's table 3."""

import numpy as np
import oracles
import pytest
from distribution_checks import assert_accurate, checked, density_of, floats, total
from hypothesis import given

from keras_concrete import distributions as kcd


@checked
@given(g=floats(-50, 1000))
def test_row_1_gumbel(g):
    assert_accurate(kcd.Gumbel().log_prob(g), oracles.gumbel(g), g, np.exp(-g))


@checked
@given(x=floats(-1000, 1000))
def test_row_2_logistic(x):
    assert_accurate(kcd.Logistic().log_prob(x), oracles.logistic(x), x)


@pytest.mark.parametrize(
    ("distribution", "bounds"),
    [
        (kcd.Gumbel(), (-5, 25)),
        (kcd.Logistic(), (-25, 25)),
    ],
)
def test_a_density_on_the_line_integrates_to_one(distribution, bounds):
    mass = total(density_of(distribution), bounds, points=500_000)
    assert mass == pytest.approx(1, abs=3e-4)
