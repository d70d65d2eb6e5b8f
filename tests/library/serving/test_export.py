"""What an export writes, replaces and refuses."""

import resource
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from served_models import IMAGES, hashing, mixed
from tensorflow_serving.apis import prediction_log_pb2

import keras_concrete as kc


@pytest.mark.reliability
@pytest.mark.parametrize("export", [kc.export_saved_model, kc.export_onnx])
def test_on_a_full_disk_the_folder_stays_as_it_was(export, tmp_path, sums):
    model = keras.Sequential([keras.Input((6,), name="x"), keras.layers.Dense(4000)])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    for before in ([], ["predict.onnx", "predict_rows.onnx"]):
        # To write more to a file fails, as on a full disk.
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
        try:
            with pytest.raises(OSError, match=r"out \(File too large.*Free the disk"):
                export(model, tmp_path / "out")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert sorted(p.name for p in (tmp_path / "out").iterdir()) == before
        row = "exports to a full disk that left the folder as it was"
        sums[row] = sums.get(row, 0) + 1
        kc.export_onnx(model, tmp_path / "out")


def test_a_later_export_takes_the_place_of_an_earlier_one(tmp_path):
    for bias in (0.0, 1.0):
        model = keras.Sequential(
            [keras.Input((2,), name="x"), keras.layers.Dense(1, name="y")]
        )
        model.layers[0].bias.assign([bias])
        kc.export_saved_model(model, tmp_path, warmup_batch_sizes=[1])
    served = tf.saved_model.load(tmp_path).signatures["predict"]
    assert served(x=tf.zeros((1, 2)), seed=tf.constant(0))["y"].numpy() == 1.0
    names = {"assets", "assets.extra", "fingerprint.pb", "saved_model.pb", "variables"}
    assert {path.name for path in tmp_path.iterdir()} <= names


def test_a_model_without_inputs_is_refused(tmp_path):
    model = keras.Sequential([keras.layers.Dense(1)])
    with pytest.raises(ValueError, match="Call a Sequential model on data first"):
        kc.export_saved_model(model, tmp_path)
    with pytest.raises(ValueError, match="`seed` is an input of the endpoint"):
        seed = keras.Input((1,), name="seed")
        kc.export_saved_model(keras.Model(seed, seed), tmp_path)


SHOW = """
import sys
from tensorflow.python.tools.saved_model_cli import main

for folder in sys.argv[1:]:
    print("Model:", folder)
    sys.argv = ["saved_model_cli", "show", "--dir", folder, "--tag_set", "serve"]
    sys.argv += ["--signature_def", "serving_default"]
    try:
        main()
    except SystemExit as end:
        assert not end.code, end.code
"""


def test_saved_model_cli_shows_names_and_types(tmp_path):
    folders = [str(tmp_path / make.__name__) for make in (mixed, hashing)]
    for make, folder in zip((mixed, hashing), folders, strict=True):
        kc.export_saved_model(make(), folder)
    command = [sys.executable, "-c", SHOW, *folders]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    _, *parts = " ".join(shown.split()).split("Model: ")
    for words, inputs, outputs in zip(
        parts,
        ({"a": "(-1, 4)", "b": "(-1, 6)"}, {"x": "(-1, 4)"}),
        (["bits", "choice"], ["code"]),
        strict=True,
    ):
        assert "Method name is: tensorflow/serving/predict" in words
        assert "inputs['seed'] tensor_info: dtype: DT_INT32 shape: ()" in words
        for name, shape in inputs.items():
            expected = f"inputs['{name}'] tensor_info: dtype: DT_FLOAT shape: {shape}"
            assert expected in words
        for name in outputs:
            assert f"outputs['{name}'] tensor_info: dtype: DT_FLOAT shape: (-1" in words


def test_xla_gives_the_same_codes(tmp_path):
    model = kc.SigmoidBeliefNetwork("3H-6V", seed=0)
    kc.export_saved_model(model, tmp_path, jit_compile=True)
    served = tf.saved_model.load(tmp_path)
    for rows in (1, 4):
        codes = served.encode(x=IMAGES[:rows], seed=tf.constant(5))["codes_1"]
        np.testing.assert_array_equal(codes, model.encode(IMAGES[:rows], 5)["codes_1"])
    sampled = served.sample(num_images=tf.constant(7), seed=tf.constant(5))
    np.testing.assert_array_equal(sampled["codes"], model.sample(7, 5)["codes"])


def test_warm_up_requests_are_of_every_endpoint_and_are_answered(tmp_path):
    kc.export_saved_model(
        kc.SigmoidBeliefNetwork("3H-6V"), tmp_path, warmup_batch_sizes=(1, 3)
    )
    file = tmp_path / "assets.extra" / "tf_serving_warmup_requests"
    signatures = tf.saved_model.load(tmp_path).signatures
    asked = []
    for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator():
        request = prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
        name = request.model_spec.signature_name
        inputs = {key: tf.make_ndarray(value) for key, value in request.inputs.items()}
        signatures[name](**{key: tf.constant(value) for key, value in inputs.items()})
        asked.append((name, max([len(v) for v in inputs.values() if v.ndim] or [0])))
    assert {name for name, _ in asked} == set(signatures) - {"serving_default"}
    assert ("encode", 1) in asked and ("encode_rows", 3) in asked


def test_noise_that_no_seed_determines_is_refused(tmp_path):
    class Careless(keras.layers.Layer):
        def call(self, x):
            return x + tf.random.normal(tf.shape(x))

    class Global(keras.layers.Layer):
        def call(self, x):
            return x + keras.random.normal(keras.ops.shape(x))

    class Generator(keras.layers.Layer):
        def build(self, input_shape):
            self.generator = tf.random.Generator.from_seed(0)

        def call(self, x):
            return x + self.generator.normal(tf.shape(x))

    for layer in (Careless, Global, Generator):
        x = keras.Input((3,))
        with pytest.raises(ValueError, match="that its inputs do not determine"):
            kc.export_saved_model(keras.Model(x, layer()(x)), tmp_path)
