"""The temperatures in the logs."""

import keras
import numpy as np

import keras_concrete as kc

X = np.random.default_rng(0).integers(0, 2, (24, 4)).astype("float32")


def test_samplers_of_different_temperatures_are_told_apart_in_nested_models():
    parts = [kc.BinaryConcreteSample(0.5, name="inner"), keras.layers.Dense(4)]
    inner = keras.Sequential(parts)
    model = keras.Sequential([inner, kc.BinaryConcreteSample(0.7, name="outer")])
    model.compile("sgd", "mse")
    history = model.fit(X, X, verbose=0, callbacks=[kc.TemperatureLog()]).history
    np.testing.assert_allclose(history["temperature_inner"], [0.5])
    np.testing.assert_allclose(history["temperature_outer"], [0.7])


def test_variables_of_one_value_are_told_apart():
    variables = [keras.Variable(1.0, trainable=False) for _ in range(2)]
    layers = [
        kc.BinaryConcreteSample(variable, name=name)
        for variable, name in zip(variables, "ab", strict=True)
    ]
    model = keras.Sequential([layers[0], keras.layers.Dense(4), layers[1]])
    model.compile("sgd", "mse", run_eagerly=True)
    halve = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: variables[0].assign(variables[0] * 0.5)
    )
    logs = [halve, kc.TemperatureLog()]
    history = model.fit(X, X, epochs=2, verbose=0, callbacks=logs).history
    np.testing.assert_allclose(history["temperature_a"], [0.5, 0.25])
    np.testing.assert_allclose(history["temperature_b"], [1.0, 1.0])
