"""Loading is safe: nothing that is saved needs code to load, and none can be put in."""

import io
import json
import marshal
import os
import pickle
import sys
import zipfile

import h5py
import keras
import numpy as np
import pytest
from payloads import PAYLOADS, PLACES, TRACE, Pickled, be_all
from typer.testing import CliRunner

import keras_concrete as kc
from keras_concrete import datasets
from keras_concrete.experiments import command_line
from keras_concrete.experiments.run_folder import RunFolder
from keras_concrete.experiments.training_config import TrainingConfig


def network():
    model = kc.SigmoidBeliefNetwork("3H~3H-6V", seed=0, kernel_regularizer="l2")
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.1, 9)))
    model.optimizer.build(model.trainable_variables)
    return model


def own_model():
    """One of each layer, as in a model of one's own."""
    x = keras.Input((6,))
    logits = keras.layers.Reshape((2, 4))(keras.layers.Dense(8)(x))
    warm = kc.ExponentialAnnealing(1.0, rate=1e-3)
    sampler = kc.ConcreteSample(warm, num_samples=2, return_node=True)
    state, node = sampler(logits)
    prior = kc.LearnedLogits(2, num_states=4)(x)
    options = {"num_states": 4, "sample_axis": True}
    log_q = kc.ConcreteLogProb(warm, **options)(node, logits)
    log_p = kc.ConcreteLogProb(0.5, **options)(node, prior)
    kl = kc.RelaxedKL(posterior_temperature=warm, prior_temperature=0.5, **options)
    kl = kl(node, logits, prior)
    codes = kc.Centering()(kc.HypercubeCode(4)(state))
    log_x = kc.BernoulliLogLikelihood(sample_axis=True)(x, keras.layers.Dense(6)(codes))
    bound = kc.MultiSampleBound()([log_x, log_p], log_q)
    bits = kc.BinaryConcreteSample(0.5)(keras.layers.Dense(3, activation="tanh")(x))
    model = keras.Model(x, {"bound": bound, "bits": bits, "kl": kl})
    model.compile("adam", loss={"bound": kc.NegativeBound()})
    model.optimizer.build(model.trainable_variables)
    return model


MODELS = {"network": network, "own model": own_model}


# --- Nothing that is saved needs code -----------------------------------------------


def _named(content):
    """All parts of a configuration that name a class or a function."""
    if isinstance(content, dict):
        if "class_name" in content:
            yield content
        content = list(content.values())
    if isinstance(content, list):
        for part in content:
            yield from _named(part)


@pytest.mark.parametrize("name", MODELS)
def test_what_is_saved_is_numbers_and_names_of_registered_classes(name, monkeypatch):
    MODELS[name]().save("model.keras")
    with zipfile.ZipFile("model.keras") as file:
        files = {"config.json", "metadata.json", "model.weights.h5"}
        assert set(file.namelist()) == files
        config = json.loads(file.read("config.json"))
        weights = h5py.File(io.BytesIO(file.read("model.weights.h5")))
    parts = [p for p in _named(config) if p["class_name"] != "__keras_tensor__"]
    ours = [
        p for p in parts if (p["registered_name"] or "").startswith("keras_concrete>")
    ]
    assert ours
    for part in parts:
        assert part["class_name"] not in ("__lambda__", "Lambda", "function")
        assert part in ours or part["module"].split(".")[0] == "keras"
    kinds = set()
    weights.visititems(
        lambda _, item: kinds.add(getattr(item, "dtype", np.dtype(int)).kind)
    )
    assert kinds <= set("biuf"), "numbers only: other kinds can hold objects"

    def refuse(*_, **__):
        raise AssertionError("it makes objects or code out of bytes")

    for module in (pickle, marshal):
        monkeypatch.setattr(module, "load", refuse)
        monkeypatch.setattr(module, "loads", refuse)
    model = keras.models.load_model("model.keras")
    assert len(model.weights) == len(MODELS[name]().weights)


