"""One seed, one answer: TensorFlow, ONNX Runtime and OpenVINO beside one another."""

import itertools

import keras
import numpy as np
import onnxruntime
import openvino
import pytest
import tensorflow as tf
from keras import ops
from scipy import special

import keras_concrete as kc
from keras_concrete import noise
from keras_concrete.serving.endpoint import Endpoint
from keras_concrete.serving.onnx_conversion import to_onnx

X = np.random.default_rng(0).integers(0, 2, (40, 6)).astype("float32")
REQUESTS = {
    "encode": {"x": X, "seed": np.int32(-3)},
    "encode_rows": {"x": X, "seeds": np.arange(-20, 20, dtype="int32")},
    "decode": {"codes": np.sign(X[:, :3] - 0.5)},
    "sample": {"num_images": np.int32(33), "seed": np.int32(2**31 - 1)},
    "log_likelihood": {"x": X, "num_samples": np.int32(250), "seed": np.int32(7)},
}


def _by_onnxruntime(file, inputs):
    session = onnxruntime.InferenceSession(file)
    names = [output.name for output in session.get_outputs()]
    arrays = {name: np.asarray(value) for name, value in inputs.items()}
    return dict(zip(names, session.run(names, arrays), strict=True))


def _by_openvino(file, inputs):
    core = openvino.Core()
    # By default it computes in what is fastest, on some processors in 16 bits.
    exact = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = core.compile_model(core.read_model(file), "CPU", exact)
    # One output may have several names, those within the graph among them.
    return {n: value for key, value in compiled(inputs).items() for n in key.names}


RUNTIMES = {"onnxruntime": _by_onnxruntime, "openvino": _by_openvino}


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("onnx")
    model = kc.SigmoidBeliefNetwork("3H-6V", seed=0)
    kc.export_onnx(model, folder)
    kc.export_saved_model(model, folder / "saved_model")
    return folder, tf.saved_model.load(folder / "saved_model").signatures


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("endpoint", REQUESTS)
def test_runtimes_give_the_same_codes_and_probabilities(exported, endpoint, runtime):
    if (endpoint, runtime) == ("log_likelihood", "openvino"):
        pytest.skip("OpenVINO does not read ONNX loops with values from outside")
    folder, signatures = exported
    inputs = REQUESTS[endpoint]
    expected = signatures[endpoint](**{k: tf.constant(v) for k, v in inputs.items()})
    answer = RUNTIMES[runtime](folder / f"{endpoint}.onnx", inputs)
    assert answer.keys() >= expected.keys()
    for name, value in expected.items():
        if name.startswith("codes"):
            np.testing.assert_array_equal(answer[name], value, err_msg=name)
        else:
            atol = 1e-4 if name == "bound" else 1e-6
            np.testing.assert_allclose(answer[name], value, atol=atol, err_msg=name)


def test_words_and_floats_of_the_noise_are_equal_bit_for_bit(tmp_path):
    def draw(seed):
        key = noise.key_from_seed(seed)
        words, _ = noise.threefry_2x32(key, (tf.range(1000), tf.ones(1000, tf.int32)))
        tiny = tf.pow(10.0, -tf.range(30, dtype=tf.float32))
        return {
            "words": tf.cast(words, "int32"),
            "uniform": noise.uniform((1000,), key),
            "gumbel": noise.gumbel((1000,), key),
            "log1p": ops.log1p(-tiny / 2),
            "erfc": tf.math.erfc(tf.linspace(-4.0, 4.0, 50)),
            "chosen": ops.where(tiny > 1e-9, tiny, ops.log(ops.zeros_like(tiny) * tiny)),
        }

    inputs = (tf.TensorSpec((), tf.int32, name="seed"),)
    file = tmp_path / "draw.onnx"
    file.write_bytes(to_onnx(Endpoint(draw, inputs), "draw"))
    for seed, run in itertools.product((0, -1, 2**31 - 1), RUNTIMES.values()):
        expected = draw(tf.constant(seed))
        answer = run(file, {"seed": np.int32(seed)})
        for name in ("words", "uniform"):
            np.testing.assert_array_equal(answer[name], expected[name], err_msg=name)
        for name in ("gumbel", "log1p", "erfc", "chosen"):
            np.testing.assert_allclose(answer[name], expected[name], rtol=2e-6, atol=1e-6)


def test_a_model_of_ones_own_is_converted(tmp_path):
    a = keras.Input((4,), name="a")
    logits = keras.layers.Reshape((2, 3))(keras.layers.Dense(6)(a))
    choice = kc.ConcreteSample(1.0, name="choice")(logits)
    codes = kc.CategoricalCodebook(5, 3, name="codes")(logits)
    model = keras.Model(a, {"choice": choice, "codes": codes})
    kc.export_onnx(model, tmp_path)
    kc.export_saved_model(model, tmp_path / "saved_model")
    predict = tf.saved_model.load(tmp_path / "saved_model").signatures["predict"]
    x = np.random.default_rng(0).normal(size=(100, 4)).astype("float32")
    expected = predict(a=x, seed=tf.constant(11))
    for run in RUNTIMES.values():
        answer = run(tmp_path / "predict.onnx", {"a": x, "seed": np.int32(11)})
        for name in ("choice", "codes"):
            np.testing.assert_array_equal(answer[name], expected[name])


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_functions_that_onnx_lacks_are_right_in_their_tails(runtime, tmp_path):
    class Tails(keras.Layer):
        def call(self, x):
            return ops.stack([ops.log1p(ops.maximum(x, -0.5)), tf.math.erfc(x)], axis=1)

    x = np.float32([-9, -3, -0.5, 0, 1e-8, 0.5, 1, 1.5, 2, 4.5, 9, 1e30, np.inf])
    inputs = keras.Input((len(x),), name="x")
    kc.export_onnx(keras.Model(inputs, Tails(name="tails")(inputs)), tmp_path)
    arguments = {"x": x[None], "seed": np.int32(0)}
    (values,) = RUNTIMES[runtime](tmp_path / "predict.onnx", arguments)["tails"]
    wide = np.float64(x)
    np.testing.assert_allclose(values[0], np.log1p(np.maximum(wide, -0.5)), rtol=1e-6)
    np.testing.assert_allclose(values[1], special.erfc(wide), rtol=1e-5, atol=1e-37)
