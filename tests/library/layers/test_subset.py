"""Subsets of k of n: their distribution by enumeration, and both graphs."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special, stats

import keras_concrete as kc

LOGITS = np.float32([0.5, -1.0, 1.2, 0.0, 0.3])
DRAWS = 20_000


def chance_of(order):
    """Of drawing these states in this order, each from what is left."""
    weights, chance, left = np.exp(np.float64(LOGITS)), 1.0, 0.0
    left = weights.sum()
    for state in order:
        chance *= weights[state] / left
        left -= weights[state]
    return chance


def assert_counts(counts, chances):
    """By chance once in 10,000 seeds each; the seeds are fixed."""
    assert sum(chances) == pytest.approx(1)
    assert stats.chisquare(counts, np.array(chances) * DRAWS).pvalue > 1e-4


@pytest.mark.parametrize("k", [1, 2, 4])
def test_subsets_have_their_probabilities(k):
    layer = kc.SubsetSample(k, 0.5, DRAWS, seed=k)
    states = layer(LOGITS[None]).numpy()[0]
    assert set(np.unique(states)) == {0, 1} and np.all(states.sum(-1) == k)
    subsets = list(itertools.combinations(range(5), k))
    chances = [sum(map(chance_of, itertools.permutations(s))) for s in subsets]
    codes = states @ 2 ** np.arange(5)
    assert_counts([np.sum(codes == sum(2**i for i in s)) for s in subsets], chances)
    # Inclusion, each of five within five standard errors: once in 340,000 seeds.
    for state in range(5):
        p = sum(c for s, c in zip(subsets, chances, strict=True) if state in s)
        error = np.sqrt(p * (1 - p) / DRAWS)
        assert abs(states[:, state].mean() - p) < 5 * error


def test_orders_have_their_probabilities_and_rows_are_distinct():
    layer = kc.SubsetSample(3, 0.5, DRAWS, ordered=True, seed=0)
    rows = layer(LOGITS[None]).numpy()[0]
    assert np.all(rows.sum(-1) == 1) and np.max(rows.sum(-2)) == 1
    orders = list(itertools.permutations(range(5), 3))
    codes = rows.argmax(-1) @ [25, 5, 1]
    counts = [np.sum(codes == 25 * a + 5 * b + c) for a, b, c in orders]
    assert_counts(counts, list(map(chance_of, orders)))


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_the_relaxed_state_is_that_of_the_same_noise(ordered, policy):
    def state(temperature, training, estimator="concrete"):
        layer = kc.SubsetSample(
            3, temperature, 50, ordered, estimator, seed=1, dtype=policy
        )
        return layer(LOGITS[None], training=training).numpy().astype("float64")

    discrete = state(1.0, False)
    np.testing.assert_allclose(state(1e-4, True), discrete, atol=0.02)
    through = state(1.0, True, "straight_through_gumbel_softmax")
    np.testing.assert_array_equal(through, discrete)
    relaxed = state(1.0, True)
    assert np.min(relaxed) >= 0 and np.max(relaxed) <= 1
    of_dtype = 1e-5 if policy == "float32" else 0.02
    np.testing.assert_allclose(relaxed.sum(-1), 1 if ordered else 3, atol=of_dtype)
    if ordered:
        assert np.max(relaxed.sum(-2)) <= 1 + of_dtype
        firsts = (states.argmax(-1)[..., 0] for states in (relaxed, discrete))
        np.testing.assert_array_equal(*firsts)


def test_the_gradients_of_both_estimators_are_those_of_the_relaxed_state():
    slopes = []
    for estimator in ("concrete", "straight_through_gumbel_softmax"):
        layer = kc.SubsetSample(2, 0.7, estimator=estimator, seed=3)
        logits = tf.constant(LOGITS[None])
        with tf.GradientTape() as tape:
            tape.watch(logits)
            value = tf.reduce_sum(layer(logits, training=True) * [1.0, 2, 4, 8, 16])
        slopes.append(tape.gradient(value, logits))
    np.testing.assert_array_equal(*slopes)
    assert np.all(np.abs(slopes[0]) > 0)
    assert abs(np.sum(slopes[0])) < 1e-5  # The state does not change with all logits.


def test_the_mode_is_the_k_largest_logits():
    layer = kc.SubsetSample(2, 0.5, 3, inference="mode")
    np.testing.assert_array_equal(layer(LOGITS[None])[0], [[1, 0, 1, 0, 0]] * 3)
    ordered = kc.SubsetSample(2, 0.5, ordered=True, inference="mode")
    np.testing.assert_array_equal(np.argmax(ordered(LOGITS[None])[0], -1), [2, 0])


@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_states_ruled_out_are_never_drawn_and_too_few_are_nan(training, ordered):
    no = -np.inf
    rows = [[0, no, 1, -1e9, 2], [0, no, no, no, 2], [0, 1, no, 2, np.nan]]
    logits = tf.constant(rows, "float32")
    layer = kc.SubsetSample(3, 0.5, 40, ordered, seed=0)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        states = layer(logits, training=training)
        value = tf.reduce_sum(states[0] * [1.0, 2, 4, 8, 16])
    states = states.numpy()
    assert np.all(states[0][..., [1, 3]] == 0)
    np.testing.assert_allclose(states[0].sum(-1), 1 if ordered else 3, rtol=1e-5)
    assert np.all(np.isnan(states[1])) and np.all(np.isnan(states[2]))
    if training:
        slope = tape.gradient(value, logits)[0].numpy()
        assert np.all(np.isfinite(slope)) and np.all(slope[[1, 3]] == 0)


def test_a_selector_finds_the_inputs_that_matter():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(512, 12)).astype("float32")
    y = x[:, [2, 5, 11]] @ np.float32([[1.0], [-1.5], [0.8]])
    inputs = keras.Input((12,))
    logits = kc.LearnedLogits(12, name="logits")(inputs)
    cooling = keras.optimizers.schedules.ExponentialDecay(2.0, 300, 0.1)
    chosen = kc.SubsetSample(3, cooling, inference="mode", seed=0)(logits)
    model = keras.Model(inputs, keras.layers.Dense(1)(inputs * chosen))
    model.compile(keras.optimizers.Adam(0.05), "mse")
    log = [kc.TemperatureLog()]
    fit = model.fit(x, y, batch_size=64, epochs=40, verbose=0, callbacks=log)
    cooled = [float(cooling(step)) for step in (8, 320)]
    logged = np.take(fit.history["temperature"], [0, -1])
    np.testing.assert_allclose(logged, cooled, rtol=1e-6)
    logits = special.softmax(model.get_layer("logits").get_weights()[0])
    assert sorted(np.argsort(logits)[-3:].tolist()) == [2, 5, 11]
    assert model.evaluate(x, y, verbose=0) < 0.05


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("mask", [-np.inf, -1e9, -65504.0, -1e4])
def test_fewer_possible_states_than_k_are_nan_however_the_mask_is_written(mask, training):
    logits = np.float32([[0.0, 1.0, mask, mask, mask], [0.0, 1.0, 2.0, mask, mask]])
    states = np.array(kc.SubsetSample(3, 0.5, seed=0)(logits, training=training))
    assert np.all(np.isnan(states[0]))
    np.testing.assert_allclose(states[1], [1, 1, 1, 0, 0], atol=1e-6)
