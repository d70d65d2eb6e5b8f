"""Codebooks: distances, one row, metrics, the bound in bits, residual levels."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from prior_models import dense
from scipy import special, stats
from scipy.spatial.distance import cdist

import keras_concrete as kc

pytestmark = pytest.mark.usefixtures("without_xla")

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(4, 5, 6, 3)).astype("float32")  # A grid.
START = keras.initializers.RandomNormal(stddev=1.0, seed=1)


def codebook(num_codes=7, dim=3, from_logits=False, name="codes", **sampler):
    sampler = kc.ConcreteSample(0.5, seed=0, name="draw", **sampler)
    return kc.CategoricalCodebook(num_codes, dim, sampler, from_logits, START, name=name)


def squared_distances(x, codes):
    flat = cdist(np.float64(x).reshape(-1, x.shape[-1]), np.float64(codes), "sqeuclidean")
    return flat.reshape(*x.shape[:-1], -1)


def test_codes_that_are_not_there_yet_decode_nothing():
    with pytest.raises(ValueError, match="'codes' has no codes yet: call it on some"):
        codebook().decode(np.array([1]))


def test_a_vector_chooses_codes_by_the_softmax_of_minus_squared_distances():
    layer = codebook()
    tokens = layer.encode(X)
    expected = -squared_distances(X, layer.codes)
    np.testing.assert_array_equal(tokens, expected.argmax(-1))
    found = special.log_softmax(np.float64(layer.logits(X)), axis=-1)
    np.testing.assert_allclose(found, special.log_softmax(expected, -1), atol=1e-4)
    np.testing.assert_array_equal(
        layer.decode(tokens), np.asarray(layer.codes)[expected.argmax(-1)]
    )


@pytest.mark.parametrize("estimator", ["concrete", "straight_through"])
def test_it_mixes_codes_in_training_and_gives_one_row_otherwise(estimator):
    layer = codebook(num_samples=2, return_node=True, estimator=estimator)
    vectors = tf.Variable(X)
    with tf.GradientTape() as tape:
        output, node, logits = layer(vectors, training=True)
    twin = kc.ConcreteSample(0.5, num_samples=2, estimator=estimator, seed=0)
    state = np.float64(twin(logits, training=True))
    np.testing.assert_allclose(output, state @ np.float64(layer.codes), atol=1e-5)
    for gradient in tape.gradient(output, [vectors, layer.codes.value]):
        assert np.all(np.isfinite(gradient)) and np.any(gradient != 0)
    discrete, node, _ = layer(X)
    rows = np.asarray(layer.codes)[np.argmax(node, axis=-1)]
    np.testing.assert_array_equal(discrete, rows)
    assert discrete.shape == (4, 2, 5, 6, 3) and node.shape == (4, 2, 5, 6, 7)


def test_the_metrics_count_the_tokens_that_fit_and_evaluate_see_and_a_mask_keeps():
    x = GENERATOR.normal(size=(6, 5, 3)).astype("float32")
    x[:, 3:] = 9.0  # Masked out.
    layer = codebook(inference="mode", prior="uniform", kl_objective="analytic")
    model = keras.Sequential([keras.Input((5, 3)), keras.layers.Masking(9.0), layer])
    model.compile("sgd", jit_compile=False)
    model.predict(x, verbose=0)
    values = model.evaluate(x, batch_size=4, verbose=0, return_dict=True)
    distances = squared_distances(x[:, :3], layer.codes)
    counts = np.bincount(distances.argmin(-1).ravel(), minlength=7)
    shares = counts / 18
    bits = -np.sum(special.xlogy(shares, shares)) / np.log(2)
    log_q = special.log_softmax(-distances, axis=-1)
    kl = np.sum(np.exp(log_q) * (log_q + np.log(7)), axis=(1, 2)).mean()
    assert values == pytest.approx(
        {
            "loss": kl,
            "draw_kl": kl,
            "codes_usage": np.mean(counts > 0),
            "codes_perplexity": 2**bits,
            "codes_bits": bits,
        },
        rel=1e-5,
    )
    assert set(values) <= set(model.fit(x, verbose=0).history)


# --- The bound of the discrete graph, in bits, and the gap ---------------------------

PIXELS = GENERATOR.integers(0, 2, (6, 4)).astype("float32")
TOKENS = np.array(list(itertools.product(range(3), repeat=2)))


class Tokenizer:
    """Two tokens of three codes, and four pixels."""

    def __init__(self, **sampler):
        self.codebook = codebook(3, 2, **sampler)
        self.x = keras.Input((4,))
        self.vectors = keras.layers.Reshape((2, 2))(dense(4, "encoder")(self.x))
        self.decoder = dense(4, "decoder")

    def pixels(self, codes):
        samples = codes.shape[1:-2]
        return self.decoder(keras.layers.Reshape((*samples, 4))(codes))

    def exact_bits(self, prior_logits):
        """-log2 p(x) for a token, by enumeration in float64."""
        codes = np.float64(self.codebook.codes)[TOKENS].reshape(9, 4)
        kernel, bias = map(np.float64, self.decoder.weights)
        logits = codes @ kernel + bias
        log_x = np.sum(PIXELS[:, None] * logits - np.logaddexp(0, logits), axis=-1)
        log_p = special.log_softmax(np.float64(prior_logits), axis=-1)
        log_z = log_p[0, TOKENS[:, 0]] + log_p[1, TOKENS[:, 1]]
        return -np.logaddexp.reduce(log_x + log_z, axis=1) / np.log(2) / 2


def test_the_bound_of_the_discrete_graph_converges_to_the_bits_of_a_token():
    parts = Tokenizer(prior="learned", kl_objective="analytic")
    model = keras.Model(parts.x, parts.pixels(parts.codebook(parts.vectors)))
    (prior,) = (w for w in model.weights if "prior_logits" in w.path)
    prior.assign([[1.0, 0.0, -1.0], [0.0, 0.5, 0.0]])
    found, relaxed = (
        kc.evaluate_bound(
            model,
            PIXELS,
            4_000,
            training=training,
            log_likelihood=kc.BernoulliLogLikelihood(),
            verbose=False,
        )
        for training in (False, True)
    )
    bits = -found.bounds / np.log(2) / 2
    error = 1 / np.sqrt(found.effective_sample_sizes) / np.log(2) / 2
    assert error.max() < 0.05
    # Six numbers beyond 5 standard errors by chance: one run in 300,000.
    assert np.all(np.abs(bits - parts.exact_bits(prior)) < 5 * error)
    assert np.all(np.isfinite(relaxed.bounds)) and np.any(relaxed.bounds != found.bounds)


def test_the_integrality_gap_of_a_tokenizer_is_that_of_its_two_bounds():
    parts = Tokenizer(num_samples=2, return_node=True)
    codes, node, logits = parts.codebook(parts.vectors)
    score = {"num_states": 3, "sample_axis": True}
    uniform = keras.ops.zeros_like(logits)
    joint = [
        kc.BernoulliLogLikelihood(sample_axis=True)(parts.x, parts.pixels(codes)),
        kc.ConcreteLogProb(0.5, **score)(node, uniform),
    ]
    log_q = kc.ConcreteLogProb(0.5, **score)(node, logits)
    model = keras.Model(parts.x, kc.MultiSampleBound()(joint, log_q))
    model.compile("sgd", kc.NegativeBound(), jit_compile=False)
    gap = kc.IntegralityGap(PIXELS)
    logs = model.fit(PIXELS, PIXELS, callbacks=[gap], verbose=0).history
    difference = logs["val_bound_relaxed"][0] - logs["val_bound_discrete"][0]
    assert logs["val_integrality_gap"][0] == pytest.approx(difference)
    # A bound of two samples is below log p(x) on the mean, here by at least 0.1 nats.
    exact = -parts.exact_bits(np.zeros((2, 3))).mean() * 2 * np.log(2)
    assert logs["val_bound_discrete"][0] < exact


# --- Dead codes, and levels ----------------------------------------------------------


def _stop_training(model):
    return lambda epoch, logs: setattr(model, "stop_training", True)


def test_dead_codes_move_next_to_codes_in_use_after_all_epochs_but_the_last():
    layer = codebook(8, inference="mode", estimator="straight_through")
    model = keras.Sequential([keras.Input((5, 6, 3)), layer])
    model.compile(keras.optimizers.SGD(0.0), "mse", jit_compile=False)
    far = np.asarray(layer.codes) + np.float32([[0], [0]] + [[50]] * 6)
    found = []
    for epochs in (1, 2, 2, 9):
        layer.codes.assign(far)
        callback = [kc.ResetDeadCodes(seed=3)]
        if epochs == 9:  # Of which but one is run.
            stop = keras.callbacks.LambdaCallback(on_epoch_end=_stop_training(model))
            callback.insert(0, stop)
        # In validation other codes are chosen, which does not count.
        other = {"validation_data": (X + 50, X)}
        model.fit(X, X, epochs=epochs, callbacks=callback, verbose=0, **other)
        found.append(np.asarray(layer.codes))
    np.testing.assert_array_equal(found[0], far)
    assert model.stop_training
    np.testing.assert_array_equal(found[3], far)
    np.testing.assert_array_equal(found[1], found[2])
    np.testing.assert_array_equal(found[1][:2], far[:2])
    spread = np.std(far[:2], axis=0).max()
    near = np.sqrt(squared_distances(found[1][2:], far[:2])).min(-1)
    assert np.all(near > 0) and near.max() < 0.1 * spread


def test_dead_codes_split_those_in_use_as_often_as_these_are_chosen():
    """Of 2,000 dead codes; two-sided tests that each fail in one of 10,000 runs."""
    layer = codebook(2_002, inference="mode", estimator="straight_through")
    model = keras.Sequential([keras.Input((3,)), layer])
    model.compile(keras.optimizers.SGD(0.0), "mse", jit_compile=False)
    used = np.float32([[-1, 0, 2], [1, 0, -4]])  # Of spread 1, 0 and 3.
    codes = np.concatenate([used, np.full((2_000, 3), 50, "float32")])
    x = np.repeat(used, [90, 10], axis=0)
    found = []
    for seed in (3, 3, 4):
        layer.codes.assign(codes)
        reset = kc.ResetDeadCodes(seed=seed)
        model.fit(x, x, epochs=2, callbacks=[reset], verbose=0)
        found.append(np.asarray(layer.codes))
    np.testing.assert_array_equal(found[0], found[1])
    assert np.all(found[0][2:] != found[2][2:], axis=0).tolist() == [True, False, True]
    of_first = found[0][2:, 0] < 0
    assert stats.binomtest(int(of_first.sum()), 2_000, 0.9).pvalue > 1e-4
    off = np.float64(found[0][2:]) - np.where(of_first[:, None], used[0], used[1])
    assert np.all(off[:, 1] == 0)
    for column, spread in ((0, 1.0), (2, 3.0)):
        variance = np.sum(off[:, column] ** 2) / (0.01 * spread) ** 2
        assert 1e-4 < 2 * stats.chi2(2_000).cdf(variance) < 2 - 1e-4


def test_codes_that_do_not_train_stay_where_they_are():
    layer = codebook(8, inference="mode", estimator="straight_through")
    model = keras.Sequential([keras.Input((5, 6, 3)), layer, keras.layers.Dense(3)])
    layer.trainable = False
    model.compile("sgd", "mse", jit_compile=False)
    before = np.asarray(layer.codes) + np.float32([[0], [0]] + [[50]] * 6)
    layer.codes.assign(before)
    model.fit(X, X, epochs=2, callbacks=[kc.ResetDeadCodes()], verbose=0)
    np.testing.assert_array_equal(layer.codes, before)


def test_residual_levels_code_what_is_left_over():
    levels = [
        kc.CategoricalCodebook(
            6,
            3,
            kc.ConcreteSample(0.5, inference="mode", prior="uniform", name=f"draw_{i}"),
            codes_initializer=keras.initializers.RandomNormal(
                stddev=1.0 / (1 + i), seed=i
            ),
        )
        for i in range(3)
    ]
    layer = kc.ResidualCodebook(levels)
    tokens = layer.encode(X)
    left = np.float64(X)
    for i, level in enumerate(levels):
        chosen = squared_distances(left, level.codes).argmin(-1)
        np.testing.assert_array_equal(tokens[..., i], chosen)
        left = left - np.float64(level.codes)[chosen]
    np.testing.assert_allclose(layer(X), X - left, atol=1e-5)
    np.testing.assert_allclose(layer.decode(tokens), X - left, atol=1e-5)
    assert len(layer.losses) == 3
