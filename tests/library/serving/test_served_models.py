"""What a served model answers, endpoint by endpoint."""

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from served_models import export_and_load, hashing, mixed

import keras_concrete as kc


def test_a_functional_model_is_served_with_a_seed(tmp_path):
    model = mixed()
    served = export_and_load(model, tmp_path / "model")
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
    model = hashing()
    served = export_and_load(model, tmp_path / "model")
    x = np.random.default_rng(0).normal(size=(5, 4)).astype("float32")
    answer = served.signatures["serving_default"](x=x, seed=tf.constant(0))
    np.testing.assert_array_equal(answer["code"], model.predict(x, verbose=0))


def test_a_conditional_network_is_served(tmp_path):
    model = kc.SigmoidBeliefNetwork("3V-4H-5V", seed=0)
    served = export_and_load(model, tmp_path / "model")
    seed, num_samples = tf.constant(3), tf.constant(200)
    x, y = tf.ones((2, 3)), tf.zeros((2, 5))
    bound = served.signatures["log_likelihood"](
        x=x, y=y, num_samples=num_samples, seed=seed
    )
    expected = kc.evaluate_bound(model, (x, y), 200, verbose=False)
    np.testing.assert_allclose(bound["bound"], expected.bounds, atol=0.3)
    sampled = served.signatures["sample"](x=x, num_images=num_samples, seed=seed)
    assert sampled["probabilities"].shape == (2, 200, 5)
    codes = served.signatures["encode"](x=x, seed=seed)["codes_1"]
    assert codes.shape == (2, 4)


REPLICA = """
import tensorflow as tf

def answers(folder):
    served = tf.saved_model.load(folder).signatures["serving_default"]
    for seed in (1, 1, 2):
        answer = served(a=tf.ones((9, 4)), b=tf.zeros((9, 6)), seed=tf.constant(seed))
        yield str([answer[name].numpy().tolist() for name in sorted(answer)])
"""


def test_two_replicas_repeat_a_request_and_nothing_else(tmp_path):
    """This process, and one that knows TensorFlow only."""
    kc.export_saved_model(mixed(), tmp_path)
    program = f"{REPLICA}\nprint(*answers({str(tmp_path)!r}), sep='\\n')"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    here = {}
    exec(REPLICA, here)
    first, second = list(here["answers"](str(tmp_path))), done.stdout.splitlines()
    assert first == second and len(first) == 3
    assert first[0] == first[1] != first[2]


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
