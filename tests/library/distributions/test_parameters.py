"""What every distribution asks of its temperature and logits."""

import numpy as np
import pytest
import tensorflow as tf
from distribution_checks import BINARY, LOGITS, N_ARY, SEED

from keras_concrete import distributions as kcd


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


@pytest.mark.parametrize("logits", [0.0, [[], []]], ids=["scalar", "no state"])
@pytest.mark.parametrize("make", [*N_ARY, lambda _, logits: kcd.Discrete(logits)])
def test_logits_without_states_are_an_error(make, logits):
    with pytest.raises(ValueError, match="must have the states on its last axis"):
        make(0.5, logits)


def test_a_temperature_tensor_that_is_not_positive_is_an_error():
    for temperature in (np.array(-1.0), tf.constant([0.0, 1.0]), np.inf):
        with pytest.raises(ValueError, match="must be positive and finite"):
            kcd.LogitBinaryConcrete(temperature, [0.0, 0.0])


def test_temperatures_that_would_broadcast_are_refused():
    with pytest.raises(ValueError, match="`temperature` must be a scalar or have"):
        kcd.RelocatedBinary(kcd.GAUSSIAN, [1.0, 2.0], 0.0)
    with pytest.raises(ValueError, match="`temperature` must be a scalar or have"):
        kcd.ExpLogisticNormal([1.0, 2.0], [[0.0, 0.0]] * 3)
    with pytest.raises(ValueError, match="`temperature` must be positive"):
        kcd.RelocatedBinary(kcd.GAUSSIAN, 0.0, 0.0)
    with pytest.raises(ValueError, match="states on its last axis"):
        kcd.ExpLogisticNormal(1.0, 0.0)
