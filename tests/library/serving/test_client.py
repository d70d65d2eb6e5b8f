"""The SavedModel, loaded by a process that knows TensorFlow only."""

import json
import subprocess
import sys

import keras
import numpy as np
import pytest
from served_models import IMAGES
from tensorflow.core.protobuf import saved_model_pb2

import keras_concrete as kc

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
    "sample": call("sample", num_images=4, seed=7),
    "one": call("log_likelihood", x=tf.repeat(x, 200, 0), num_samples=1, seed=5),
    "many": call("log_likelihood", x=x, num_samples=5555, seed=5),
    "modules": sorted({"keras_concrete", "tensorflow_probability"} & set(sys.modules)),
}
json.dump(answers, open(sys.argv[3], "w"))
"""


@pytest.fixture(scope="module")
def model():
    model = kc.SigmoidBeliefNetwork("4H~3H-6V", num_samples=2, seed=0)
    model.compile(keras.optimizers.Adam(0.05), jit_compile=False)
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
    # The mean of 2,600 bounds of one sample is far more than six standard errors below.
    one = np.asarray(answers["one"]["bound"])
    error = np.std(one) / np.sqrt(len(one))
    assert np.mean(one) + 6 * error < np.mean(answers["many"]["bound"])
