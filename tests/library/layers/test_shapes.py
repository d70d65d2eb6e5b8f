"""The contract of shapes: all units are summed once, and what does not fit is refused."""

import keras
import numpy as np
import oracles
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import keras_concrete as kc

T, PRIOR_T = 0.7, 0.4


def zeros(*shape):
    return np.zeros(shape, "float32")


def log_prob(**kwargs):
    return kc.ConcreteLogProb(T, estimator="concrete", **kwargs)


def kl(**kwargs):
    return kc.RelaxedKL(
        posterior_temperature=T,
        prior_temperature=PRIOR_T,
        estimator="concrete",
        **kwargs,
    )


def bound(log_joint, log_posterior):
    return kc.MultiSampleBound("concrete")(log_joint, log_posterior)


def drawn(num_samples=None, kind=kc.BinaryConcreteSample, shape=(8, 5)):
    return kind(T, num_samples, return_node=True)(zeros(*shape))[1]


SAMPLES_OR_UNITS = "If axis 1 of `{}` holds samples, pass sample_axis=True; if it holds"

# What is called wrongly, and what the answer says: the shapes, and the remedy.
WRONG_CALLS = {
    "logits of one categorical for five units": (
        lambda: log_prob(num_states=4)(zeros(8, 5, 4), kc.LearnedLogits(4)(zeros(8, 1))),
        [
            r"logits.shape=\(8, 4\), node.shape=\(8, 5, 4\)",
            SAMPLES_OR_UNITS.format("node"),
        ],
    ),
    "logits of five binary units for five of four states": (
        lambda: log_prob(num_states=4)(zeros(8, 5, 4), kc.LearnedLogits(5)(zeros(8, 1))),
        [r"logits.shape=\(8, 5\), node.shape=\(8, 5, 4\)", "num_states=n everywhere"],
    ),
    "one logit an example for as many units as examples": (
        lambda: log_prob()(zeros(5, 5), zeros(5)),
        [r"logits.shape=\(5,\), node.shape=\(5, 5\)", SAMPLES_OR_UNITS.format("node")],
    ),
    "one pixel an example for as many pixels as examples": (
        lambda: kc.BernoulliLogLikelihood()(zeros(5), zeros(5, 5)),
        [r"x.shape=\(5,\), logits.shape=\(5, 5\)", SAMPLES_OR_UNITS.format("logits")],
    ),
    "flat pixels for a grid": (
        lambda: kc.BernoulliLogLikelihood()(zeros(4, 6), zeros(4, 2, 3)),
        [r"x.shape=\(4, 6\), logits.shape=\(4, 2, 3\)", "broadcasting would mix up"],
    ),
    "pixels for samples of them": (
        lambda: kc.BernoulliLogLikelihood()(zeros(4, 6), zeros(4, 2, 6)),
        [r"x.shape=\(4, 6\), logits.shape=\(4, 2, 6\)", "pass sample_axis=True"],
    ),
    "logits of images without pixels": (
        lambda: kc.BernoulliLogLikelihood(sample_axis=True)(zeros(4, 6), zeros(4, 6)),
        [r"logits of shape \(batch, num_samples, \*pixels\)", r"\(4, 6\)"],
    ),
    "num_states forgotten": (
        lambda: log_prob()(drawn(kind=kc.ConcreteSample), zeros(8, 5)),
        ["num_states=2", "draws units of 5 states: pass num_states=5"],
    ),
    "num_states for binary units": (
        lambda: log_prob(num_states=5)(drawn(), zeros(8, 5)),
        ["num_states=5", "draws units of 2 states: pass num_states=2"],
    ),
    "num_states of another size": (
        lambda: log_prob(num_states=4)(zeros(8, 3, 5), zeros(8, 3, 5)),
        [r"\(batch, \*units, 4\)", r"node.shape=\(8, 3, 5\)", "Pass num_states=n"],
    ),
    "sample_axis forgotten by a density": (
        lambda: log_prob()(drawn(3), zeros(8, 5)),
        [r"puts samples on axis 1 \(num_samples\)", "pass sample_axis=True"],
    ),
    "sample_axis forgotten by a KL": (
        lambda: kl(num_states=5)(
            drawn(3, kc.ConcreteSample, (8, 2, 5)), *[zeros(8, 2, 5)] * 2
        ),
        [r"puts samples on axis 1 \(num_samples\)", "pass sample_axis=True"],
    ),
    "sample_axis forgotten where sizes agree": (
        lambda: log_prob()(zeros(4, 4, 4), zeros(4, 4)),
        [r"logits.shape=\(4, 4\), node.shape=\(4, 4, 4\)", "pass sample_axis=True"],
    ),
    "sample_axis where there is none": (
        lambda: log_prob(sample_axis=True)(drawn(), zeros(8, 5)),
        [
            r"\(batch, num_samples, \*units\)",
            r"node.shape=\(8, 5\)",
            "if, and only if, axis 1 holds samples",
        ],
    ),
    "sample_axis for a grid without samples, seen by the bound": (
        lambda: bound(
            zeros(8), log_prob(sample_axis=True)(zeros(8, 5, 6), zeros(8, 5, 6))
        ),
        [r"\(8, 5\), \(8,\)", "sample_axis=True to all layers that score, or to none"],
    ),
    "logits with samples that the node has not": (
        lambda: kl()(zeros(8, 5), zeros(8, 3, 5), zeros(8, 5)),
        [r"`posterior_logits` .*\(8, 3, 5\), node.shape=\(8, 5\)"],
    ),
    "a prior of other units": (
        lambda: kl()(zeros(8, 6), zeros(8, 6), kc.LearnedLogits((2, 3))(zeros(8, 1))),
        [r"prior_logits.shape=\(8, 2, 3\), node.shape=\(8, 6\)"],
    ),
    "a prior of one sample for three": (
        lambda: kl(sample_axis=True)(zeros(8, 3, 5), zeros(8, 5), zeros(8, 1, 5)),
        [r"prior_logits.shape=\(8, 1, 5\)", "or that shape without the sample axis"],
    ),
    "drawn logits of one unit": (
        lambda: log_prob()(zeros(8, 5), zeros(8, 5), zeros(8, 1)),
        [r"`drawn_logits` must have the shape of `node`", r"drawn_logits.shape=\(8, 1\)"],
    ),
    "a prior of one unit, to a sampler": (
        lambda: kc.BinaryConcreteSample(T, prior="given")(zeros(8, 5), zeros(8, 1)),
        [r"prior_logits.shape=\(8, 1\), logits.shape=\(8, 5\)"],
    ),
    "terms of one sample and of three": (
        lambda: bound(zeros(8, 3), zeros(8, 1)),
        ["All terms must have the same shape", r"\(8, 1\), \(8, 3\)"],
    ),
    "a term without the sample axis": (
        lambda: bound([zeros(8, 8), zeros(8)], zeros(8, 8)),
        [r"\(8, 8\), \(8,\)", "sample_axis=True to all layers that score, or to none"],
    ),
    "a term for each unit": (
        lambda: bound(zeros(8, 3, 5), zeros(8, 3, 5)),
        [r"\(8, 3, 5\)", "Sum over all units and pixels"],
    ),
    "one-hot states without units, joined": (
        lambda: kc.HypercubeCode(4)(zeros(8, 4)),
        [r"\(batch, ..., units, 4\)", r"Received: \(8, 4\)"],
    ),
}


