"""The SavedModel, loaded by a process that knows TensorFlow only."""

import json
import resource
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from belief_oracle import all_images
from tensorflow.core.protobuf import saved_model_pb2

import keras_concrete as kc

IMAGES = all_images(6)[::5]

CLIENT = """
import json, sys
import numpy as np
import tensorflow as tf

served = tf.saved_model.load(sys.argv[1])
x = tf.constant(np.load(sys.argv[2]))
endpoints = dict(served.signatures)

def call(name, **inputs):
    outputs = endpoints[name](**{k: tf.constant(v) for k, v in inputs.items()})
    return {k: v.numpy().tolist() for k, v in outputs.items()}

answers = {
    "signatures": sorted(endpoints),
    "encode": call("encode", x=x, seed=3),
    "default": call("serving_default", x=x, seed=3),
    "again": call("encode", x=x[:2], seed=3),
    "other": call("encode", x=x, seed=4),
    "decode": call("decode", codes=tf.ones((2, 3))),
    "sample": call("sample", num_samples=4, seed=7),
    "one": call("log_likelihood", x=x, num_samples=1, seed=5),
    "many": call("log_likelihood", x=x, num_samples=5555, seed=5),
    "modules": sorted({"keras_concrete", "tensorflow_probability"} & set(sys.modules)),
}
json.dump(answers, open(sys.argv[3], "w"))
"""


@pytest.fixture(scope="module")
def model():
    model = kc.SigmoidBeliefNetwork("4H~3H-6V", num_samples=2, seed=0)
    model.compile(keras.optimizers.Adam(0.05))
    model.fit(np.repeat(IMAGES, 8, 0), epochs=10, verbose=0)
    return model


