"""What a process on JAX does for `test_jax_backend`: reads files and writes others."""

import sys
from pathlib import Path

import keras
import numpy as np

import keras_concrete as kc
from keras_concrete import noise
from keras_concrete.callbacks import IntegralityGap, TemperatureLog


def answers(model, x):
    """Numbers that depend on weights and seeds alone."""
    key = noise.key_from_seed(np.array([3, 5]))
    zero = np.arange(1000, dtype="uint32")
    words = noise.threefry_2x32(key, (zero, zero))
    found = {"words": np.stack([np.asarray(word) for word in words])}
    for name, value in model.encode(x, seed=7).items():
        found[name] = np.asarray(value)
    for training in (False, True):
        log_weights = model.log_weights(x, 20, training=training, seed=11)
        found[f"log_weights_{training}"] = np.asarray(log_weights)
    return found


def main(folder):
    x = np.load(folder / "x.npy")
    binary = keras.saving.load_model(folder / "binary.keras")
    nary = keras.saving.load_model(folder / "nary.keras")
    np.savez(folder / "binary_jax.npz", **answers(binary, x))
    np.savez(folder / "nary_jax.npz", **answers(nary, x))
    binary.compile(keras.optimizers.Adam(1e-2))
    callbacks = [IntegralityGap(x, num_samples=5), TemperatureLog()]
    log = binary.fit(x, epochs=20, batch_size=32, callbacks=callbacks, verbose=0).history
    np.savez(folder / "fit_jax.npz", **log)
    binary.save(folder / "trained.keras")
    np.savez(folder / "trained_jax.npz", **answers(binary, x))
    for estimator in ("vimco", "straight_through"):
        model = kc.SigmoidBeliefNetwork("4H-6V", 2, 3, estimator, seed=0)
        model.compile("adam")
        assert np.isfinite(model.fit(x, verbose=0).history["loss"][0])
    assert "tensorflow" not in sys.modules


if __name__ == "__main__":
    main(Path(sys.argv[1]))
