"""What is copied to a server, under a stand-in for Triton; and the committed report."""

import importlib.util
import json
import re
import sys
import types
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_concrete as kc

ROOT = Path(__file__).parents[2]
FILES = ROOT / "benchmarks" / "serving" / "triton"


class _Tensor:
    def __init__(self, name, array):
        self.name, self.array = name, array

    def as_numpy(self):
        return self.array


class _Response:
    def __init__(self, tensors, error=None):
        self.arrays = {tensor.name: tensor.array for tensor in tensors}
        self.error = error


class _Error(str):
    INVALID_ARG = 1

    def __new__(cls, text, code=None):
        return super().__new__(cls, text)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A model of Triton's Python backend over a SavedModel, and that model."""
    tmp_path = tmp_path_factory.mktemp("served")
    x = keras.Input((5,), name="x")
    bits = kc.BinaryConcreteSample(0.5, name="bits")(keras.layers.Dense(4)(x))
    model = keras.Model(x, bits)
    kc.export_saved_model(model, tmp_path / "saved_model")
    triton = types.ModuleType("triton_python_backend_utils")
    triton.Tensor, triton.InferenceResponse, triton.TritonError = (
        _Tensor,
        _Response,
        _Error,
    )
    triton.get_input_tensor_by_name = lambda request, name: _Tensor(name, request[name])
    file = tmp_path / "model.py"
    file.write_text((FILES / "model.py").read_text())
    spec = importlib.util.spec_from_file_location("served_model", file)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, triton.__name__, triton)
        spec.loader.exec_module(module)
    server = module.TritonPythonModel()
    server.initialize({})
    return server, tf.saved_model.load(tmp_path / "saved_model")


def test_requests_are_batched_and_answered_each_as_if_alone(served):
    server, model = served
    generator = np.random.default_rng(0)
    requests = [
        {
            "x": generator.normal(size=(rows, 5)).astype("float32"),
            "seeds": generator.integers(0, 99, (rows, 1)).astype("int32"),
        }
        for rows in (1, 3, 2)
    ]
    requests[1]["x"][2, 0] = np.nan
    first, refused, last = server.execute(requests)
    assert "`x` must be finite" in refused.error
    predict = model.signatures["predict"]
    for request, response in ((requests[0], first), (requests[2], last)):
        assert response.error is None
        for row, seed in enumerate(request["seeds"][:, 0]):
            one = predict(x=tf.constant(request["x"][row : row + 1]), seed=int(seed))
            np.testing.assert_array_equal(response.arrays["bits"][row], one["bits"][0])


def test_the_configuration_is_that_of_the_signature(served):
    server, _ = served

    class Config:
        def __init__(self):
            self.tensors = []
            self.add_input = self.add_output = self.tensors.append

    found = {t["name"]: t for t in server.auto_complete_config(Config()).tensors}
    assert found["x"] == {"name": "x", "data_type": "TYPE_FP32", "dims": [5]}
    assert found["seeds"] == {"name": "seeds", "data_type": "TYPE_INT32", "dims": [1]}
    assert found["bits"]["dims"] == [4]


def test_files_that_the_page_names_exist():
    text = (ROOT / "docs" / "serving.md").read_text()
    paths = re.findall(r"(?:benchmarks|results)/serving[\w/.-]*", text)
    assert paths and all((ROOT / path).exists() for path in paths)


def test_the_committed_report_has_no_error():
    report = json.loads((ROOT / "results" / "serving" / "report.json").read_text())
    long = report["endurance"]
    assert long["requests"] >= 100_000
    for run in [*report["results"], long]:
        assert run["errors"] == run["wrong"] == 0, run
    memory = long["memory_mib"]
    assert memory["at the end"] < 1.05 * memory["after a tenth"]
    assert all(all(answers.values()) for answers in report["refused"].values())


def test_the_committed_pages_are_those_of_their_reports():
    folder = ROOT / "results" / "serving"
    for module, page, report in (
        ("__main__", "README.md", "report.json"),
        ("batches", "batches-cpu0.md", "batches-cpu0.json"),
    ):
        made = importlib.import_module(f"benchmarks.serving.{module}")._page(
            json.loads((folder / report).read_text())
        )
        assert made == (folder / page).read_text()
