"""Padded time steps: they add nothing to scores and KL, and nobody reads their states."""

import keras
import numpy as np
import oracles
import pytest
import tensorflow as tf
from prior_models import dense, exact_kl

import keras_concrete as kc

pytestmark = pytest.mark.usefixtures("without_xla")

GENERATOR = np.random.default_rng(0)
X = GENERATOR.normal(size=(3, 4, 5)).astype("float32")
KEPT = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]], bool)
PADDING = 9.0
PADDED = np.where(KEPT[..., None], X, np.float32(PADDING))


def of_masked(outputs, *data):
    """What a functional model makes of padded sequences."""
    inputs = keras.Input((4, 5))
    return keras.Model(inputs, outputs(keras.layers.Masking(PADDING)(inputs)))(*data)


@pytest.mark.parametrize("num_samples", [None, 2])
def test_scores_are_sums_over_the_steps_that_the_mask_keeps(num_samples):
    axis = {"sample_axis": num_samples is not None}

    def outputs(x):
        sampler = kc.BinaryConcreteSample(0.5, num_samples, return_node=True, seed=0)
        state, node = sampler(x)
        data = keras.layers.Activation("hard_sigmoid")(x)
        pixels = 0.5 * node if num_samples else x
        return {
            "state": state,
            "node": node,
            "log_prob": kc.ConcreteLogProb(0.5, **axis)(node, x),
            "likelihood": kc.BernoulliLogLikelihood(**axis)(data, pixels),
            "kl": kc.RelaxedKL(posterior_temperature=0.5, prior_temperature=0.5, **axis)(
                node, x, 0.0 * x
            ),
        }

    found = of_masked(outputs, PADDED)
    samples = (slice(None), None) if num_samples else (slice(None),)
    logits, kept = np.float64(PADDED)[samples], KEPT[samples][..., None]
    state = np.float64(found["state"])

    def summed(terms):
        return np.sum(np.where(kept, terms, 0.0), axis=(-1, -2))

    log_q, log_p = (oracles.bernoulli(state, a) for a in (logits, 0.0 * logits))
    np.testing.assert_allclose(found["log_prob"], summed(log_q), rtol=1e-5)
    np.testing.assert_allclose(found["kl"], summed(log_q - log_p), rtol=1e-4)
    data = np.clip(logits / 6 + 0.5, 0, 1)
    pixels = 0.5 * np.float64(found["node"]) if num_samples else logits
    expected = summed(data * pixels - np.logaddexp(0, pixels))
    np.testing.assert_allclose(found["likelihood"], expected, rtol=1e-4)
    # The states of padded steps are drawn as others are.
    assert state.shape[-2:] == (4, 5) and set(np.unique(state)) == {0.0, 1.0}


@pytest.mark.parametrize(
    ("wrap", "prior"), [(False, "uniform"), (False, "given"), (True, "uniform")]
)
def test_the_kl_of_a_sampler_counts_the_steps_that_the_mask_keeps(wrap, prior):
    layer = kc.BinaryConcreteSample(
        0.5, prior=prior, kl_objective="analytic", name="z", seed=0
    )
    x = keras.Input((4, 5))
    masked = keras.layers.Masking(PADDING)(x)
    given = [0.5 * masked] if prior == "given" else []
    states = (keras.layers.TimeDistributed(layer) if wrap else layer)(masked, *given)
    model = keras.Model(x, states)
    model.compile("sgd")
    found = model.evaluate(PADDED, verbose=0, return_dict=True)
    p = 0.5 * X if prior == "given" else 0.0 * X
    expected = exact_kl(X[KEPT], p[KEPT], 2).sum() / 3
    assert found == pytest.approx({"loss": expected, "z_kl": expected}, rel=1e-5)


def test_padding_of_any_value_gives_no_gradient_and_no_number_that_is_none():
    layer, mask = kc.BernoulliLogLikelihood(), tf.constant(KEPT)
    logits = tf.Variable(X)
    with tf.GradientTape() as tape:
        value = layer(PADDED > 0, logits, x_mask=mask)
        padded = layer(np.where(KEPT[..., None], PADDED > 0, np.nan), logits, x_mask=mask)
    np.testing.assert_array_equal(padded, value)
    gradient = tape.gradient(padded, logits).numpy()
    assert np.all(np.isfinite(gradient)) and np.all((gradient != 0) == KEPT[..., None])


def reader():
    """Recurrent layers in both directions and attention, over discrete states."""
    keras.utils.set_random_seed(0)
    recurrent = keras.layers.GRU(3, return_sequences=True)
    x = keras.Input((None, 5))
    logits = dense(4, "q")(keras.layers.Masking(PADDING)(x))
    states = kc.BinaryConcreteSample(0.5, inference="mode")(logits)
    read = keras.layers.Bidirectional(recurrent)(states)
    read = keras.layers.MultiHeadAttention(2, 3)(read, read)
    return keras.Model(x, keras.layers.GlobalAveragePooling1D()(read))


def test_recurrent_layers_and_attention_read_no_state_of_padding():
    model = reader()
    whole = model(PADDED)
    for i, length in enumerate(KEPT.sum(axis=1)):
        np.testing.assert_allclose(model(X[i : i + 1, :length])[0], whole[i], atol=1e-6)


@pytest.mark.parametrize("shape", [(3, 4, 5, 1), (4, 4), (1, 4), (3, 1), (4,), (3, 5)])
def test_a_mask_of_other_axes_is_refused(shape):
    layer = kc.ConcreteLogProb(0.5, estimator="concrete")
    with pytest.raises(ValueError, match="first axes of examples and units") as refused:
        layer(X, X, logits_mask=np.ones(shape, bool))
    assert f"a mask of shape {shape}" in str(refused.value)


def test_a_mask_of_other_axes_is_refused_when_it_runs():
    layer = kc.ConcreteLogProb(0.5, estimator="concrete")
    unknown = [tf.TensorSpec([None] * 3), tf.TensorSpec([None] * 2, tf.bool)]

    @tf.function(input_signature=unknown)
    def score(logits, mask):
        return layer(logits, logits, logits_mask=mask)

    np.testing.assert_array_equal(score(X, KEPT), layer(X, X, logits_mask=KEPT))
    with pytest.raises(tf.errors.InvalidArgumentError, match="must have the same shape"):
        score(X, KEPT[:, :1])
