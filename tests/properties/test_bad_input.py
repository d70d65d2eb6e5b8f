"""Bad input at every public door: one clear sentence, before any work is lost.

A sentence names the argument, says what was given and what is accepted or what to do.
"""

import inspect
import re

import bad_arguments
import bad_choices
import bad_codes
import bad_data
import bad_settings
import keras
import numpy as np
import pytest
import tensorflow as tf
from bad_arguments import BAD_ARGUMENTS, BINARY, network
from bad_choices import BAD_CHOICES
from bad_codes import BAD_CODES
from bad_data import BAD_DATA, IMAGES, NAN, bound
from bad_settings import BAD_SETTINGS

import keras_concrete as kc
from keras_concrete.experiments.run_folder import RunFolder
from keras_concrete.experiments.training_config import TrainingConfig
from keras_concrete.networks import density

# What is done, and the sentence that must answer it.
CASES = BAD_ARGUMENTS | BAD_CHOICES | BAD_CODES | BAD_DATA | BAD_SETTINGS


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_answered_by_one_clear_sentence(case):
    do, message = CASES[case]
    # A tensor that is left out is Python's to answer.
    kind = TypeError if message.startswith("missing a required") else ValueError
    with pytest.raises(kind, match=f"(?s){message}"):
        do()


def test_there_are_a_hundred_cases_and_each_public_thing_has_one():
    assert len(CASES) >= 100
    modules = (bad_arguments, bad_choices, bad_codes, bad_data, bad_settings)
    text = "".join(inspect.getsource(module) for module in modules)
    # Of no arguments of their own, or checked by Keras.
    free = {"BoundEstimate", "NegativeBound", "TemperatureLog", "export_onnx"}
    free |= {"Dataset", "DatasetUnavailableError", "LatentVariableModel"}
    free |= {"TemperatureAdvice", "distributions"}
    free |= {"Finding", "GradientReport", "GradientRow", "ModelCard", "smoothed_mean"}
    has_case = re.compile(r"\bkc\.(\w+)\b").findall(text)
    assert set(kc.__all__) - set(has_case) == free


def test_data_are_looked_at_once_and_not_in_the_step(monkeypatch):
    seen = []
    monkeypatch.setattr(density, "check_images", lambda *a: seen.append(a[0]))
    network().fit(IMAGES, batch_size=2, epochs=3, verbose=0)
    assert seen == ["x"]
    bound(IMAGES)
    assert seen == ["x", "x"]


@pytest.mark.parametrize("export", [kc.export_saved_model, kc.export_onnx])
def test_a_folder_that_cannot_be_written_is_told_by_its_name(export, tmp_path):
    (tmp_path / "file").touch()
    file = tmp_path / "file"
    for path, reason in ((file, "File exists"), (file / "a", "Not a directory")):
        with pytest.raises(OSError, match=f"{path} cannot be made .*{reason}.*another"):
            export(_affine(), path)


def _affine():
    return keras.Sequential([keras.Input((6,), name="x"), keras.layers.Dense(1)])


@pytest.mark.parametrize(
    ("layer", "logits"),
    [
        (kc.BinaryConcreteSample(1.0), keras.ops.sigmoid),
        (kc.ConcreteSample(1.0), keras.ops.softmax),
    ],
)
def test_probabilities_passed_as_logits_are_told_once(layer, logits):
    values = np.random.default_rng(0).normal(0, 2, (8, 4)).astype("float32")
    layer(values)
    with pytest.warns(UserWarning, match=f"layer '{layer.name}' look like probabilities"):
        layer(logits(values))
    layer(logits(values))
    # In a graph nobody can look, and starting values are no probabilities.
    tf.function(type(layer)(1.0))(logits(values))
    type(layer)(1.0)(np.zeros((8, 4), "float32"))


def test_nothing_was_trained_when_data_were_refused():
    model = network()
    before = [np.asarray(w) for w in model.weights]
    with pytest.raises(ValueError, match="`x` must hold"):
        model.fit(IMAGES, validation_data=(NAN,), verbose=0)
    for old, new in zip(before, model.weights, strict=True):
        np.testing.assert_array_equal(old, new)


def test_numbers_of_numpy_are_numbers(tmp_path):
    temperature, two = np.float32(0.5), np.int64(2)
    layer = kc.BinaryConcreteSample(temperature, num_samples=two, seed=0)
    model = keras.Sequential([keras.Input((3,)), layer])
    assert model.output_shape == (None, 2, 3)
    model.save(tmp_path / "model.keras")
    revived = keras.models.load_model(tmp_path / "model.keras").layers[-1]
    assert (revived.temperature, revived.num_samples) == (0.5, 2)
    four = np.int64(4)
    bits = kc.HypercubeCode(four)(np.eye(4, dtype="float32")[None])
    assert kc.Centering(temperature)(bits).shape == (1, 8)
    assert kc.LearnedLogits(two, four)(bits).shape == (1, 2, 4)
    assert kc.ConcreteLogProb(temperature, four).num_states == 4
    network = kc.SigmoidBeliefNetwork("4H-6V", arity=four, seed=two)
    network.save(tmp_path / "network.keras")
    seeded = kc.BinaryConcreteSample(temperature, seed=two)
    np.testing.assert_array_equal(
        seeded(BINARY), kc.BinaryConcreteSample(0.5, seed=2)(BINARY)
    )
    config = TrainingConfig(epochs=two, learning_rate=temperature, seed=two)
    folder = RunFolder(tmp_path)
    folder.create(config)
    assert folder.config() == config