@pytest.mark.parametrize("case", WRONG_CALLS)
def test_a_wrong_call_is_told_its_shapes_and_the_remedy(case):
    do, messages = WRONG_CALLS[case]
    with pytest.raises(ValueError) as error:
        do()
    for message in messages:
        error.match(message)


@pytest.mark.parametrize("case", ["units", "samples"])
def test_a_functional_model_is_refused_where_it_is_made(case):
    """With the batch unknown, before any data are there."""
    node = keras.Input((5, 4))
    with pytest.raises(ValueError, match=r"logits.shape=\(None, 4\)"):
        if case == "units":
            log_prob(num_states=4)(node, keras.Input((4,)))
        else:
            log_prob()(node, keras.Input((4,)))


# --- Right calls: values for all axes of units --------------------------------------


@st.composite
def shapes(draw):
    """Batch, samples or None, units, states, and whether logits have the sample axis."""
    num_states = draw(st.sampled_from([2, 3, 4]))
    least = 1 if num_states == 2 else 0
    units = tuple(draw(st.lists(st.integers(1, 4), min_size=least, max_size=3)))
    samples = draw(st.sampled_from([None, 1, 3]))
    expanded = samples is None or draw(st.booleans())
    return draw(st.integers(1, 4)), samples, units, num_states, expanded


