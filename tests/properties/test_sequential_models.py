"""The layers work in a plain Sequential model."""

import keras
import numpy as np
import pytest

import keras_concrete as kc


@pytest.mark.parametrize("jit_compile", [False, True])
def test_the_layers_work_in_a_plain_sequential_model(jit_compile, tmp_path):
    model = keras.Sequential(
        [
            keras.layers.Dense(8),
            kc.BinaryConcreteSample(2 / 3, inference="mode", seed=0),
            kc.HypercubeCode(),
            kc.Centering(),
            keras.layers.Dense(12),
            keras.layers.Reshape((3, 4)),
            kc.ConcreteSample(1.0, seed=1),
            kc.HypercubeCode(4),
            keras.layers.Dense(1),
        ]
    )
    model.compile("adam", "mse", jit_compile=jit_compile)
    x = np.random.default_rng(0).normal(size=(32, 5)).astype("float32")
    losses = model.fit(x, x[:, :1], epochs=2, verbose=0).history["loss"]
    assert np.all(np.isfinite(losses))
    model.save(tmp_path / "model.keras")
    revived = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        model.predict(x, verbose=0), revived.predict(x, verbose=0)
    )
    np.testing.assert_array_equal(
        *(
            m.fit(x, x[:, :1], shuffle=False, verbose=0).history["loss"]
            for m in (model, revived)
        )
    )
