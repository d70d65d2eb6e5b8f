"""ReinMax, Gumbel-Rao, the gapped one: discrete states, and documented gradients."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

import keras_concrete as kc
from keras_concrete import noise
from keras_concrete.estimators.gumbel_rao import GumbelRao, conditional_gumbels

GENERATOR = np.random.default_rng(0)
LOGITS = {
    2: GENERATOR.normal(0, 2, (3, 5)).astype("float32"),
    4: GENERATOR.normal(0, 2, (3, 5, 4)).astype("float32"),
}
DRAWS, TEMPERATURE = 6, 0.7
KEY = noise.key_from_seed(11)


def masses_of(logits):
    """Log-masses of all states on the last axis, in float64."""
    logits = np.float64(logits)
    if logits.ndim == 2:
        logits = np.stack([np.zeros_like(logits), logits], axis=-1)
    return special.log_softmax(logits, axis=-1)


def draw(estimator, logits, monkeypatch):
    """State and gradient for a random upstream, all of them in rows of n states."""
    binary = logits.ndim == 2
    kind = kc.BinaryConcreteSample if binary else kc.ConcreteSample
    layer = kind(TEMPERATURE, DRAWS, return_node=True, estimator=estimator)
    monkeypatch.setattr(layer, "next_key", lambda: KEY)
    variable = tf.Variable(logits)
    with tf.GradientTape() as tape:
        state, node = layer(variable, training=True)
        upstream = np.random.default_rng(1).normal(size=state.shape)
        value = tf.reduce_sum(state * upstream.astype("float32"))
    gradient = tape.gradient(value, variable)
    state = np.float64(state)
    hard = np.float64(node) >= 0 if binary else np.eye(4)[np.argmax(node, -1)]
    np.testing.assert_array_equal(state, hard)
    if binary:
        state = np.stack([1 - state, state], axis=-1)
        upstream = np.stack([np.zeros_like(upstream), upstream], axis=-1)
    return state, upstream, gradient


def back(mean, upstream):
    """The Jacobian of softmax, at its value, times a vector."""
    return mean * (upstream - np.sum(mean * upstream, axis=-1, keepdims=True))


def of_logits(gradient, num_states):
    """The gradient of the layer's logits, of that of n logits a unit."""
    gradient = gradient.sum(1)
    return gradient[..., 1] if num_states == 2 else gradient


@pytest.mark.parametrize("num_states", [2, 4])
def test_reinmax_has_twice_the_jacobian_in_the_middle_less_half_of_it(
    num_states, monkeypatch
):
    state, upstream, ours = draw("reinmax", LOGITS[num_states], monkeypatch)
    masses = np.exp(masses_of(LOGITS[num_states]))[:, None]
    middle = 2 * back((masses + state) / 2, upstream)
    expected = of_logits(middle - back(masses, upstream) / 2, num_states)
    np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-5)


def quadratic(state):
    matrix = np.random.default_rng(2).normal(size=(4, 4)).astype("float32")
    return tf.einsum("bi,ij,bj->b", state, matrix, state)


@pytest.mark.parametrize(
    ("estimator", "is_exact"), [("reinmax", True), ("straight_through", False)]
)
def test_reinmax_alone_is_exact_on_the_mean_for_quadratics_of_a_unit(
    estimator, is_exact, monkeypatch
):
    """Every state once, weighed with its mass."""
    monkeypatch.setattr(noise, "gumbel", lambda *_: 100.0 * tf.eye(4)[:, None])
    layer = kc.ConcreteSample(TEMPERATURE, estimator=estimator)
    logits = tf.constant([[0.3, -1.0, 0.8, 0.1]])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(logits)
        masses = tf.nn.softmax(logits)[0]
        states = layer(tf.repeat(logits[:, None], 4, 0), training=True)[:, 0]
        mean = tf.reduce_sum(tf.stop_gradient(masses) * quadratic(states))
        exact = tf.reduce_sum(masses * quadratic(tf.eye(4)))
    error = np.abs(tape.gradient(mean, logits) - tape.gradient(exact, logits)).max()
    assert error < 1e-5 if is_exact else error > 0.1