def tensors(batch, samples, units, num_states, expanded):
    """A node, two logits of its shape or without samples, and those with samples."""
    generator = np.random.default_rng(batch + sum(units))
    states = () if num_states == 2 else (num_states,)
    full = (batch, *([samples] * (samples is not None)), *units, *states)
    node = generator.normal(0, 2, full)
    if states:
        node = node - np.logaddexp.reduce(node, axis=-1, keepdims=True)
    shape = full if expanded else (batch, *units, *states)
    logits = [generator.normal(0, 2, shape).astype("float32") for _ in range(2)]
    with_samples = [a if expanded else a[:, None] for a in logits]
    return node.astype("float32"), logits, with_samples


def expected_log_prob(node, logits, temperature, num_states, training):
    if training and num_states == 2:
        return oracles.logistic(node, logits, temperature)
    if training:
        return oracles.exp_concrete(node, logits, np.float64(temperature))
    if num_states == 2:
        return oracles.bernoulli(node >= 0, logits)
    return oracles.discrete(np.eye(num_states)[node.argmax(-1)], logits)


def summed(values, samples):
    """Over all axes but batch and samples, in an obvious way."""
    kept = np.shape(values)[: 1 + (samples is not None)]
    return np.sum(np.reshape(values, (*kept, -1)), axis=-1)


@settings(max_examples=30)
@given(shapes(), st.booleans())
def test_a_density_and_a_kl_sum_over_all_units_once(shape, training):
    _, samples, units, num_states, _ = shape
    node, logits, with_samples = tensors(*shape)
    options = {"num_states": num_states, "sample_axis": samples is not None}
    log_q, log_p = (
        expected_log_prob(node, logits, temperature, num_states, training)
        for logits, temperature in zip(with_samples, (T, PRIOR_T), strict=True)
    )
    close = {"rtol": 1e-4, "atol": 1e-4}
    value = log_prob(**options)(node, logits[0], training=training)
    np.testing.assert_allclose(value, summed(log_q, samples), **close)
    value = kl(**options)(node, *logits, training=training)
    np.testing.assert_allclose(value, summed(log_q - log_p, samples), **close)
    assert log_q.ndim == 1 + (samples is not None) + len(units)


@settings(max_examples=20)
@given(shapes())
def test_a_likelihood_sums_over_all_pixels_once(shape):
    batch, samples, pixels, _, _ = shape
    pixels = pixels or (3,)
    _, (logits, _), _ = tensors(batch, samples, pixels, 2, True)
    x = np.random.default_rng(1).integers(0, 2, (batch, *pixels)).astype("float32")
    expected = oracles.bernoulli(x if samples is None else x[:, None], logits)
    layer = kc.BernoulliLogLikelihood(sample_axis=samples is not None)
    value = layer(x, logits)
    np.testing.assert_allclose(value, summed(expected, samples), rtol=1e-4, atol=1e-4)


@settings(max_examples=30)
@given(shapes())
def test_samplers_keep_all_axes_and_free_logits_and_codes_have_them(shape):
    batch, samples, units, num_states, _ = shape
    states = () if num_states == 2 else (num_states,)
    free = kc.LearnedLogits(units or 1, num_states)
    logits = np.asarray(free(zeros(batch, 7)))
    assert logits.shape == (batch, *(units or (1,)), *states)
    kind = kc.BinaryConcreteSample if num_states == 2 else kc.ConcreteSample
    logits = zeros(batch, *units, *states)
    state, node = kind(T, samples, return_node=True)(logits)
    axes = () if samples is None else (samples,)
    assert state.shape == node.shape == (batch, *axes, *units, *states)
    if num_states == 4 and units:
        codes = kc.HypercubeCode(4, flatten=False)(state)
        index = np.asarray(state).argmax(-1)
        bits = np.stack([index // 2, index % 2], axis=-1) * 2 - 1
        np.testing.assert_array_equal(codes, bits)
        joined = kc.HypercubeCode(4)(state)
        np.testing.assert_array_equal(joined, bits.reshape(joined.shape))
