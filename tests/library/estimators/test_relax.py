"""RELAX: its control variate, and what that network learns."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

import keras_concrete as kc

GENERATOR = np.random.default_rng(0)
UNITS = 4
LOGITS = {
    2: GENERATOR.normal(0, 1.5, (3, UNITS)).astype("float32"),
    4: GENERATOR.normal(0, 1.5, (3, UNITS, 4)).astype("float32"),
}
WEIGHTS = {n: 3 * GENERATOR.normal(size=x.shape[1:]) for n, x in LOGITS.items()}


class Model:
    """One latent layer, and a log-likelihood that is curved in its states."""

    def __init__(self, num_states, num_samples=1, repeats=1, estimator="relax"):
        self.num_states = num_states
        kind = kc.BinaryConcreteSample if num_states == 2 else kc.ConcreteSample
        self.draw = kind(0.5, num_samples, return_node=True, estimator=estimator, seed=0)
        has_axis = num_samples is not None
        self.score = kc.ConcreteLogProb(0.5, num_states, sample_axis=has_axis)
        self.bound = kc.MultiSampleBound(seed=0, num_states=num_states)
        self.logits = tf.Variable(np.repeat(LOGITS[num_states], repeats, 0))
        self.first_unit = 1 + has_axis
        self.gradients([])
        self.weights = {w.path.split("/")[-1]: w for w in self.bound.weights}

    def gradients(self, weights, key=None):
        """Of the sum of the bounds, by the logits and by weights of the bound."""
        if key is not None:
            self.draw.next_key = lambda: key
        with tf.GradientTape() as tape:
            state, node = self.draw(self.logits, training=True)
            axes = tuple(range(self.first_unit, len(state.shape)))
            weight = WEIGHTS[self.num_states].astype("float32")
            linear = tf.reduce_sum(weight * state, axes)
            log_q = self.score(node, self.logits, training=True)
            terms = (5.0 - linear**2 / 20, log_q, [self.logits, node])
            total = tf.reduce_sum(self.bound(*terms, training=True))
        return tape.gradient(total, [self.logits, *(w.value for w in weights)])


@pytest.mark.parametrize("num_states", [2, 4])
def test_the_network_descends_the_mean_square_of_the_gradient_of_the_logits(num_states):
    """Against central differences in every direction of a few random ones."""
    model, generator = Model(num_states), np.random.default_rng(num_states)
    for variable in model.bound.trainable_weights:
        variable.assign(generator.normal(0, 0.5, variable.shape))
    trained, key = model.bound.trainable_weights, model.draw.next_key()

    def half_mean_square():
        by_logits = np.float64(model.gradients([], key)[0])
        if num_states == 2:
            return np.sum(by_logits**2) / UNITS / 2
        return np.sum(by_logits**2) / (UNITS * 4) / 2

    model.weights["mean"].assign(0.0)
    found = model.gradients(trained, key)[1:]
    starts = [np.array(variable) for variable in trained]
    for seed in range(3):
        generator = np.random.default_rng(seed)
        direction = [generator.normal(size=start.shape) for start in starts]
        values = []
        for step in (1e-2, -1e-2):
            model.weights["mean"].assign(0.0)
            for variable, start, way in zip(trained, starts, direction, strict=True):
                variable.assign(start + step * way)
            values.append(half_mean_square())
        expected = -(values[0] - values[1]) / 2e-2
        ours = sum(np.sum(g * way) for g, way in zip(found, direction, strict=True))
        assert ours == pytest.approx(expected, rel=2e-2)


@pytest.mark.parametrize("num_states", [2, 4])
def test_once_it_has_learned_the_variance_is_far_below_that_without(num_states):
    model = Model(num_states, num_samples=2, repeats=100)

    def variance(model):
        draws = np.concatenate(
            [np.reshape(model.gradients([])[0], (3, 100, -1)) for _ in range(5)], axis=1
        )
        return np.var(draws, axis=1).sum()

    optimizer = keras.optimizers.Adam(0.02)
    trained = model.bound.trainable_weights
    step = tf.function(lambda: model.gradients(trained)[1:])
    optimizer.build(trained)
    for _ in range(150):
        optimizer.apply([-gradient / 300 for gradient in step()], trained)
    others = Model(num_states, 2, 100, "reinforce_loo")
    assert variance(model) < 0.5 * variance(others)


def test_a_sample_is_no_part_of_the_mean_that_is_taken_from_it():
    model = Model(2)
    key = model.draw.next_key()
    model.weights["mean"].assign(0.0)
    first = model.gradients([], key)[0]
    after = float(model.weights["mean"].value)
    model.weights["mean"].assign(0.0)
    np.testing.assert_array_equal(model.gradients([], key)[0], first)
    assert after != 0.0 and float(model.weights["mean"].value) == after


@pytest.mark.parametrize("num_states", [2, 4])
def test_one_sample_needs_no_axis(num_states):
    with_axis, without = Model(num_states), Model(num_states, num_samples=None)
    key = with_axis.draw.next_key()
    for model in (with_axis, without):
        for i, variable in enumerate(model.bound.trainable_weights):
            variable.assign(np.random.default_rng(i).normal(size=variable.shape))
    for ours, theirs in zip(
        *(m.gradients(m.bound.trainable_weights, key) for m in (with_axis, without)),
        strict=True,
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_terms_without_the_logits_and_the_node_are_refused_with_a_remedy():
    terms = (np.zeros((4, 2), "float32"),) * 2
    with pytest.raises(ValueError, match=r"\[logits, node\].*'reinforce_loo'.*: 0 cond"):
        kc.MultiSampleBound("relax")(*terms)


def test_units_of_unknown_number_are_refused_with_a_remedy():
    bound = kc.MultiSampleBound("relax")
    with pytest.raises(ValueError, match=r"must be known.*'disarm'.*\(None, None, 4\)"):
        bound.build([(None,)], [(None,)], [(None, None, 4), (None, None, 4)])


def test_masked_time_steps_have_no_gradient_on_the_mean():
    """Their states are in no score and in no likelihood, but the network reads them."""
    repeats, false_alarm = 20_000, 1e-6
    draw = kc.BinaryConcreteSample(0.5, return_node=True, estimator="relax", seed=0)
    score, bound = kc.ConcreteLogProb(0.5), kc.MultiSampleBound(seed=0)
    logits = tf.Variable(np.tile(np.float32([[[0.5], [-1.0]]]), (repeats, 1, 1)))
    mask = np.tile([[True, False]], (repeats, 1))
    for trial in range(2):
        with tf.GradientTape() as tape:
            state, node = draw(logits, training=True)
            log_q = score(node, logits, logits_mask=mask, training=True)
            terms = (3.0 * state[:, 0, 0], log_q, [logits, node])
            total = tf.reduce_sum(bound(*terms, training=True))
        if trial == 0:
            for i, variable in enumerate(bound.trainable_weights):
                generator = np.random.default_rng(i)
                variable.assign(generator.normal(0, 1, variable.shape))
    gradients = tape.gradient(total, logits).numpy()[:, 1, 0]
    assert np.std(gradients) > 0.1
    assert stats.ttest_1samp(gradients, 0.0).pvalue > false_alarm
