"""On JAX's backend: equal noise and states, files that go both ways, and training.

Another interpreter may hold JAX and tfp-nightly: JAX_PYTHON names it.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import on_jax
import pytest

import keras_concrete as kc

ROOT = Path(__file__).parents[2]
PYTHON = os.environ.get("JAX_PYTHON")

pytestmark = pytest.mark.skipif(
    PYTHON is None and importlib.util.find_spec("jax") is None,
    reason="JAX is not installed, and JAX_PYTHON names no interpreter that has it",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Files of two processes: this one, and one on JAX."""
    folder = tmp_path_factory.mktemp("backends")
    bits = np.random.default_rng(0).integers(0, 2, (64, 1))
    x = np.repeat(bits, 6, axis=1).astype("float32")
    np.save(folder / "x.npy", x)
    for name, arity in (("binary", 2), ("nary", 4)):
        model = kc.SigmoidBeliefNetwork("4H~4H~6V", arity, 5, seed=1)
        model.save(folder / f"{name}.keras")
        np.savez(folder / f"{name}.npz", **on_jax.answers(model, x))
    paths = [str(ROOT), str(ROOT / "tests" / "helpers")]
    environment = os.environ | {
        "KERAS_BACKEND": "jax",
        "PYTHONPATH": os.pathsep.join(paths),
    }
    done = subprocess.run(
        [PYTHON or sys.executable, on_jax.__file__, str(folder)],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("name", ["binary", "nary"])
def test_a_model_of_tensorflow_gives_the_same_noise_and_states_on_jax(folder, name):
    ours, theirs = (np.load(folder / f"{name}{end}.npz") for end in ("", "_jax"))
    for key in ours:
        if key == "words" or key.startswith("codes"):
            np.testing.assert_array_equal(ours[key], theirs[key], err_msg=key)
        else:
            np.testing.assert_allclose(ours[key], theirs[key], rtol=1e-4, atol=1e-4)


def test_a_model_trained_on_jax_gives_the_same_states_on_tensorflow(folder):
    model = keras.saving.load_model(folder / "trained.keras")
    ours = on_jax.answers(model, np.load(folder / "x.npy"))
    theirs = np.load(folder / "trained_jax.npz")
    for key, value in ours.items():
        if key.startswith("codes"):
            np.testing.assert_array_equal(value, theirs[key])
        else:
            np.testing.assert_allclose(value, theirs[key], rtol=1e-4, atol=1e-4)


def test_fit_on_jax_raises_the_bound_and_callbacks_report_it(folder):
    log = np.load(folder / "fit_jax.npz")
    assert log["bound"][-1] > log["bound"][0] + 0.1
    assert log["val_bound_relaxed"][-1] > log["val_bound_relaxed"][0]
    gap = log["val_bound_relaxed"] - log["val_bound_discrete"]
    np.testing.assert_allclose(log["val_integrality_gap"], gap)
    np.testing.assert_allclose(log["temperature"], 2 / 3, rtol=1e-6)
