"""The cell after DreamerV3, against its equations written in NumPy in float64."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import special

import keras_concrete as kc
from keras_concrete.layers.categorical_parts import unimix
from keras_concrete.seeding import fixed_noise

pytestmark = pytest.mark.usefixtures("without_xla")

GENERATOR = np.random.default_rng(0)
UNITS, VARIABLES, STATES, ACTIONS = 3, 2, 4, 2
X = GENERATOR.normal(size=(3, 4, 5)).astype("float32") * 3
KEPT = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]], bool)


def make(variables=VARIABLES, states=STATES, seed=0, **kwargs):
    keras.utils.set_random_seed(seed)
    kwargs = {"action_size": ACTIONS, "seed": 1, **kwargs}
    return kc.DiscreteStateCell(UNITS, variables, states, **kwargs)


def spread(cell, scale=3.0):
    """Weights of which distributions are far from uniform."""
    for weight in cell.trainable_weights:
        weight.assign(GENERATOR.normal(size=weight.shape) * scale / np.sqrt(UNITS))


class InNumPy:
    """One step of a cell, in float64."""

    def __init__(self, cell):
        self.cell = cell
        self.weights = {
            part: [np.float64(w) for w in getattr(cell, part).trainable_weights]
            for part in ("entry", "gru", "prior", "posterior")
        }

    def dense(self, x, kernel, bias):
        return x @ kernel + bias

    def silu(self, x):
        return x * special.expit(x)

    def remember(self, h, z, action):
        """Cho et al.'s GRU, as cuDNN and Keras have it, on a dense layer."""
        read = np.concatenate([z, action], axis=-1)
        x = self.silu(self.dense(read, *self.weights["entry"]))
        kernel, recurrent, bias = self.weights["gru"]
        a = np.split(x @ kernel + bias[0], 3, axis=-1)
        b = np.split(h @ recurrent + bias[1], 3, axis=-1)
        update, reset = (special.expit(a[i] + b[i]) for i in (0, 1))
        return update * h + (1 - update) * np.tanh(a[2] + reset * b[2])

    def log_probs(self, part, x):
        kernel, bias, *last = self.weights[part]
        logits = self.dense(self.silu(self.dense(x, kernel, bias)), *last)
        shape = (*logits.shape[:-1], self.cell.num_variables, self.cell.num_states)
        probs = special.softmax(logits.reshape(shape), axis=-1)
        share = self.cell.unimix
        return np.log((1 - share) * probs + share / self.cell.num_states)

    def step(self, h, z, x):
        split = x.shape[-1] - self.cell.action_size
        h = self.remember(h, z, x[..., split:])
        log_p = self.log_probs("prior", h)
        log_q = self.log_probs("posterior", np.concatenate([h, x[..., :split]], -1))
        return h, log_q, log_p


@pytest.mark.parametrize("unroll", [False, True])
def test_a_run_is_that_of_the_equations_and_masked_steps_add_nothing(unroll):
    cell = make(free_nats=0.7)
    recurrent = keras.layers.RNN(
        cell, return_sequences=True, return_state=True, unroll=unroll
    )
    recurrent.build(X.shape)
    spread(cell)
    output, *states = recurrent(X, mask=KEPT, training=True)
    found = np.float64(output)
    np.testing.assert_array_equal(found[:, -1], np.concatenate(states[:2], -1))
    h, z = np.zeros((3, UNITS)), np.zeros((3, VARIABLES * STATES))
    sums, oracle = np.zeros((3, 3)), InNumPy(cell)
    for t in range(4):
        new_h, log_q, log_p = oracle.step(h, z, np.float64(X[:, t]))
        kept = KEPT[:, t, None]
        h = np.where(kept, new_h, h)
        np.testing.assert_allclose(found[:, t, :UNITS], h, atol=1e-4)
        z = found[:, t, UNITS:]
        drawn = z.reshape(3, VARIABLES, STATES)
        assert np.all(np.isin(drawn, (0, 1))) and np.all(drawn.sum(-1) == 1)
        kl = np.sum(np.exp(log_q) * (log_q - log_p), axis=(1, 2))
        loss = 1.0 * np.maximum(kl, 0.7) + 0.1 * np.maximum(kl, 0.7)
        ratio = np.sum(drawn * (log_q - log_p), axis=(1, 2))
        sums += np.where(kept, np.stack([loss, kl, ratio], axis=-1), 0.0)
    np.testing.assert_allclose(states[2], sums, rtol=1e-3, atol=1e-3)
    assert np.all(sums[:, 0] > 0.77)


def gradients(**kwargs):
    """Of the loss of one step, to the last biases of prior and posterior."""
    cell = make(**kwargs)
    inputs = tf.constant(X[:, 0])
    states = cell.get_initial_state(3)
    cell(inputs, states)
    cell.sampler.seed_generator.state.assign([1, 0])
    with tf.GradientTape() as tape:
        _, states = cell(inputs, states, training=True)
        loss = tf.reduce_sum(states[2][:, 0])
    weights = [cell.prior.trainable_weights[-1], cell.posterior.trainable_weights[-1]]
    return float(loss), [np.asarray(g) for g in tape.gradient(loss, weights)]


