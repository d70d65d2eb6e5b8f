"""Which models become ONNX, and what is said of the others."""

import keras
import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
from keras import layers, ops
from served_models import GaussianNoise, time_steps_first

import keras_concrete as kc
from keras_concrete.serving.endpoints import endpoints

DATA = np.random.default_rng(0)


def _sequential(*parts, shape=(4,)):
    return keras.Sequential([keras.Input(shape, name="x"), *parts])


def _shared():
    x, dense = keras.Input((4,), name="x"), layers.Dense(3)
    return keras.Model(x, [dense(x), dense(2 * x)])


def _nested_with_schedule():
    x = keras.Input((4,), name="x")
    inner = _sequential(layers.Dense(3, activation="gelu"))
    warm = kc.ExponentialAnnealing(1.0, rate=1e-3)
    return keras.Model(x, kc.BinaryConcreteSample(warm)(inner(x)))


def _scored_choice():
    logits = keras.Input((2, 3), name="x")
    state, node = kc.ConcreteSample(1.0, return_node=True)(logits)
    score = kc.ConcreteLogProb(1.0, num_states=3)(node, logits)
    return keras.Model(logits, {"state": state, "score": score})


CONVERTED = {
    "normalization with constants": lambda: _sequential(
        layers.Normalization(mean=[0.0, 1, 2, 3], variance=[1.0, 1, 2, 2])
    ),
    "shared layer": _shared,
    "nested model, schedule and gelu": _nested_with_schedule,
    "score of a choice": _scored_choice,
}


@pytest.mark.parametrize("make", CONVERTED.values(), ids=CONVERTED)
def test_every_endpoint_answers_as_tensorflow_does_for_any_batch(make, tmp_path):
    model = make()
    kc.export_onnx(model, tmp_path)  # Without a warning, which pytest makes an error.
    for name, endpoint in endpoints(model).items():
        session = onnxruntime.InferenceSession(tmp_path / f"{name}.onnx")
        names = [output.name for output in session.get_outputs()]
        for rows in (0, 1, 3):
            inputs = {k: np.asarray(v) for k, v in endpoint.example(rows).items()}
            inputs["x"] = DATA.normal(size=inputs["x"].shape).astype("float32")
            function = endpoint.function
            expected = function(*map(tf.constant, inputs.values()))
            answer = dict(zip(names, session.run(None, inputs), strict=True))
            assert answer.keys() == expected.keys()
            assert {len(value) for value in answer.values()} == {rows}
            for key, value in expected.items():
                np.testing.assert_allclose(answer[key], value, rtol=1e-4, atol=1e-5)


def test_a_network_of_several_states_is_scored_in_onnx(tmp_path):
    model = kc.SigmoidBeliefNetwork("4H-6V", arity=4, seed=0)
    kc.export_onnx(model, tmp_path)
    session = onnxruntime.InferenceSession(tmp_path / "log_likelihood.onnx")
    function = endpoints(model)["log_likelihood"].function
    x = DATA.integers(0, 2, (3, 6)).astype("float32")
    for rows, number in ((3, 150), (1, 1)):
        arguments = x[:rows], np.array(number, "int32"), np.array(7, "int32")
        inputs = dict(zip(("x", "num_samples", "seed"), arguments, strict=True))
        expected = function(*map(tf.constant, arguments))["bound"]
        np.testing.assert_allclose(session.run(None, inputs)[0], expected, atol=1e-4)
    inputs |= {"x": x[:0]}
    assert session.run(None, inputs)[0].shape == (0,)
    for number in (0, -1):
        inputs |= {"x": x, "num_samples": np.array(number, "int32")}
        assert np.isnan(session.run(None, inputs)[0]).all()


class _Gamma(layers.Layer):
    def call(self, x):
        return tf.math.lgamma(x)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (GaussianNoise(name="culprit"), (4,)),
        (_Gamma(name="culprit"), (4,)),
        (layers.Conv2D(4, 3, groups=2, name="culprit"), (4, 4, 2)),
    ],
)
def test_the_layer_that_onnx_cannot_express_is_named(layer, shape, tmp_path):
    model = _sequential(layer, layers.Flatten(name="innocent"), shape=shape)
    with pytest.raises(ValueError, match=r"`predict` .* the layer `culprit`: .*Export a"):
        kc.export_onnx(model, tmp_path / "out")
    assert not (tmp_path / "out").exists()


class _Loop(layers.Layer):
    def call(self, x):
        return ops.while_loop(lambda i, _: i < 3, lambda i, y: (i + 1, y * 1.5), (0, x))[
            1
        ]


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (_Loop(), (4,)),
        (layers.LSTM(3), (5, 4)),
        (layers.GRU(3), (5, 4)),
        (layers.SimpleRNN(3), (5, 4)),
        (layers.SeparableConv2D(3, 3), (5, 5, 2)),
        (layers.EinsumDense("abc,cd->abd", (None, 3)), (5, 4)),
    ],
)
def test_rows_are_answered_through_loops_and_products_too(layer, shape, tmp_path):
    sampler = kc.BinaryConcreteSample(0.5, return_node=True)
    kc.export_onnx(_sequential(layer, sampler, shape=shape), tmp_path)
    _check_rows(tmp_path, DATA.normal(size=(3, *shape)).astype("float32"))


def _check_rows(folder, x):
    """Holds each row to what it is answered alone."""
    rows, predict = (
        onnxruntime.InferenceSession(folder / f"{name}.onnx")
        for name in ("predict_rows", "predict")
    )
    seeds = np.arange(len(x), dtype="int32")
    together = rows.run(None, {"x": x, "seeds": seeds})
    for row, seed in enumerate(seeds):
        alone = predict.run(None, {"x": x[row : row + 1], "seed": np.array(seed)})
        for answer, expected in zip(together, alone, strict=True):
            np.testing.assert_allclose(answer[row], expected[0], rtol=1e-4, atol=1e-5)


def test_rows_that_are_answered_one_by_one_are_converted(tmp_path):
    kc.export_onnx(time_steps_first((5, 4)), tmp_path)
    _check_rows(tmp_path, DATA.normal(size=(3, 5, 4)).astype("float32"))


class _GammaDecoder(kc.SigmoidBeliefNetwork):
    def decode(self, codes):
        return {"probabilities": tf.math.lgamma(codes)}


def test_what_converts_is_written_and_the_rest_named(tmp_path):
    (tmp_path / "decode.onnx").write_bytes(b"of an earlier export")
    with pytest.warns(UserWarning, match=r"cannot be written .* left out") as warned:
        kc.export_onnx(_GammaDecoder("3H-4V", seed=0), tmp_path)
    named = [str(warning.message).split("`")[1] for warning in warned]
    assert named == ["decode", "sample"]
    written = {"encode.onnx", "encode_rows.onnx", "log_likelihood.onnx"}
    assert {path.name for path in tmp_path.iterdir()} == written


def test_an_input_and_an_output_of_one_name_are_refused(tmp_path):
    x = keras.Input((4,), name="x")
    with pytest.raises(ValueError, match="are both named 'x'"):
        kc.export_onnx(keras.Model(x, {"x": layers.Dense(1)(x)}), tmp_path)


def test_a_layer_in_bfloat16_is_refused_by_name(tmp_path):
    model = _sequential(layers.Dense(2, dtype="mixed_bfloat16", name="half"))
    with pytest.raises(ValueError, match="the layer `half` of mixed_bfloat16"):
        kc.export_onnx(model, tmp_path)