# --- Nothing that is put in is run --------------------------------------------------


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Model files by name."""
    files = {}
    for name, make in MODELS.items():
        files[name] = tmp_path_factory.mktemp("saved") / "model.keras"
        make().save(files[name])
    return files


def _tamper(file, out, change):
    """Copies a model file with its configuration changed."""
    with zipfile.ZipFile(file) as source, zipfile.ZipFile(out, "w") as target:
        for name in source.namelist():
            content = source.read(name)
            if name == "config.json":
                config = json.loads(content)
                change(config)
                content = json.dumps(config)
            target.writestr(name, content)


@pytest.fixture(autouse=True)
def _own_folder(monkeypatch, tmp_path):
    """Here a payload would leave its trace, and here is a module that would be one."""
    monkeypatch.delitem(sys.modules, "foreign", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "foreign.py").write_text(f"open({TRACE!r}, 'w').close()\n")


@pytest.mark.reliability
@pytest.mark.parametrize("place", PLACES)
def test_no_payload_is_run_wherever_it_is_put(place, saved, sums):
    model, put = PLACES[place]
    for name, make in PAYLOADS.items():
        payload = make()
        _tamper(saved[model], "model.keras", lambda config, p=payload: put(config, p))
        with pytest.raises((ValueError, TypeError)):
            print(name, keras.models.load_model("model.keras"))
        assert not os.path.exists(TRACE), name
    row = "payloads put into a model file, and refused before they ran"
    sums[row] = sums.get(row, 0) + len(PAYLOADS)


def test_the_payloads_would_run_were_they_let(saved):
    """So that the tests above could fail."""
    for name in ("a layer in a model", "a graph that writes"):
        payload = PAYLOADS[name]()
        _tamper(saved["network"], "model.keras", lambda c, p=payload: be_all(c, p))
        model = keras.models.load_model("model.keras", safe_mode=False)
        model(np.zeros((1, 6), "float32"))
        os.remove(TRACE)
    pickle.loads(pickle.dumps(Pickled())).close()
    os.remove(TRACE)
    __import__("foreign")
    os.remove(TRACE)


def test_weights_that_are_pickles_are_refused(saved):
    weights = np.array([Pickled()], dtype=object)
    with zipfile.ZipFile(saved["network"]) as source:
        config, metadata = map(source.read, ("config.json", "metadata.json"))
    with zipfile.ZipFile("model.keras", "w") as target:
        target.writestr("config.json", config)
        target.writestr("metadata.json", metadata)
        with target.open("model.weights.npz", "w") as file:
            np.savez(file, __root__=weights)
    with pytest.raises(ValueError, match="allow_pickle=False"):
        keras.models.load_model("model.keras")
    assert not os.path.exists(TRACE)


def test_a_model_file_writes_nothing_outside_itself(saved, tmp_path):
    (tmp_path / "in").mkdir()
    with zipfile.ZipFile(saved["network"]) as source:
        contents = {name: source.read(name) for name in source.namelist()}
    for name in ("assets/../../outside", f"{tmp_path}/outside"):
        with zipfile.ZipFile("in/model.keras", "w") as target:
            for member, content in {**contents, name: b"", "assets/a": b""}.items():
                target.writestr(member, content)
        with pytest.warns(UserWarning, match="Skipping invalid path"):
            keras.models.load_model("in/model.keras")
        assert not list(tmp_path.rglob("outside"))


# --- The folder of a run ------------------------------------------------------------


@pytest.fixture
def folder(saved, monkeypatch):
    images = np.random.default_rng(0).integers(0, 2, (3, 8, 6)).astype("uint8")
    data = datasets.Dataset("tiny", *images)
    monkeypatch.setitem(datasets.DATASETS, "tiny", lambda: data)
    folder = RunFolder("run")
    folder.create(TrainingConfig("3H~3H-6V", "tiny", epochs=1, batch_size=4))
    return folder


def _refusal(*arguments):
    """The sentence by which a command refuses."""
    result = CliRunner().invoke(command_line.app, list(arguments))
    assert isinstance(result.exception, ValueError), result.exception
    assert not os.path.exists(TRACE)
    return str(result.exception)


COMMANDS = {
    "evaluate": ["evaluate", "run", "--num-samples", "1"],
    "sample": ["sample", "run"],
    "export": ["export", "run", "--to", "served"],
    "resume": ["train", "--resume", "run"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_refuses_a_tampered_model_in_one_sentence(command, folder, saved):
    for payload in ("a layer in a model", "a class of the system", "a graph that writes"):
        content = PAYLOADS[payload]()
        _tamper(saved["network"], folder.model_file, lambda c, p=content: be_all(c, p))
        message = _refusal(*COMMANDS[command])
        assert "run/model.keras cannot be loaded" in message
        assert "Restore it" in message and len(message) < 600


@pytest.mark.parametrize("name", TrainingConfig.__dataclass_fields__)
def test_no_setting_of_a_run_can_hold_code(name, folder):
    for payload in PAYLOADS.values():
        content = {**_settings_of(folder), name: payload()}
        folder.config_file.write_text(json.dumps(content))
        message = _refusal(*COMMANDS["resume"])
        assert f"run/config.json is damaged: {name}: Input should be a" in message


def _settings_of(folder):
    return json.loads(folder.config_file.read_text())


def test_rows_of_a_history_are_numbers(folder):
    folder.history_file.write_text(f"epoch,loss\n0,open({TRACE!r})\n")
    assert folder.history() == {}
    assert not os.path.exists(TRACE)
