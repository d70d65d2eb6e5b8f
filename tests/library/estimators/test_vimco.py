"""VIMCO's bounds without one sample."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import special

import keras_concrete as kc
from keras_concrete.estimators import vimco


def by_definition(log_weights):
    """The (m, m) form, in float64."""
    w = np.float64(log_weights)
    expected = np.empty(w.shape)
    for row, i in np.ndindex(*w.shape):
        others = np.delete(w[row], i)
        replaced = np.append(others, others.mean())
        expected[row, i] = special.logsumexp(replaced) - np.log(w.shape[1])
    return expected


log_weight = st.one_of(
    st.floats(-50, 50, width=32, allow_subnormal=False),
    st.sampled_from([-1e9, -300.0, 0.0, 7.0, 7.0]),
)


@settings(max_examples=100)
@given(arrays("float32", (3, 4), elements=log_weight))
def test_leave_one_out_bounds_replace_a_weight_by_the_geometric_mean_of_the_others(w):
    ours = vimco.leave_one_out_bounds(w)
    np.testing.assert_allclose(ours, by_definition(w), rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize(
    "row",
    [
        [3.0, 3.0],
        [3.0, 3.0, 3.0],
        [-np.inf, 1.0, 2.0],
        [-np.inf, -np.inf, 2.0, 2.0],
        [0.0, -1e9, -200.0],
        [1e4, -1e4, 9e3, 1e4],
    ],
)
def test_ties_and_weights_of_zero_and_of_any_size_are_exact(row):
    w = np.float32([row])
    np.testing.assert_allclose(
        vimco.leave_one_out_bounds(w), by_definition(w), rtol=1e-6, atol=1e-6
    )


def test_a_thousand_samples_agree_with_the_definition():
    w = np.random.default_rng(0).normal(-90, 8, (2, 1000)).astype("float32")
    ours = vimco.leave_one_out_bounds(w)
    np.testing.assert_allclose(ours, by_definition(w), rtol=1e-5, atol=2e-5)


def test_no_tensor_of_a_training_step_has_the_square_of_the_samples():
    batch, samples, units = 64, 1000, 3
    layer = kc.MultiSampleBound("vimco")
    score = kc.ConcreteLogProb(1.0, estimator="vimco", sample_axis=True)

    @tf.function
    def gradient(node, logits):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            log_q = score(node, logits, training=True)
            bound = layer(tf.zeros_like(log_q), log_q, training=True)
        return tape.gradient(bound, logits)

    shapes = (batch, samples, units), (batch, units)
    graph = gradient.get_concrete_function(*map(tf.TensorSpec, shapes)).graph
    sizes = [
        tensor.shape.num_elements()
        for operation in graph.get_operations()
        for tensor in operation.outputs
    ]
    known = [size for size in sizes if size is not None]
    assert max(known) <= 2 * batch * samples * units
    assert sum(size is None for size in sizes) == 0
