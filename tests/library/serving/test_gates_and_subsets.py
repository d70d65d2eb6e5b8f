"""Gates, masks and subsets served: as SavedModel, by ONNX Runtime and by OpenVINO."""

import keras
import numpy as np
import onnxruntime
import openvino
import pytest
import tensorflow as tf

import keras_concrete as kc
from keras_concrete.serving.endpoints import endpoints
from keras_concrete.serving.onnx_conversion import to_onnx

X = np.random.default_rng(0).normal(size=(60, 6)).astype("float32")


@pytest.fixture(scope="module")
def model():
    x = keras.Input((6,), name="x")
    start = keras.initializers.Constant([9.0, -9.0, 0.5, 9.0, 1.0, -9.0])
    gated = kc.HardConcrete(logits_initializer=start, name="gated")(x)
    masked = kc.StateMask()(gated, np.array([True, True, False, True, True, True]))
    slots = kc.SubsetSample(3, 0.5, ordered=True, name="slots")(masked)
    return keras.Model(x, {"gated": gated, "slots": slots})


def test_a_served_model_answers_by_its_seed(model, tmp_path):
    kc.export_saved_model(model, tmp_path)
    predict = tf.saved_model.load(tmp_path).signatures["predict"]
    one, again, other = (predict(x=X, seed=tf.constant(seed)) for seed in (1, 1, 2))
    for name, value in one.items():
        np.testing.assert_array_equal(value, again[name])
    np.testing.assert_allclose(one["gated"], X * model.get_layer("gated").gates)
    assert not np.array_equal(one["slots"], other["slots"])
    slots = one["slots"].numpy()
    assert np.all(slots.sum(-1) == 1) and np.all(slots.sum(-2) <= 1)
    assert np.all(slots[..., 2] == 0)


def test_other_runtimes_choose_the_same(model, tmp_path):
    endpoint = endpoints(model)["predict"]
    file = tmp_path / "predict.onnx"
    file.write_bytes(to_onnx(endpoint, "predict"))
    inputs = {"x": X, "seed": np.asarray(7, "int32")}
    expected = endpoint.function(tf.constant(X), tf.constant(7))
    session = onnxruntime.InferenceSession(file)
    names = [output.name for output in session.get_outputs()]
    by_onnx = dict(zip(names, session.run(names, inputs), strict=True))
    precise = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = openvino.Core().compile_model(str(file), "CPU", precise)
    by_openvino = {n: v for key, v in compiled(inputs).items() for n in key.names}
    for answer in (by_onnx, by_openvino):
        for name, value in expected.items():
            np.testing.assert_allclose(answer[name], value, rtol=1e-6, err_msg=name)
