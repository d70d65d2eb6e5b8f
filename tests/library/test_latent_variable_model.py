"""A model of one's own with the members of the protocol, in all that evaluates."""

import contextlib
import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

import keras_concrete as kc
from keras_concrete.latent_variable_model import LatentVariableModel
from keras_concrete.objectives import importance_weighted_bound
from keras_concrete.seeding import fixed_noise

pytestmark = pytest.mark.usefixtures("without_xla")

X = np.random.default_rng(0).integers(0, 2, (12, 4)).astype("float32")


def dense(units, seed, stddev):
    start = keras.initializers.RandomNormal(stddev=stddev, seed=seed)
    return keras.layers.Dense(units, kernel_initializer=start)


class Toy(keras.Model):
    """Two units of three states, of which none is a power of 2; no belief network."""

    is_conditional, visible_units, code_units = False, 4, 6

    def __init__(self):
        super().__init__()
        # A wide q, so that no state is missed.
        self.q, self.p = dense(6, 1, stddev=0.1), dense(4, 2, stddev=1.0)
        self.prior = kc.LearnedLogits(2, 3)
        self.draw = kc.ConcreteSample(0.7, return_node=True, seed=0)
        self.log_q, self.log_p = (
            kc.ConcreteLogProb(0.7, 3, sample_axis=True) for _ in range(2)
        )
        self.log_x = kc.BernoulliLogLikelihood(sample_axis=True)
        self.log_weights(X, 1)
        self.prior.logits.assign([[1.0, 0.0, -1.0], [0.0, 0.5, 0.0]])

    def call(self, x, training=False):
        return importance_weighted_bound(self.log_weights(x, 2, training))

    def check_data(self, x, y=None):
        if np.shape(x)[1:] != (4,):
            raise ValueError("Toys have four pixels.")

    def log_weights(self, x, num_samples, training=False, seed=None):
        with self._noise(seed):
            logits = ops.reshape(self.q(x), (-1, 2, 3))
            state, node = self.draw(logits, num_samples=num_samples, training=training)
        log_x = self.log_x(x, self._pixels(state))
        log_p = self.log_p(node, self.prior(x), training=training)
        return log_x + log_p - self.log_q(node, logits, training=training)

    def encode(self, x, seed=None):
        with self._noise(seed):
            logits = ops.reshape(self.q(x), (-1, 2, 3))
            state, _ = self.draw(logits)
        flat = ops.reshape(state, (-1, 6))
        return {"codes_1": flat, "probabilities_1": ops.softmax(logits)}

    def decode(self, codes):
        return {"probabilities": ops.sigmoid(self.p(codes))}

    def sample(self, num_images, seed=None, context=None):
        with self._noise(seed):
            state, _ = self.draw(self.prior(ops.zeros((num_images, 1))))
        codes = ops.reshape(state, (-1, 6))
        return {"codes": codes, **self.decode(codes)}

    def _pixels(self, state):
        return self.p(ops.reshape(state, (*ops.shape(state)[:-2], 6)))

    def _noise(self, seed):
        return contextlib.nullcontext() if seed is None else fixed_noise(self, seed)

    def log_likelihood(self, x):
        """In float64, by enumeration."""
        kernel, bias = map(np.float64, self.p.weights)
        logits = np.float64(self.prior.logits)
        log_masses = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
        terms = []
        for states in itertools.product(range(3), repeat=2):
            one_hot = np.eye(3)[list(states)]
            pixels = one_hot.reshape(6) @ kernel + bias
            log_x = np.sum(x * pixels - np.logaddexp(0, pixels), axis=1)
            terms.append(log_x + np.sum(one_hot * log_masses))
        return np.logaddexp.reduce(terms, axis=0)


def test_it_is_one_by_its_members_and_not_by_its_class():
    toy = Toy()
    assert isinstance(toy, LatentVariableModel)
    assert not isinstance(toy, kc.SigmoidBeliefNetwork)
    assert isinstance(kc.SigmoidBeliefNetwork("3H-4V"), LatentVariableModel)
    assert not isinstance(keras.Sequential(), LatentVariableModel)


def test_its_bound_is_evaluated_to_the_exact_log_likelihood():
    toy = Toy()
    found = kc.evaluate_bound(toy, X, num_samples=5_000, verbose=False)
    exact = toy.log_likelihood(np.float64(X))
    # The error of the log of a mean weight, by the effective number of samples.
    error = 1 / np.sqrt(found.effective_sample_sizes)
    assert np.all(np.abs(found.bounds - exact) < 5 * error)
    assert error.max() < 0.1
    relaxed = kc.evaluate_bound(toy, X, 1_000, training=True, verbose=False)
    assert np.all(np.abs(relaxed.bounds - exact) > 1e-4)
    with pytest.raises(ValueError, match="Toys have four pixels"):
        kc.evaluate_bound(toy, X[:, :3], 10, verbose=False)


def test_the_callbacks_take_it(tmp_path):
    toy = Toy()
    toy.compile(keras.optimizers.SGD(0.0), loss=kc.NegativeBound(), jit_compile=False)
    callbacks = [
        kc.IntegralityGap(X, num_samples=2_000),
        kc.TemperatureLog(),
        kc.ImageGrids(tmp_path, X, num_images=4),
    ]
    logs = toy.fit(X, X, verbose=0, callbacks=callbacks).history
    exact = toy.log_likelihood(np.float64(X)).mean()
    assert logs["val_bound_discrete"][0] == pytest.approx(exact, abs=0.05)
    gap = logs["val_bound_relaxed"][0] - logs["val_bound_discrete"][0]
    assert logs["val_integrality_gap"] == [gap]
    assert logs["temperature"] == [pytest.approx(0.7)]
    tags = {
        value.tag
        for file in tmp_path.rglob("*tfevents*")
        for event in tf.compat.v1.train.summary_iterator(str(file))
        for value in event.summary.value
    }
    assert tags == {"samples", "reconstructions"}
    with pytest.raises(ValueError, match="Toys have four pixels"):
        toy.fit(X, X, verbose=0, callbacks=[kc.IntegralityGap(X[:, :3])])


def test_a_method_alone_suffices_for_the_bound():
    class Weights(keras.Model):
        """Of examples that are their own log-weights."""

        def log_weights(self, x, num_samples, training=False, seed=None):
            return ops.broadcast_to(x, (ops.shape(x)[0], num_samples))

    found = kc.evaluate_bound(Weights(), X[:, :1], num_samples=7, verbose=False)
    np.testing.assert_allclose(found.bounds, X[:, 0], atol=1e-6)
    with pytest.raises(ValueError, match=r"`model` must have the method log_weights"):
        kc.evaluate_bound(keras.Sequential(), X, 7, verbose=False)
