"""Grids of units through every layer, in each kind of Keras model."""

import keras
import numpy as np
import oracles
import pytest

import keras_concrete as kc

HEIGHT, WIDTH = 2, 3
X = np.random.default_rng(0).integers(0, 2, (5, HEIGHT, WIDTH)).astype("float32")
T, PRIOR_T = 0.7, 0.4


def dense(units, seed):
    start = keras.initializers.RandomNormal(stddev=1.0, seed=seed)
    return keras.layers.Dense(units, kernel_initializer=start)


class Parts:
    """A grid of units for a grid of pixels, each unit with the logits of its pixel."""

    def __init__(self, num_states, num_samples):
        kind = kc.BinaryConcreteSample if num_states == 2 else kc.ConcreteSample
        axis = {"sample_axis": num_samples is not None}
        self.q = dense(1 if num_states == 2 else num_states, 1)
        self.shape = (HEIGHT, WIDTH) if num_states == 2 else (HEIGHT, WIDTH, num_states)
        self.sample = kind(T, num_samples, return_node=True, seed=0)
        self.code = kc.HypercubeCode(num_states, flatten=False)
        self.p = dense(1, 2)
        self.prior = kc.LearnedLogits((HEIGHT, WIDTH), num_states)
        self.log_q = kc.ConcreteLogProb(T, num_states, **axis)
        self.log_p = kc.ConcreteLogProb(PRIOR_T, num_states, **axis)
        self.log_x = kc.BernoulliLogLikelihood(**axis)
        self.bound = kc.MultiSampleBound()
        self.binary = num_states == 2

    def __call__(self, x, training=None):
        """All that a model of these computes."""
        how = {"training": training}
        flat = self.q(keras.ops.expand_dims(x, -1))
        logits = keras.ops.reshape(flat, (-1, *self.shape))
        state, node = self.sample(logits, **how)
        code = self.code(state)
        code = keras.ops.expand_dims(code, -1) if self.binary else code
        pixels = keras.ops.squeeze(self.p(code), -1)
        prior = self.prior(x)
        terms = [self.log_x(x, pixels), self.log_p(node, prior, **how)]
        bound = self.bound(terms, self.log_q(node, logits, **how), **how)
        return {
            "bound": bound,
            "logits": logits,
            "node": node,
            "pixels": pixels,
            "prior": prior,
        }


class Subclassed(keras.Model):
    def __init__(self, parts):
        super().__init__()
        self.parts = [p for p in vars(parts).values() if isinstance(p, keras.Layer)]
        self._run = parts.__call__

    def call(self, x, training=None):
        return self._run(x, training)


def functional(parts):
    x = keras.Input((HEIGHT, WIDTH))
    return keras.Model(x, parts(x))


def expected_bound(found, num_states, num_samples, training):
    """In NumPy float64, of the nodes and logits that a model drew and computed."""
    found = {name: np.float64(value) for name, value in found.items()}
    axes = (slice(None), None) if num_samples else (slice(None),)
    node, x = found["node"], X[axes]

    def log_prob(logits, temperature):
        logits = found[logits][axes]
        if not training and num_states == 2:
            return oracles.bernoulli(node >= 0, logits)
        if not training:
            return oracles.discrete(np.eye(num_states)[node.argmax(-1)], logits)
        if num_states == 2:
            return oracles.logistic(node, logits, temperature)
        return oracles.exp_concrete(node, logits, np.float64(temperature))

    log_x = oracles.bernoulli(x, found["pixels"])
    log_weights = log_x + log_prob("prior", PRIOR_T) - log_prob("logits", T)
    log_weights = log_weights.sum((-1, -2))
    if not num_samples:
        return log_weights
    return np.logaddexp.reduce(log_weights, axis=1) - np.log(num_samples)


@pytest.mark.parametrize("num_samples", [None, 3])
@pytest.mark.parametrize("num_states", [2, 4])
def test_the_bound_of_a_grid_sums_over_rows_and_columns(num_states, num_samples):
    parts = [Parts(num_states, num_samples) for _ in range(2)]
    models = [functional(parts[0]), Subclassed(parts[1])]
    models[1](X)
    for part, model in zip(parts, models, strict=True):
        part.sample.seed_generator.state.assign([0, 0])
        start = np.random.default_rng(1).normal(size=part.prior.logits.shape)
        part.prior.logits.assign(start)
        assert [tuple(w.shape) for w in part.prior.weights] == [start.shape]
        assert model.built
    for training in (True, False):
        found, other = (model(X, training=training) for model in models)
        np.testing.assert_array_equal(found["bound"], other["bound"])
        expected = expected_bound(found, num_states, num_samples, training)
        np.testing.assert_allclose(found["bound"], expected, rtol=1e-4, atol=1e-4)
    spec = models[0].output
    assert tuple(spec["bound"].shape) == (None,)
    samples = () if num_samples is None else (num_samples,)
    assert tuple(spec["node"].shape) == (None, *samples, *parts[0].shape)
    assert tuple(spec["pixels"].shape) == (None, *samples, HEIGHT, WIDTH)


@pytest.mark.parametrize("num_states", [2, 4])
def test_a_grid_trains_in_a_sequential_model_on_batches_of_any_size(num_states):
    kind = kc.BinaryConcreteSample if num_states == 2 else kc.ConcreteSample
    shape = (HEIGHT, WIDTH) if num_states == 2 else (HEIGHT, WIDTH, num_states)
    layers = [
        keras.layers.Flatten(),
        dense(int(np.prod(shape)), 1),
        keras.layers.Reshape(shape),
        kind(T, prior="learned", name="code", seed=0),
        kc.HypercubeCode(num_states, flatten=False),
        keras.layers.Flatten(),
        dense(HEIGHT * WIDTH, 2),
        keras.layers.Reshape((HEIGHT, WIDTH)),
    ]
    model = keras.Sequential([keras.Input((HEIGHT, WIDTH)), *layers])
    model.compile("sgd", "mse", jit_compile=False)
    history = model.fit(X, X, batch_size=2, epochs=2, verbose=0).history
    assert set(history) == {"loss", "code_kl"}
    assert np.all(np.isfinite(history["code_kl"]))
    assert model.predict(X, batch_size=3, verbose=0).shape == X.shape
    [prior] = [w for w in model.trainable_weights if "prior_logits" in w.path]
    assert tuple(prior.shape) == shape and np.all(np.asarray(prior) != 0)
