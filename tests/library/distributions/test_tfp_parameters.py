"""Parameters as TFP's users give them: probs, variables, and checks at run time."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from distribution_checks import LOGITS, SEED
from scipy import special

from keras_concrete import distributions as kcd

PROBS = special.softmax(np.float64(LOGITS), axis=-1).astype("float32")
BITS = special.expit(np.float64(LOGITS)).astype("float32")


def relaxed(make):
    return lambda **parameters: make(0.5, **parameters)


RELAXED_BINARY = [kcd.LogitBinaryConcrete, kcd.BinaryConcrete]
RELAXED_N_ARY = [kcd.ExpConcrete, kcd.Concrete]
BINARY = [*map(relaxed, RELAXED_BINARY), kcd.Bernoulli]
N_ARY = [*map(relaxed, RELAXED_N_ARY), kcd.Discrete]
ALL = [(make, BITS) for make in BINARY] + [(make, PROBS) for make in N_ARY]


@pytest.mark.parametrize(("make", "probs"), ALL)
def test_probabilities_take_the_place_of_logits(make, probs):
    ours, same = make(probs=probs), make(logits=LOGITS)
    assert ours.logits is None and same.probs is None
    np.testing.assert_array_equal(ours.probs, probs)
    np.testing.assert_allclose(ours.probs_parameter(), probs)
    np.testing.assert_allclose(same.probs_parameter(), probs, rtol=1e-5)
    np.testing.assert_array_equal(same.logits_parameter(), LOGITS)
    draws = ours.sample(20, seed=SEED)
    np.testing.assert_allclose(draws, same.sample(20, seed=SEED), rtol=1e-3, atol=1e-5)
    draws = tf.constant(draws.numpy())
    np.testing.assert_allclose(
        ours.log_prob(draws), same.log_prob(draws), rtol=1e-4, atol=1e-4
    )
    assert ours.batch_shape == same.batch_shape == ours[:].batch_shape


def test_log_odds_of_probabilities_are_those_of_scipy():
    probs = np.float32([0, 1e-30, 0.1, 0.5, 0.75, 1])
    ours = kcd.Bernoulli(probs=probs).logits_parameter()
    np.testing.assert_allclose(ours, special.logit(np.float64(probs)), rtol=1e-6)


@pytest.mark.parametrize(("make", "probs"), ALL)
def test_both_or_neither_of_logits_and_probs_is_an_error(make, probs):
    for arguments in ({}, {"logits": LOGITS, "probs": probs}):
        with pytest.raises(ValueError, match="Exactly one of the arguments"):
            make(**arguments)


@pytest.mark.parametrize("variable", [tf.Variable, keras.Variable])
@pytest.mark.parametrize("make", RELAXED_BINARY + RELAXED_N_ARY)
def test_variables_are_read_when_they_are_used(make, variable):
    temperature, logits = variable(np.float32(0.5)), variable(LOGITS)
    held = make(temperature, logits=logits)
    assert len(held.trainable_variables) == 2
    value = np.float32(make(1.0, LOGITS).sample(seed=SEED))
    for call in (lambda d: d.log_prob(value), lambda d: d.sample(seed=SEED)):
        with tf.GradientTape() as tape:
            result = call(held)
        for gradient in tape.gradient(result, held.trainable_variables):
            assert np.any(gradient != 0) and np.all(np.isfinite(gradient))
    temperature.assign(2.0)
    logits.assign(LOGITS + 1)
    fresh = make(2.0, LOGITS + 1)
    np.testing.assert_array_equal(held.log_prob(value), fresh.log_prob(value))
    np.testing.assert_array_equal(held.sample(seed=SEED), fresh.sample(seed=SEED))


@pytest.mark.parametrize(("make", "probs"), ALL)
def test_a_variable_of_probabilities_gets_a_gradient(make, probs):
    variable = tf.Variable(probs)
    held = make(probs=variable)
    assert [v.ref() for v in held.trainable_variables] == [variable.ref()]
    value = make(probs=probs).sample(seed=SEED)
    with tf.GradientTape() as tape:
        log_prob = held.log_prob(value)
    assert np.all(np.isfinite(tape.gradient(log_prob, variable)))


@pytest.mark.parametrize(
    ("make", "value", "message"),
    [
        (kcd.BinaryConcrete, [-0.1], "Sample must be non-negative"),
        (kcd.BinaryConcrete, [1.1], "Sample must be less than or equal to `1`"),
        (kcd.Concrete, [0.5, 0.4], "samples must sum to `1`"),
        (kcd.Concrete, [-0.5, 1.5], "must be non-negative"),
        (kcd.ExpConcrete, [0.1, -3.0], "must be less than or equal to `0`"),
        (kcd.ExpConcrete, [-1.0, -3.0], "logsumexp of samples must be `0`"),
    ],
)
@pytest.mark.parametrize("in_graph", [False, True], ids=["eager", "graph"])
def test_samples_are_checked_where_that_is_asked_for(make, value, message, in_graph):
    def log_prob(validate_args):
        return make(0.5, np.zeros_like(value), validate_args=validate_args).log_prob(
            value
        )

    function = tf.function(log_prob) if in_graph else log_prob
    function(False)
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        function(True)


def test_discrete_samples_are_checked_where_that_is_asked_for():
    with pytest.raises(tf.errors.InvalidArgumentError, match="must be 0 or 1"):
        kcd.Bernoulli([0.0], validate_args=True).log_prob([0.5])
    with pytest.raises(tf.errors.InvalidArgumentError, match="one-hot"):
        kcd.Discrete([0.0, 0.0], validate_args=True).log_prob([1.0, 1.0])


@pytest.mark.parametrize("make", RELAXED_BINARY + RELAXED_N_ARY)
def test_own_samples_pass_the_checks_at_any_temperature(make):
    for temperature in (0.01, 1.0, 10.0):
        ours = make(temperature, 100 * LOGITS, validate_args=True)
        ours.log_prob(ours.sample(200, seed=SEED))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"probs": [1.5, 0.5]}, "components greater than 1"),
        ({"probs": [-0.5, 0.5]}, "components less than 0"),
        ({"logits": [np.nan, 0.0]}, "`logits` must not be NaN"),
        ({"probs": [0.5, 0.5], "temperature": 0.0}, "`temperature` must be positive"),
    ],
)
def test_parameters_are_checked_where_that_is_asked_for(arguments, message):
    arguments = {"temperature": 1.0, "validate_args": True, **arguments}
    for make in RELAXED_BINARY + RELAXED_N_ARY:
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            make(**arguments)


@pytest.mark.parametrize("make", RELAXED_BINARY + RELAXED_N_ARY)
def test_variables_are_checked_at_each_use(make):
    temperature, probs = tf.Variable(0.5), tf.Variable([0.25, 0.75])
    held = make(temperature, probs=probs, validate_args=True)
    held.sample(seed=SEED)
    probs.assign([-0.25, 1.25])
    with pytest.raises(tf.errors.InvalidArgumentError, match="less than 0"):
        held.sample(seed=SEED)
    probs.assign([0.25, 0.75])
    temperature.assign(-1.0)
    with pytest.raises(tf.errors.InvalidArgumentError, match="must be positive"):
        held.logits_parameter()
    with pytest.raises(tf.errors.InvalidArgumentError, match="must sum to 1"):
        kcd.Concrete(0.5, probs=[0.5, 0.4], validate_args=True)


@pytest.mark.parametrize("make", RELAXED_BINARY + RELAXED_N_ARY)
def test_the_default_bijector_leads_to_the_support_and_back(make):
    ours = make(0.5, LOGITS)
    bijector = ours.experimental_default_event_space_bijector()
    draws = tf.constant(ours.sample(seed=SEED).numpy())
    free = bijector.inverse(draws)
    assert np.all(np.isfinite(free))
    back = bijector.forward(tf.constant(free.numpy()))
    np.testing.assert_allclose(back, draws, rtol=1e-4, atol=1e-6)
    unbounded = np.float32(np.random.default_rng(0).normal(0, 3, free.shape))
    make(0.5, LOGITS, validate_args=True).log_prob(bijector.forward(unbounded))


def test_a_unit_of_one_state_is_certain_of_it():
    assert np.all(kcd.Concrete(0.3, [[2.0]]).sample(5, seed=SEED) == 1)
    assert kcd.ExpConcrete(0.3, [2.0]).log_prob([0.0]) == 0
    assert kcd.Discrete([2.0]).log_prob([1.0]) == 0
