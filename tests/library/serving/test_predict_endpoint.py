"""Which models of one's own can be served, and by which names."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from served_models import export_and_load

import keras_concrete as kc
from keras_concrete.serving.endpoints import endpoints
from keras_concrete.serving.predict_endpoint import predict_endpoint
from keras_concrete.serving.traced import traced


def _of_inputs(*names):
    inputs = [keras.Input((2,), name=name) for name in names]
    return keras.Model(inputs, keras.layers.Concatenate(name="y")([*inputs, inputs[0]]))


@pytest.mark.parametrize(
    "names",
    [
        *[("x:0",), ("class",), ("None",), ("self",), ("_x",), ("0a",), ("a b",), ("é",)],
        *[("a-b", "a_b"), ("a.b",), ("a", "A")],
    ],
)
def test_names_that_a_signature_cannot_have_are_refused_in_one_sentence(names):
    with pytest.raises(ValueError, match=r"must have names of letters.*Received: '"):
        endpoints(_of_inputs(*names))


@pytest.mark.parametrize("name", ["X", "imageA", "x_1", "training", "name"])
def test_other_names_are_those_of_the_signature(name, tmp_path):
    served = export_and_load(_of_inputs(name), tmp_path).signatures["predict"]
    assert set(served.structured_input_signature[1]) == {name, "seed"}


@pytest.mark.parametrize("inside", [lambda x: {"q": x}, lambda x: [x, x]])
def test_nested_outputs_are_refused_in_one_sentence(inside):
    x = keras.Input((2,), name="x")
    y = keras.layers.Dense(1)(x)
    with pytest.raises(ValueError, match="with no dict or list inside"):
        endpoints(keras.Model(x, {"p": inside(y), "r": y}))


def test_recurrent_layers_take_sequences_of_any_length(tmp_path):
    layers = [keras.Input((None, 2), name="x"), keras.layers.LSTM(3, name="y")]
    model = keras.Sequential(layers)
    served = export_and_load(model, tmp_path)
    for length in (1, 4):
        x = tf.random.stateless_normal((3, length, 2), (0, length))
        answer = served.signatures["predict"](x=x, seed=tf.constant(0))["y"]
        np.testing.assert_allclose(answer, model(x), rtol=1e-5, atol=1e-6)


def test_rows_of_an_empty_batch_are_answered_by_none(tmp_path):
    model = keras.Sequential(
        [
            keras.Input((4, 4, 2), name="x"),
            keras.layers.Conv2D(4, 3, groups=2),
            keras.layers.Flatten(),
            kc.BinaryConcreteSample(0.5, name="bits"),
        ]
    )
    signatures = export_and_load(model, tmp_path).signatures
    for rows in (0, 2):
        x, seeds = tf.ones((rows, 4, 4, 2)), tf.zeros((rows,), tf.int32)
        answer = signatures["predict_rows"](x=x, seeds=seeds)
        assert answer["bits"].shape == (rows, 16)
        answer = signatures["predict"](x=x, seed=tf.constant(0))
        assert answer["bits"].shape == (rows, 16)


def test_a_row_with_nan_is_answered_with_nan_and_the_others_as_ever(tmp_path):
    x = keras.Input((3,), name="x")
    bits = kc.BinaryConcreteSample(0.5)(x)
    choice = kc.ConcreteSample(1.0)(keras.layers.Reshape((1, 3))(x))
    outputs = {"bits": bits, "code": kc.HypercubeCode()(bits), "choice": choice}
    served = export_and_load(keras.Model(x, outputs), tmp_path)
    good = np.random.default_rng(0).normal(size=(2, 3)).astype("float32")
    bad = np.concatenate([good, np.full((1, 3), np.nan, "float32")])
    for endpoint, seeds in ((served.predict, 0), (served.predict_rows, [0, 1, 2])):
        answer = endpoint(bad, tf.constant(seeds))
        expected = endpoint(good, tf.constant(seeds if seeds == 0 else seeds[:2]))
        for key, value in expected.items():
            np.testing.assert_array_equal(answer[key][:2], value)
            assert np.isnan(answer[key][2]).all(), key


def test_a_model_that_was_first_called_on_data_is_served_for_any_batch(tmp_path):
    layers = [keras.layers.Dense(4), kc.BinaryConcreteSample(0.5, name="code")]
    model = keras.Sequential(layers)
    x = np.zeros((50, 4), "float32")
    model(x[:1])
    signatures = export_and_load(model, tmp_path).signatures
    [name] = {"seed"} ^ set(signatures["predict"].structured_input_signature[1])
    rows = signatures["predict"](**{name: x, "seed": tf.constant(1)})["code"]
    assert rows.shape == (50, 4) and len(np.unique(rows, axis=0)) == 16
    seeds = tf.range(50)
    rows = signatures["predict_rows"](**{name: x, "seeds": seeds})["code"]
    assert rows.shape == (50, 4) and len(np.unique(rows, axis=0)) > 10


OF_NO_ROWS = {
    "a number": keras.ops.mean,
    "a mean over the batch": lambda z: keras.ops.mean(z, axis=0),
    "pixels of all rows": lambda z: keras.ops.reshape(z, (-1, 2)),
}


@pytest.mark.parametrize("case", OF_NO_ROWS)
def test_outputs_that_are_no_rows_are_served_for_the_batch_alone(case, tmp_path):
    x = keras.Input((4,), name="x")
    bits = kc.BinaryConcreteSample(0.5, name="bits")(keras.layers.Dense(8)(x))
    model = keras.Model(x, {"bits": bits, "other": OF_NO_ROWS[case](bits)})
    signatures = export_and_load(model, tmp_path).signatures
    assert set(signatures) == {"serving_default", "predict"}
    answer = signatures["predict"](x=tf.ones((3, 4)), seed=tf.constant(0))
    expected = OF_NO_ROWS[case](answer["bits"])
    np.testing.assert_allclose(answer["other"], expected, rtol=1e-6)
    answer = signatures["predict"](x=tf.ones((0, 4)), seed=tf.constant(0))
    np.testing.assert_array_equal(answer["other"], OF_NO_ROWS[case](answer["bits"]))


def test_a_model_that_calls_python_is_refused():
    class OfThisProcess(keras.Layer):
        def call(self, x):
            return tf.reshape(tf.numpy_function(np.cbrt, [x], tf.float32), tf.shape(x))

        def compute_output_shape(self, shape):
            return shape

    inputs = keras.Input((3,))
    model = keras.Model(inputs, OfThisProcess()(inputs))
    with pytest.raises(ValueError, match=r"calls Python.* that uses PyFunc"):
        traced(predict_endpoint(model), "predict")
