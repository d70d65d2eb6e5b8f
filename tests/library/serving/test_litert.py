"""On a phone a model draws what it draws here; runtimes that would not, refuse."""

import keras
import numpy as np
import onnxruntime
import openvino
import pytest
import tensorflow as tf
from ai_edge_litert import interpreter as litert

import keras_concrete as kc

X = np.random.default_rng(0).normal(size=(7, 4)).astype("float32")


def _bits_and_choice():
    """Bits, and a choice among three: both kinds of noise."""
    x = keras.Input((4,), name="x")
    bits = kc.BinaryConcreteSample(0.5, seed=1, name="bits")(keras.layers.Dense(6)(x))
    code = kc.HypercubeCode(name="code")(bits)
    logits = keras.layers.Reshape((2, 3))(keras.layers.Dense(6)(code))
    return keras.Model(x, kc.ConcreteSample(1.0, seed=2, name="choice")(logits))


def test_litert_draws_the_bits_of_tensorflow_call_after_call(tmp_path):
    ours = _bits_and_choice()
    ours.export(str(tmp_path / "model.tflite"), format="litert", verbose=False)
    interpreter = litert.Interpreter(str(tmp_path / "model.tflite"))
    # No operation of TensorFlow's own, which a phone would need another library for.
    operations = {op["op_name"] for op in interpreter._get_ops_details()}
    assert "BITWISE_XOR" in operations
    assert not any(name.startswith("Flex") for name in operations)
    run = interpreter.get_signature_runner()
    drawn = []
    for rows in (7, 7, 1, 3):
        (answer,) = run(x=X[:rows]).values()
        np.testing.assert_array_equal(answer, ours(X[:rows]))
        drawn.append(answer)
    assert not np.array_equal(drawn[0], drawn[1])


def test_an_endpoint_with_a_seed_runs_in_litert(tmp_path):
    kc.export_saved_model(_bits_and_choice(), tmp_path)
    converter = tf.lite.TFLiteConverter.from_saved_model(
        str(tmp_path), signature_keys=["predict"]
    )
    run = litert.Interpreter(model_content=converter.convert()).get_signature_runner()
    served = tf.saved_model.load(tmp_path).signatures["predict"]
    for seed in (0, -5, 2**31 - 1):
        expected = served(x=tf.constant(X), seed=tf.constant(seed))["choice"]
        answer = run(x=X, seed=np.int32(seed))["choice"]
        np.testing.assert_array_equal(answer, expected)


def _bits():
    x = keras.Input((4,), name="x")
    return keras.Model(x, kc.BinaryConcreteSample(0.5, name="bits")(x))


def test_openvino_refuses_a_saved_model_whose_words_it_would_take_as_signed(tmp_path):
    kc.export_saved_model(_bits(), tmp_path)
    with pytest.raises(Exception, match=r"No conversion rule .* Bitcast"):
        openvino.convert_model(str(tmp_path))


@pytest.mark.soak  # The same refusal, after half a minute of conversion.
def test_keras_export_to_openvino_refuses_instead_of_freezing_the_noise(tmp_path):
    with pytest.raises(Exception, match=r"No conversion rule .* Bitcast"):
        _bits().export(str(tmp_path / "model.xml"), format="openvino", verbose=False)


# Keras asks for `np.object`, which NumPy 2 has not.
@pytest.mark.filterwarnings("ignore:In the future `np.object`:FutureWarning")
def test_a_file_of_keras_export_to_onnx_whose_noise_is_frozen_does_not_load(tmp_path):
    file = str(tmp_path / "model.onnx")
    model = _bits()
    model(X)
    model.export(file, format="onnx", verbose=False)
    with pytest.raises(Exception, match="Bitcast"):
        onnxruntime.InferenceSession(file)
