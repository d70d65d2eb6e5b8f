"""Solutions by noise on scores: their distribution and gradient, by enumeration."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from scipy import special, stats

import keras_concrete as kc

FALSE_ALARM = 1e-6  # Of each statistical test; seeds are fixed.
SCORES = np.array([0.5, -1.0, 1.2, 0.3])
WEIGHTS = np.array([1.0, -2.0, 0.5, 3.0])


@keras.saving.register_keras_serializable("tests")
def ranks(scores):
    """0 for the smallest."""
    return ops.argsort(ops.argsort(scores, axis=-1), axis=-1)


def largest_two(scores):
    return ops.sum(ops.one_hot(ops.top_k(scores, 2)[1], scores.shape[-1]), axis=-2)


def largest_cell(tables):
    """One-hot, of a table of scores: laid out, a softmax."""
    return ops.one_hot(ops.argmax(ops.reshape(tables, (-1, 4)), axis=-1), 4)


def mean_of_ranks(scores, statistic):
    """Over all orders, by the odds of drawing them one after another."""
    mean = 0.0
    for order in itertools.permutations(range(4)):  # The largest first.
        odds = np.exp(scores[list(order)])
        chance = np.prod(odds / np.cumsum(odds[::-1])[::-1])
        rank = np.empty(4)
        rank[list(order)] = [3, 2, 1, 0]
        mean = mean + chance * statistic(rank)
    return mean


MEANS = {
    "ranks": (ranks, 1, lambda s: mean_of_ranks(s, lambda rank: rank)),
    "largest two": (largest_two, 1, lambda s: mean_of_ranks(s, lambda rank: rank >= 2)),
    "a table": (largest_cell, 2, special.softmax),
}


def derivative(mean):
    """Of WEIGHTS . mean, by central differences."""
    steps = 1e-5 * np.eye(4)
    return [WEIGHTS @ (mean(SCORES + h) - mean(SCORES - h)) / 2e-5 for h in steps]


@pytest.mark.parametrize("case", MEANS)
def test_the_mean_state_and_its_gradient_are_those_of_enumeration(case):
    """T-tests over 20,000 examples, of each entry."""
    argmax, num_axes, mean = MEANS[case]
    shape = (2, 2) if num_axes == 2 else (4,)
    layer = kc.PerturbedArgmax(argmax, 2, num_axes, seed=0)
    table = np.float32(SCORES).reshape(shape)
    scores = tf.Variable(np.broadcast_to(table, (10_000, *shape)))
    with tf.GradientTape() as tape:
        states = layer(scores, training=True)
        loss = tf.reduce_sum(states * WEIGHTS.astype("float32"))
    draws = np.reshape(states, (-1, 4))
    gradients = np.reshape(tape.gradient(loss, scores), (-1, 4)) / 2
    for found, expected in ((draws, mean(SCORES)), (gradients, derivative(mean))):
        assert stats.ttest_1samp(found, expected).pvalue.min() > FALSE_ALARM / 4
        errors = np.std(found, axis=0) / np.sqrt(len(found))
        assert np.all(errors < 0.05)
    assert np.abs(derivative(mean)).max() > 0.3


def test_units_are_solved_one_by_one_and_samples_stand_on_axis_1():
    """A unit's gradient has nothing of the others' noise."""
    layer = kc.PerturbedArgmax(ranks, 3, seed=0)
    far = np.float32([0.0, 1e4, 2e4, 3e4])  # No noise changes this order.
    scores = tf.Variable(np.stack([far, np.float32(SCORES)])[None].repeat(5, 0))
    with tf.GradientTape() as tape:
        states = layer(scores, training=True)
        loss = tf.reduce_sum(states * WEIGHTS.astype("float32"))
    assert states.shape == (5, 3, 2, 4)
    np.testing.assert_array_equal(states[:, :, 0], np.broadcast_to(range(4), (5, 3, 4)))
    gradient = tape.gradient(loss, scores).numpy()
    np.testing.assert_array_equal(gradient[:, 0], np.zeros((5, 4)))
    assert np.all(np.any(gradient[:, 1] != 0, axis=-1))


def test_both_graphs_draw_the_same_and_the_mode_has_no_noise():
    scores = np.float32(np.random.default_rng(0).normal(size=(6, 5)))
    by_mode = [
        kc.PerturbedArgmax(ranks, seed=0)(scores, training=mode) for mode in (0, 1)
    ]
    np.testing.assert_array_equal(*by_mode)
    mode = kc.PerturbedArgmax(ranks, 2, inference="mode", seed=0)(scores).numpy()
    expected = scores.argsort(-1).argsort(-1)
    np.testing.assert_array_equal(mode, np.stack([expected, expected], axis=1))
    assert np.any(by_mode[0] != expected)


@pytest.mark.parametrize("training", [False, True])
def test_scores_that_are_nan_make_no_solution(training):
    scores = np.float32([[0.0, np.nan, 1.0, 2.0], [0.0, 3.0, 1.0, 2.0]])
    states = kc.PerturbedArgmax(ranks, seed=0)(scores, training=training).numpy()
    assert np.all(np.isnan(states[0])) and np.all(np.isfinite(states[1]))


def test_impossible_parts_are_not_chosen_and_gradients_stay_finite():
    layer = kc.PerturbedArgmax(largest_two, 50, seed=0)
    scores = tf.Variable([[0.0, -np.inf, 1.0, 2.0]])
    with tf.GradientTape() as tape:
        states = layer(scores, training=True)
        loss = tf.reduce_sum(states * WEIGHTS.astype("float32"))
    assert np.all(states[..., 1] == 0) and np.all(
        np.isfinite(tape.gradient(loss, scores))
    )


def test_a_wrapper_knows_its_shape_and_a_mask_of_steps_passes():
    x = keras.Input((7, 4))
    steps = keras.layers.TimeDistributed(kc.PerturbedArgmax(ranks))(x)
    table = keras.layers.TimeDistributed(kc.PerturbedArgmax(largest_two, 3))(x)
    assert steps.shape == (None, 7, 4) and table.shape == (None, 7, 3, 4)
    masked = keras.layers.Masking()(x)
    kept = kc.PerturbedArgmax(ranks)(masked)
    assert kept._keras_mask is masked._keras_mask
    # One problem of all steps has no mask of its own.
    whole = kc.PerturbedArgmax(ops.sign, num_axes=2)(masked)
    assert getattr(whole, "_keras_mask", None) is None


def test_a_model_learns_to_order_items_by_what_they_hide(tmp_path):
    """The first feature orders the items. A product of ranks is linear in the state."""
    keras.utils.set_random_seed(0)
    generator = np.random.default_rng(0)
    items = generator.normal(size=(600, 5, 3)).astype("float32")
    orders = items[..., 0].argsort(-1).argsort(-1).astype("float32")
    x = keras.Input((5, 3))
    scores = keras.layers.Reshape((5,))(keras.layers.Dense(1)(x))
    y = kc.PerturbedArgmax(ranks, inference="mode", seed=0)(scores)
    model = keras.Model(x, y)

    def product(orders, ranks):
        return -ops.mean(orders * ranks, axis=-1)

    model.compile(keras.optimizers.Adam(0.05), product, metrics=["mse"], jit_compile=True)
    _, before = model.evaluate(items, orders, verbose=0)
    model.fit(items, orders, batch_size=50, epochs=10, verbose=0)
    _, after = model.evaluate(items, orders, verbose=0)
    assert after < 0.2 < 1.0 < before
    model.save(tmp_path / "model.keras")
    revived = keras.models.load_model(tmp_path / "model.keras", compile=False)
    np.testing.assert_array_equal(
        *(m.predict(items, verbose=0) for m in (model, revived))
    )