@pytest.fixture(scope="module")
def served(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    kc.export_saved_model(model, folder / "saved_model")
    return folder


@pytest.fixture(scope="module")
def answers(served):
    np.save(served / "x.npy", IMAGES)
    arguments = [served / "saved_model", served / "x.npy", served / "answers.json"]
    subprocess.run([sys.executable, "-c", CLIENT, *arguments], check=True, cwd=served)
    return json.loads((served / "answers.json").read_text())


def test_no_operation_calls_python(served):
    content = saved_model_pb2.SavedModel()
    content.ParseFromString((served / "saved_model/saved_model.pb").read_bytes())
    graph = content.meta_graphs[0].graph_def
    nodes = [*graph.node, *(n for f in graph.library.function for n in f.node_def)]
    operations = {node.op for node in nodes}
    assert "MatMul" in operations
    assert not operations & {"PyFunc", "PyFuncStateless", "EagerPyFunc"}


def test_nothing_of_this_package_is_imported_by_the_client(answers):
    assert answers["modules"] == []
    endpoints = ["decode", "encode", "encode_rows", "log_likelihood", "sample"]
    assert answers["signatures"] == [*endpoints, "serving_default"]


def test_equal_seeds_give_the_models_own_answers(model, answers):
    for endpoint, expected in {
        "encode": model.encode(IMAGES, seed=3),
        "default": model.encode(IMAGES, seed=3),
        "decode": model.decode(np.ones((2, 3))),
        "sample": model.sample(4, seed=7),
    }.items():
        assert answers[endpoint].keys() == expected.keys()
        for name, value in expected.items():
            np.testing.assert_allclose(
                answers[endpoint][name], value, atol=1e-5, err_msg=f"{endpoint}/{name}"
            )
    assert answers["other"] != answers["encode"]


def test_the_batch_size_is_free_and_rows_keep_their_codes(answers):
    assert answers["again"]["codes_1"] == answers["encode"]["codes_1"][:2]


def test_codes_are_corners_and_probabilities_are_probabilities(answers):
    encoded = answers["encode"]
    assert {value for row in encoded["codes_2"] for value in row} == {-1.0, 1.0}
    assert np.shape(encoded["probabilities_1"]) == (len(IMAGES), 3)
    assert np.shape(encoded["probabilities_2"]) == (len(IMAGES), 4)
    for value in (encoded["probabilities_1"], answers["sample"]["probabilities"]):
        assert 0 < np.min(value) and np.max(value) < 1


def test_the_bound_of_many_samples_is_that_of_evaluate_bound(model, answers):
    estimate = kc.evaluate_bound(model, IMAGES, 5555, verbose=False)
    error = 2 / np.sqrt(estimate.effective_sample_sizes)
    difference = np.abs(answers["many"]["bound"] - estimate.bounds)
    assert np.all(difference < 4.5 * error) and np.mean(difference) < 0.2
    assert np.mean(answers["one"]["bound"]) < np.mean(answers["many"]["bound"])


@pytest.mark.parametrize("export", [kc.export_saved_model, kc.export_onnx])
def test_on_a_full_disk_the_folder_stays_as_it_was(export, tmp_path):
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
    with pytest.raises(ValueError, match="call it on data first"):
        kc.export_saved_model(model, tmp_path)
    with pytest.raises(ValueError, match="`seed` is an input of the endpoint"):
        seed = keras.Input((1,), name="seed")
        kc.export_saved_model(keras.Model(seed, seed), tmp_path)


def _served(model, folder):
    kc.export_saved_model(model, folder)
    return tf.saved_model.load(folder)


def _mixed():
    """A model of two inputs, with two latent layers and dropout."""
    a, b = keras.Input((4,), name="a"), keras.Input((6,), name="b")
    hidden = keras.layers.Dropout(0.5)(keras.layers.Dense(6)(a))
    bits = kc.BinaryConcreteSample(0.5)(keras.layers.Add()([hidden, b]))
    logits = keras.layers.Reshape((2, 3))(bits)
    choice = kc.ConcreteSample(1.0)(logits)
    return keras.Model({"b": b, "a": a}, {"bits": bits, "choice": choice})


def test_a_functional_model_is_served_with_a_seed(tmp_path):
    model = _mixed()
    served = _served(model, tmp_path / "model")
    a, b = tf.random.normal((64, 4)), tf.zeros((64, 6))
    first, again, other = (
        served.signatures["serving_default"](a=a, b=b, seed=tf.constant(seed))
        for seed in (1, 1, 2)
    )
    assert sorted(first) == ["bits", "choice"]
    assert first["bits"].shape == (64, 6) and first["choice"].shape == (64, 2, 3)
    assert set(np.unique(first["bits"])) == {0, 1}
    np.testing.assert_array_equal(first["bits"], again["bits"])
    np.testing.assert_array_equal(first["choice"], again["choice"])
    assert not np.array_equal(first["bits"], other["bits"])
    # the layers do not share their noise, and equal logits have probability 1/3 each
    assert 0.2 < np.mean(np.asarray(first["choice"])[..., 0]) < 0.5


def test_a_sequential_model_is_served_as_it_predicts(tmp_path):
    model = _hashing()
    served = _served(model, tmp_path / "model")
    x = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    answer = served.signatures["serving_default"](x=x, seed=tf.constant(0))
    np.testing.assert_array_equal(answer["code"], model.predict(x, verbose=0))


def test_a_conditional_network_is_served(tmp_path):
    model = kc.SigmoidBeliefNetwork("3V-4H-5V", seed=0)
    served = _served(model, tmp_path / "model")
    seed, num_samples = tf.constant(3), tf.constant(200)
    x, y = tf.ones((2, 3)), tf.zeros((2, 5))
    bound = served.signatures["log_likelihood"](
        x=x, y=y, num_samples=num_samples, seed=seed
    )
    expected = kc.evaluate_bound(model, (x, y), 200, verbose=False)
    np.testing.assert_allclose(bound["bound"], expected.bounds, atol=0.3)
    sampled = served.signatures["sample"](x=x, num_samples=num_samples, seed=seed)
    assert sampled["probabilities"].shape == (2, 200, 5)
    codes = served.signatures["encode"](x=x, seed=seed)["codes_1"]
    assert codes.shape == (2, 4)


def test_rows_with_seeds_are_answered_as_if_alone(tmp_path):
    model = kc.SigmoidBeliefNetwork("4H~3H-6V", seed=0)
    served = _served(model, tmp_path / "model")
    seeds = tf.range(len(IMAGES))
    together = served.encode_rows(IMAGES, seeds)
    backwards = served.encode_rows(IMAGES[::-1], seeds[::-1])
    for row in (0, 3, len(IMAGES) - 1):
        alone = served.encode(x=IMAGES[row : row + 1], seed=seeds[row])
        for name, value in alone.items():
            for answer in (together[name][row], backwards[name][::-1][row]):
                np.testing.assert_allclose(answer, value[0], atol=1e-6, err_msg=name)


def _hashing():
    """A Sequential model with bits."""
    return keras.Sequential(
        [
            keras.Input((4,), name="x"),
            keras.layers.Dense(8),
            kc.BinaryConcreteSample(2 / 3, inference="mode"),
            kc.HypercubeCode(name="code"),
        ]
    )


@pytest.mark.parametrize(
    ("make", "inputs", "outputs"),
    [
        (_mixed, {"a": "(-1, 4)", "b": "(-1, 6)"}, ["bits", "choice"]),
        (_hashing, {"x": "(-1, 4)"}, ["code"]),
    ],
)
def test_saved_model_cli_shows_names_and_types(make, inputs, outputs, tmp_path):
    kc.export_saved_model(make(), tmp_path)
    cli = [sys.executable, "-m", "tensorflow.python.tools.saved_model_cli"]
    command = [*cli, "show", "--dir", tmp_path, "--tag_set", "serve"]
    command += ["--signature_def", "serving_default"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    words = " ".join(shown.split())
    assert "Method name is: tensorflow/serving/predict" in words
    assert "inputs['seed'] tensor_info: dtype: DT_INT32 shape: ()" in words
    for name, shape in inputs.items():
        expected = f"inputs['{name}'] tensor_info: dtype: DT_FLOAT shape: {shape}"
        assert expected in words
    for name in outputs:
        assert f"outputs['{name}'] tensor_info: dtype: DT_FLOAT shape: (-1" in words


REPLICA = """
import sys
import tensorflow as tf

served = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
for seed in (1, 1, 2):
    answer = served(a=tf.ones((9, 4)), b=tf.zeros((9, 6)), seed=tf.constant(seed))
    print([answer[name].numpy().tolist() for name in sorted(answer)])
"""


def test_two_replicas_repeat_a_request_and_nothing_else(tmp_path):
    kc.export_saved_model(_mixed(), tmp_path)
    command = [sys.executable, "-c", REPLICA, tmp_path]
    replicas = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
    first, second = (replica.communicate()[0].splitlines() for replica in replicas)
    assert first == second and len(first) == 3
    assert first[0] == first[1] != first[2]


def test_xla_gives_the_same_codes(tmp_path):
    model = kc.SigmoidBeliefNetwork("3H-6V", seed=0)
    kc.export_saved_model(model, tmp_path, jit_compile=True)
    served = tf.saved_model.load(tmp_path)
    for rows in (1, 4):
        codes = served.encode(x=IMAGES[:rows], seed=tf.constant(5))["codes_1"]
        np.testing.assert_array_equal(codes, model.encode(IMAGES[:rows], 5)["codes_1"])
    sampled = served.sample(num_samples=tf.constant(7), seed=tf.constant(5))
    np.testing.assert_array_equal(sampled["codes"], model.sample(7, 5)["codes"])


def test_warm_up_requests_are_of_every_endpoint_and_are_answered(tmp_path):
    pytest.importorskip("tensorflow_serving")
    from tensorflow_serving.apis import prediction_log_pb2

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


def _state_and_node():
    x = keras.Input((3,), name="x")
    sampler = kc.BinaryConcreteSample(0.5, inference="mode", return_node=True)
    return keras.Model(x, sampler(x))


def _one_layer_twice():
    x, shared = keras.Input((3,), name="x"), keras.layers.Dense(3, name="shared")
    return keras.Model(x, [shared(x), shared(2 * x)])


def _sequential_of_two_outputs():
    sampler = kc.BinaryConcreteSample(0.5, inference="mode", return_node=True)
    return keras.Sequential([keras.Input((3,), name="x"), sampler])


@pytest.mark.parametrize(
    "make", [_state_and_node, _one_layer_twice, _sequential_of_two_outputs]
)
def test_all_outputs_of_a_layer_are_served(make, tmp_path):
    model, x = make(), np.array([[-1.0, 0.5, 2.0]], "float32")
    kc.export_saved_model(model, tmp_path)
    signature = tf.saved_model.load(tmp_path).signatures["predict"]
    served = signature(x=tf.constant(x), seed=tf.constant(0))
    first, second = sorted(served)
    assert second == f"{first}_1"
    for key, value in zip((first, second), model(x), strict=True):
        np.testing.assert_allclose(served[key], value, rtol=1e-6)