def test_each_weight_moves_its_own_part_and_free_nats_hold_for_each_example():
    _, (to_prior, to_posterior) = gradients(free_nats=0.0)
    _, (same, more) = gradients(free_nats=0.0, representation_weight=0.5)
    np.testing.assert_allclose(same, to_prior, rtol=1e-4)
    np.testing.assert_allclose(more, 5 * to_posterior, rtol=1e-4)
    assert np.all(to_prior != 0) and np.all(to_posterior != 0)
    loss, free = gradients(free_nats=100.0)
    assert loss == pytest.approx(3 * 1.1 * 100) and not np.any(free)


def test_unimix_bounds_every_probability_from_below_with_finite_gradients():
    logits = tf.Variable([[1e3, 0.0, -1e3], [0.3, 0.1, -2.0]])
    with tf.GradientTape() as tape:
        log_probs = unimix(logits, 0.01)
    expected = 0.99 * special.softmax(np.float64(logits), axis=-1) + 0.01 / 3
    np.testing.assert_allclose(np.exp(log_probs), expected, rtol=1e-5)
    assert np.all(np.isfinite(tape.gradient(log_probs, logits)))


def test_what_is_imagined_is_drawn_from_the_prior():
    cell = make()
    cell(X[:, 0], cell.get_initial_state(3))
    spread(cell)
    h, z = GENERATOR.normal(size=UNITS), np.eye(STATES)[[1, 3]].ravel()
    action = GENERATOR.normal(size=ACTIONS)
    oracle = InNumPy(cell)
    expected = np.exp(oracle.log_probs("prior", oracle.remember(h, z, action)))
    rows = 20_000
    states = [np.tile(np.float32(part), (rows, 1)) for part in (h, z)]
    sums = np.ones((rows, 3), "float32")
    output, states = cell.imagine([*states, sums], np.tile(np.float32(action), (rows, 1)))
    np.testing.assert_array_equal(states[2], sums)
    found = np.mean(np.asarray(output)[:, UNITS:], axis=0).reshape(VARIABLES, STATES)
    # Eight frequencies beyond 5 standard errors by chance: one run in 200,000.
    error = np.sqrt(expected * (1 - expected) / rows) + 1e-5
    assert np.all(np.abs(found - expected) < 5 * error)


def log_likelihood(x, features):
    """Unit Gaussians around the features, summed over the steps."""
    off = x - features[..., : x.shape[-1]]
    return -0.5 * keras.ops.sum(keras.ops.square(off), axis=(1, 2))


def test_the_bound_of_a_state_space_model_converges_to_the_sum_over_all_paths():
    x = X[:2, :2, :2] / 2
    cell = make(1, 3, action_size=0)
    inputs = keras.Input((2, 2))
    layer = kc.DiscreteStateRNN(cell, name="world")
    output = keras.layers.Dense(2)(layer(inputs))
    model = keras.Model(inputs, output)
    spread(cell, 1.0)
    found = kc.evaluate_bound(
        model, x, 3_000, log_likelihood=log_likelihood, verbose=False
    )
    kernel, bias = map(np.float64, model.layers[-1].weights)
    oracle, paths = InNumPy(cell), []
    for path in itertools.product(range(3), repeat=2):
        h, z, total = np.zeros((2, UNITS)), np.zeros((2, 3)), 0.0
        for t, k in enumerate(path):
            h, _, log_p = oracle.step(h, z, np.float64(x[:, t]))
            z = np.tile(np.eye(3)[k], (2, 1))
            off = x[:, t] - np.concatenate([h, z], axis=-1) @ kernel - bias
            total = total + log_p[:, 0, k] - 0.5 * np.sum(off**2, axis=-1)
        paths.append(total)
    expected = special.logsumexp(paths, axis=0)
    error = 1 / np.sqrt(found.effective_sample_sizes)
    # Two numbers beyond 5 standard errors by chance: one run in a million.
    assert error.max() < 0.1 and np.all(np.abs(found.bounds - expected) < 5 * error)


def test_a_model_of_sequences_trains_reports_its_kl_and_draws_by_a_seed():
    layer = kc.DiscreteStateRNN(make(action_size=0), name="world")
    x, data = keras.Input((2, 5), name="x"), X[:, :2]
    model = keras.Model(x, keras.layers.Dense(5)(layer(x)))
    model.compile(keras.optimizers.SGD(0.01), "mse", run_eagerly=True)
    history = model.fit(data, data, verbose=0).history
    assert set(history) == {"loss", "world_kl"} and history["world_kl"][0] > 0
    draws = []
    for seed in (5, 5, 6):
        with fixed_noise(model, seed):  # As a served model does.
            draws.append(np.asarray(model(data)))
    np.testing.assert_array_equal(draws[0], draws[1])
    assert np.any(draws[0] != draws[2])