@pytest.mark.parametrize("num_states", [2, 4])
def test_gumbel_rao_has_the_mean_gradient_of_softmax_under_fixed_noise(
    num_states, monkeypatch
):
    state, upstream, ours = draw("gumbel_rao", LOGITS[num_states], monkeypatch)
    shape = (len(state), GumbelRao.num_draws, *state.shape[1:])
    gumbels = np.float64(noise.gumbel(shape, noise.fold_in(KEY, 1))).swapaxes(0, 1)
    log_masses = masses_of(LOGITS[num_states])[:, None]
    largest = np.sum(state * gumbels, -1, keepdims=True)
    below = -np.logaddexp(-(log_masses + gumbels), -largest)
    perturbed = np.where(state == 1, largest, below)
    relaxed = special.softmax(perturbed / TEMPERATURE, axis=-1)
    gradient = back(relaxed, upstream).mean(0) / TEMPERATURE
    expected = of_logits(gradient, num_states)
    np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-5)


def test_conditional_gumbels_have_the_law_of_gumbels_and_the_state_they_were_given():
    """So the mean gradient is that of straight-through Gumbel-softmax."""
    log_masses = special.log_softmax(np.float32([0.5, -1.0, 1.5]))
    keys = (noise.key_from_seed(seed) for seed in (1, 2))
    count = 40_000
    first, second = (np.asarray(noise.gumbel((count, 3), key)) for key in keys)
    drawn = np.eye(3, dtype="float32")[np.argmax(log_masses + first, axis=1)]
    sums = np.asarray(conditional_gumbels(drawn, log_masses, second))
    np.testing.assert_array_equal(np.argmax(sums, axis=1), np.argmax(drawn, axis=1))
    # Each coordinate, and differences of them, of which softmax is a function.
    for i in range(3):
        assert stats.kstest(sums[:, i] - log_masses[i], "gumbel_r").pvalue > 1e-6
        difference = sums[:, i] - sums[:, i - 1] - (log_masses[i] - log_masses[i - 1])
        assert stats.kstest(difference, "logistic").pvalue > 1e-6


@pytest.mark.parametrize("num_states", [2, 4])
def test_the_gapped_one_has_the_gradient_of_a_softmax_in_which_the_drawn_state_leads(
    num_states, monkeypatch
):
    """Equation by equation: raise the drawn logit, lower the others, hold both fixed."""
    logits = LOGITS[num_states]
    state, upstream, ours = draw("gapped_straight_through", logits, monkeypatch)
    log_masses = masses_of(logits)[:, None]
    largest = log_masses.max(-1, keepdims=True)
    raised = state * (largest - log_masses)
    lowered = (1 - state) * np.maximum(log_masses - largest + 1.0, 0.0)
    relaxed = special.softmax((log_masses + raised - lowered) / TEMPERATURE, axis=-1)
    np.testing.assert_array_equal(np.argmax(relaxed, -1), np.argmax(state, -1))
    expected = of_logits(back(relaxed, upstream) / TEMPERATURE, num_states)
    np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "estimator", ["reinmax", "gumbel_rao", "gapped_straight_through"]
)
@pytest.mark.parametrize("num_states", [2, 4])
def test_masses_are_scored_linearly_so_that_gradients_reach_the_state(
    estimator, num_states, monkeypatch
):
    logits, binary = LOGITS[num_states], num_states == 2
    kind = kc.BinaryConcreteSample if binary else kc.ConcreteSample
    layer = kind(TEMPERATURE, 1, return_node=True, estimator=estimator, seed=0)
    prior = np.random.default_rng(2).normal(size=logits.shape).astype("float32")
    log_masses = masses_of(prior).astype("float32")
    weights = log_masses[..., 1] - log_masses[..., 0] if binary else log_masses
    score = kc.ConcreteLogProb(TEMPERATURE, num_states, sample_axis=True)
    variable = tf.Variable(logits)
    gradients = []
    monkeypatch.setattr(layer, "next_key", lambda: KEY)
    for by_score in (True, False):
        with tf.GradientTape() as tape:
            state, node = layer(variable, training=True)
            if by_score:
                value = tf.reduce_sum(score(node, prior, training=True))
            else:
                value = tf.reduce_sum(state * weights[:, None])
        gradients.append(tape.gradient(value, variable))
    np.testing.assert_allclose(*gradients, rtol=1e-4, atol=1e-5)
