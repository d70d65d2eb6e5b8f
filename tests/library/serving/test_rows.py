"""Rows with seeds: each is answered as if it were alone."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops
from served_models import (
    IMAGES,
    GaussianNoise,
    export_and_load,
    mixed,
    time_steps_first,
)

import keras_concrete as kc
from keras_concrete.serving.endpoints import endpoints
from keras_concrete.serving.nodes import nodes_of

SIZES = (0, 1, 2, 5, 8)
DATA = np.random.default_rng(0).normal(size=(8, 6, 4)).astype("float32")


def _sequences():
    return keras.Input(DATA.shape[1:], name="x")


def _before_a_sampler(make):
    """The sequence of a layer, which a sampler draws from."""
    x = _sequences()
    hidden = make()(x)
    bits = kc.BinaryConcreteSample(0.5, name="bits")(hidden)
    return keras.Model(x, {"bits": bits, "hidden": hidden})


def _attention():
    attention = layers.MultiHeadAttention(2, 4)
    return lambda x: attention(x, x)


LAYERS = {
    "Dense": lambda: layers.Dense(4),
    "EinsumDense": lambda: layers.EinsumDense("abc,cd->abd", (None, 4)),
    "attention": _attention,
    "LSTM": lambda: layers.LSTM(4, return_sequences=True),
    "GRU, both ways": lambda: layers.Bidirectional(layers.GRU(2, return_sequences=True)),
    "convolution in groups": lambda: layers.Conv1D(4, 3, padding="same", groups=2),
    "BatchNormalization": layers.BatchNormalization,
}


def _choice(make):
    x = _sequences()
    return keras.Model(x, make(layers.Dense(3)(x)))


def _samples():
    x = _sequences()
    logits = layers.Dense(3)(x)
    state, node = kc.ConcreteSample(1.0, return_node=True)(logits, num_samples=3)
    lower = kc.BinaryConcreteSample(0.5, sample_axis=True)(layers.Dense(2)(node))
    return keras.Model(x, {"state": state, "lower": lower})


def _cells():
    x = _sequences()
    cell = kc.DiscreteStateCell(5, num_variables=2, num_states=3)
    return keras.Model(x, kc.DiscreteStateRNN(cell)(x))


def _with_gaussian_noise():
    x = _sequences()
    bits = kc.BinaryConcreteSample(0.5)(layers.Dense(4)(x))
    return keras.Model(x, {"z": GaussianNoise()(x), "bits": bits})


class _FixedNoise(layers.Layer):
    """Noise that is the same in each call."""

    def call(self, x):
        return x + keras.random.uniform(ops.shape(x), seed=1)


def _with_fixed_noise():
    x = _sequences()
    bits = kc.BinaryConcreteSample(0.5)(layers.Dropout(0.5)(_FixedNoise()(x)))
    return keras.Model(x, bits)


class _Coins(layers.Layer):
    """States of a distribution of this package, by a generator of one's own."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.generator = keras.random.SeedGenerator(0)

    def call(self, x):
        seed = ops.cast(self.generator.next(), "int32")
        return kc.distributions.Bernoulli(logits=x).sample(seed=seed)

    def compute_output_shape(self, input_shape):
        return input_shape


def _coins():
    x = _sequences()
    return keras.Model(x, _Coins(name="coins")(x))


def _draws_for_rows_and_time_steps_together():
    x = _sequences()
    bits = kc.BinaryConcreteSample(0.5)(ops.reshape(x, (-1, 4)))
    return keras.Model(x, ops.reshape(bits, (-1, 6, 4)))


AT_ONCE = {
    **{name: functools.partial(_before_a_sampler, make) for name, make in LAYERS.items()},
    "one of 3": lambda: _choice(kc.ConcreteSample(1.0)),
    "subset": lambda: _choice(kc.SubsetSample(2, 0.5)),
    "samples": _samples,
    "cells": _cells,
    "Dropout": lambda: _choice(lambda x: kc.ConcreteSample(1.0)(layers.Dropout(0.5)(x))),
}
ONE_BY_ONE = {
    "other noise": _with_gaussian_noise,
    "fixed noise": _with_fixed_noise,
    "a distribution": _coins,
    "time steps first": lambda: time_steps_first(DATA.shape[1:]),
    "rows and time steps": _draws_for_rows_and_time_steps_together,
}
CASES = AT_ONCE | ONE_BY_ONE


