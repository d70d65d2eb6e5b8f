"""On JAX's backend: equal noise and states, files that go both ways, and training.

Another interpreter may hold JAX and tfp-nightly: JAX_PYTHON names it.
"""

import contextlib
import importlib.util
import os
import socket
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
    on_jax.reporting_model().save(folder / "reporting.keras")
    run_together(folder, [()])
    return folder


def run_together(folder, arguments):
    """Runs processes on JAX side by side, each with four devices."""
    paths = [str(ROOT), str(ROOT / "tests" / "helpers")]
    environment = os.environ | {
        "KERAS_BACKEND": "jax",
        "XLA_FLAGS": "--xla_force_host_platform_device_count=4",
        "PYTHONPATH": os.pathsep.join(paths),
    }
    command = [PYTHON or sys.executable, on_jax.__file__, str(folder)]
    logs = [folder / f"{rank}.log" for rank in range(len(arguments))]
    with contextlib.ExitStack() as stack:
        processes = []
        for more, log in zip(arguments, logs, strict=True):
            file = stack.enter_context(log.open("w"))
            processes.append(
                subprocess.Popen(
                    [*command, *more],
                    env=environment,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                )
            )
            stack.callback(processes[-1].kill)
        for process, log in zip(processes, logs, strict=True):
            assert process.wait() == 0, log.read_text()


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


def test_bounds_are_estimated_the_same_on_jax(folder):
    model = keras.saving.load_model(folder / "binary.keras")
    theirs = np.load(folder / "bounds_jax.npz")
    found = on_jax.bounds(model, np.load(folder / "x.npy"))
    for name, ours in zip(theirs, found, strict=True):
        np.testing.assert_allclose(theirs[name], ours, rtol=1e-4)


def test_gradients_are_reported_the_same_on_jax(folder):
    model = keras.saving.load_model(folder / "binary.keras")
    [theirs] = np.load(folder / "gradients_jax.npz").values()
    ours = on_jax.gradients(model, np.load(folder / "x.npy"))
    np.testing.assert_allclose(theirs, ours, rtol=1e-3, atol=1e-4)


def test_all_losses_count_of_a_layer_that_runs_several_times_in_a_step(folder):
    [(loss, kl, val_loss, val_kl)] = np.load(folder / "shared_jax.npz").values()
    np.testing.assert_allclose([loss, val_loss], [kl, val_kl], rtol=1e-5)


def test_fit_on_jax_raises_the_bound_and_callbacks_report_it(folder):
    log = np.load(folder / "fit_jax.npz")
    assert log["bound"][-1] > log["bound"][0] + 0.1
    assert log["val_bound_relaxed"][-1] > log["val_bound_relaxed"][0]
    gap = log["val_bound_relaxed"] - log["val_bound_discrete"]
    np.testing.assert_allclose(log["val_integrality_gap"], gap)
    np.testing.assert_allclose(log["temperature"], 2 / 3, rtol=1e-6)


def test_layers_report_and_learn_the_same_in_fit_on_jax(folder):
    model = keras.saving.load_model(folder / "reporting.keras")
    model.run_eagerly = True  # Quicker here than to compile.
    ours = on_jax.reports(model, np.load(folder / "x.npy"))
    theirs = np.load(folder / "reporting_jax.npz")
    names = {"loss", "z_kl", "chosen_kl", "gates_l0", "codes_bits", "world_kl"}
    assert set(theirs) == set(ours) and {f"{name} 1" for name in names} < set(ours)
    for key, value in ours.items():
        # In its loop TensorFlow takes a draw more, for the shapes of a cell's outputs.
        is_exact = key.endswith(" 0") and key not in ("world_kl 0", "loss 0")
        rtol, atol = (1e-3, 0.0) if is_exact else (0.05, 0.01)
        np.testing.assert_allclose(theirs[key], value, rtol, atol, err_msg=key)
    trained = keras.saving.load_model(folder / "reporting_jax.keras")
    # Three steps of a schedule, which the file holds.
    assert float(trained.get_layer("z").current_temperature) == 0.625


def test_parallel_devices_learn_what_one_does_each_with_noise_of_its_own(folder):
    one, four = np.load(folder / "devices_jax.npz").values()
    np.testing.assert_allclose(four, one, atol=1e-6)


def test_two_processes_learn_what_one_does_from_their_joint_batches(folder):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    run_together(folder, [("0", address), ("1", address)])
    one, _ = np.load(folder / "devices_jax.npz").values()
    for rank in (0, 1):
        [found] = np.load(folder / f"process_{rank}.npz").values()
        np.testing.assert_allclose(found, one, atol=1e-6)
