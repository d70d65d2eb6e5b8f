"""Shapes, seeds, copies and slices of distributions are those of TFP."""

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_probability as tfp
from distribution_checks import BINARY, LOGITS, N_ARY, SEED

from keras_concrete import distributions as kcd

tfb, tfd = tfp.bijectors, tfp.distributions

MADE = [
    (kcd.Gumbel(), (), ()),
    (kcd.Logistic(), (), ()),
    (kcd.Bernoulli(LOGITS), (5, 3), ()),
    (kcd.BinaryConcrete(0.5, LOGITS), (5, 3), ()),
    (kcd.LogitBinaryConcrete(0.5, LOGITS), (5, 3), ()),
    (kcd.Discrete(LOGITS), (5,), (3,)),
    (kcd.Concrete(np.full(5, 0.5, "float32"), LOGITS), (5,), (3,)),
    (kcd.ExpConcrete(0.5, LOGITS), (5,), (3,)),
]
each_made = pytest.mark.parametrize(
    ("distribution", "batch", "event"), MADE, ids=[made[0].name for made in MADE]
)


@each_made
def test_shapes_are_those_of_tfp(distribution, batch, event):
    assert distribution.batch_shape == batch
    assert distribution.event_shape == event
    assert tuple(distribution.batch_shape_tensor()) == batch
    assert tuple(distribution.event_shape_tensor()) == event
    sample = distribution.sample((2, 7), seed=SEED)
    assert sample.shape == (2, 7, *batch, *event)
    assert distribution.log_prob(sample).shape == (2, 7, *batch)
    assert distribution.sample().shape == (*batch, *event)


@pytest.mark.parametrize("make", [*BINARY, *N_ARY, kcd.Bernoulli, kcd.Discrete])
@pytest.mark.parametrize("jit_compile", [False, True], ids=["graph", "xla"])
def test_a_batch_of_unknown_size_gives_the_same_in_a_graph(make, jit_compile):
    def sample_and_log_prob(logits):
        arguments = (logits,) if make in (kcd.Bernoulli, kcd.Discrete) else (0.5, logits)
        sample = make(*arguments).sample(4, seed=SEED)
        return sample, make(*arguments).log_prob(sample)

    signature = None if jit_compile else [tf.TensorSpec([None, 3])]
    graph = tf.function(sample_and_log_prob, signature, jit_compile=jit_compile)
    eager = sample_and_log_prob(LOGITS)
    for ours, expected in zip(graph(tf.constant(LOGITS)), eager, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-5)


@each_made
def test_seeds_and_copies_are_those_of_tfp(distribution, batch, event):
    sample = distribution.sample(4, seed=(1, 2))
    np.testing.assert_array_equal(distribution.sample(4, seed=(1, 2)), sample)
    np.testing.assert_array_equal(distribution.copy().sample(4, seed=(1, 2)), sample)
    assert not np.array_equal(distribution.sample(4, seed=(2, 1)), sample)
    # An integer is a seed of TensorFlow's stateful generators, as in every TFP sampler.
    repeated = []
    for _ in range(2):
        tf.random.set_seed(0)
        repeated.append(distribution.sample(4, seed=7))
    np.testing.assert_array_equal(*repeated)


@pytest.mark.parametrize("make", BINARY + N_ARY)
def test_a_copy_takes_new_parameters(make):
    copy = make(0.5, LOGITS).copy(temperature=2.0)
    x = make(0.5, LOGITS).sample(seed=SEED)
    np.testing.assert_array_equal(copy.log_prob(x), make(2.0, LOGITS).log_prob(x))


# TFP slices a scalar temperature to shape (1,).
@pytest.mark.parametrize("make", BINARY + N_ARY)
def test_a_slice_is_the_distribution_of_part_of_the_batch(make):
    logits = LOGITS if make in BINARY else np.stack([LOGITS, LOGITS])
    part, expected = make(0.5, logits)[1], make(0.5, logits[1])
    x = expected.sample(seed=SEED)
    np.testing.assert_array_equal(part.log_prob(x), expected.log_prob(x))


@pytest.mark.parametrize(
    ("make", "theirs"),
    [
        (kcd.BinaryConcrete, tfd.RelaxedBernoulli),
        (kcd.Concrete, tfd.RelaxedOneHotCategorical),
        (kcd.ExpConcrete, tfd.ExpRelaxedOneHotCategorical),
    ],
)
def test_densities_are_those_of_tfp_at_moderate_values(make, theirs):
    for temperature in (0.4, 1.0, 2.5):
        ours = make(temperature, LOGITS)
        # As a constant, so that neither finds the node in its cache.
        x = tf.constant(ours.sample(20, seed=SEED).numpy())
        if make is kcd.BinaryConcrete:
            x = tf.clip_by_value(x, 1e-3, 1 - 1e-3)
        expected = theirs(temperature, logits=LOGITS).log_prob(x)
        np.testing.assert_allclose(ours.log_prob(x), expected, rtol=1e-4, atol=1e-4)