@pytest.mark.parametrize("case", CASES)
def test_each_row_is_answered_as_if_alone_whatever_the_batch(case, tmp_path):
    keras.utils.set_random_seed(0)
    signatures = export_and_load(CASES[case](), tmp_path).signatures
    alone = [
        signatures["predict"](x=tf.constant(DATA[i : i + 1]), seed=tf.constant(3 * i - 5))
        for i in range(len(DATA))
    ]
    for size in SIZES:
        rows = signatures["predict_rows"](
            x=tf.constant(DATA[:size]), seeds=3 * tf.range(size) - 5
        )
        for key, values in rows.items():
            expected = np.concatenate([a[key] for a in alone])[:size]
            np.testing.assert_allclose(values, expected, rtol=1e-4, atol=1e-5)
    first, second = ([*map(np.asarray, answer.values())] for answer in alone[:2])
    assert any(not np.array_equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("case", CASES)
def test_rows_are_answered_in_one_pass_where_their_draws_can_be(case):
    endpoint = endpoints(CASES[case]())["predict_rows"]
    function = tf.function(endpoint.function, endpoint.inputs, autograph=False)
    loops_itself = case in ("LSTM", "GRU, both ways")
    nodes = nodes_of(function.get_concrete_function())
    has_loop = any(node.op in ("While", "StatelessWhile") for node in nodes)
    assert has_loop == (case in ONE_BY_ONE or loops_itself)


@pytest.mark.parametrize("case", ["Dense", "time steps first"])
def test_another_number_of_seeds_than_of_rows_is_refused(case, tmp_path):
    model = CASES[case]()
    rows = export_and_load(model, tmp_path).signatures["predict_rows"]
    for size, num_seeds in ((4, 1), (1, 4), (2, 3), (0, 2), (2, 0)):
        with pytest.raises(tf.errors.InvalidArgumentError, match="a seed for each row"):
            rows(x=tf.constant(DATA[:size]), seeds=tf.range(num_seeds))


@pytest.mark.parametrize("jit_compile", [False, True])
def test_rows_of_networks_with_seeds_are_answered_as_if_alone(jit_compile, tmp_path):
    model = kc.SigmoidBeliefNetwork("4H~3H-6V", seed=0)
    kc.export_saved_model(model, tmp_path, jit_compile=jit_compile)
    served = tf.saved_model.load(tmp_path)
    seeds = tf.range(len(IMAGES))
    together = served.encode_rows(x=IMAGES, seeds=seeds)
    backwards = served.encode_rows(IMAGES[::-1], seeds[::-1])
    for row in (0, 3, len(IMAGES) - 1):
        alone = served.encode(x=IMAGES[row : row + 1], seed=seeds[row])
        for name, value in alone.items():
            for answer in (together[name][row], backwards[name][::-1][row]):
                np.testing.assert_allclose(answer, value[0], atol=1e-6, err_msg=name)
    # XLA leaves assertions out, and refuses to reshape.
    message = "Input to reshape" if jit_compile else "a seed for each row"
    for other in (seeds[:1], seeds[1:]):
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            served.encode_rows(x=IMAGES, seeds=other)


def test_endpoints_of_a_loaded_model_take_their_inputs_by_name(tmp_path):
    served = export_and_load(mixed(), tmp_path)
    a, b, seeds = tf.zeros((2, 4)), tf.zeros((2, 6)), tf.range(2)
    rows = served.predict_rows(a=a, b=b, seeds=seeds)
    alone = served.predict(b=b[1:], a=a[1:], seed=seeds[1])
    for key, value in alone.items():
        np.testing.assert_array_equal(rows[key][1:], value)
