"""On two replicas `fit` is that of one device on the whole batch, or is refused."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

import keras_concrete as kc
from keras_concrete import noise

X = np.random.default_rng(0).integers(0, 2, (24, 6)).astype("float32")


@pytest.fixture(scope="module")
def strategy():
    # Collective operations of two strategies in one process get in each other's way.
    return tf.distribute.MirroredStrategy(
        ["CPU:0", "CPU:1"], tf.distribute.ReductionToOneDevice()
    )


def _belief_network():
    model = kc.SigmoidBeliefNetwork("3H-3H-6V", 2, 1, "nvil", seed=1)
    model.compile(keras.optimizers.SGD(0.1), run_eagerly=True)
    return model


def _layers_with_losses(*others):
    x = keras.Input((6,))
    schedule = keras.optimizers.schedules.PolynomialDecay(1.0, 4, 0.5)
    logits = keras.layers.Dense(4)(x)
    state = kc.BinaryConcreteSample(schedule, prior="learned", seed=1, name="z")(logits)
    state = kc.HardConcrete(target_sparsity=0.5, multiplier_rate=1.0, seed=1, name="l")(
        state
    )
    state = kc.CategoricalCodebook(8, 4, name="codes")(state)
    for layer in others:
        state = layer(state)
    model = keras.Model(x, keras.layers.Dense(6)(state))
    model.compile(keras.optimizers.SGD(0.1), "mse", run_eagerly=True)
    return model


@pytest.mark.parametrize("make", [_belief_network, _layers_with_losses])
def test_fit_on_two_replicas_is_that_of_one_device(make, strategy, monkeypatch):
    def same_noise(key, counter):
        words = ops.cast(counter[0], "uint32")
        return ops.full_like(words, 2**31 + 2**30), ops.full_like(words, 12345)

    monkeypatch.setattr(noise, "threefry_2x32", same_noise)
    one = make()
    with strategy.scope():
        two = make()
    two.set_weights(one.get_weights())
    ours, theirs = (
        model.fit(X, X, batch_size=8, shuffle=False, verbose=0).history
        for model in (two, one)
    )
    for name, values in theirs.items():
        np.testing.assert_allclose(ours[name], values, rtol=1e-4, err_msg=name)
    for a, b in zip(two.weights, one.weights, strict=True):
        # That of NVIL's signal is the mean of the replicas', which is smaller.
        if "variance" not in a.path:
            np.testing.assert_allclose(a, b, atol=1e-5, err_msg=a.path)


def test_replicas_that_wait_for_one_another_would_lose_losses(strategy):
    with strategy.scope():
        model = _layers_with_losses(kc.Centering(name="waits"))
    with pytest.raises(ValueError, match=r"waits.* over the replicas"):
        model.fit(X, X, verbose=0)
    model.evaluate(X, X, verbose=0)


@pytest.mark.parametrize("settings", [{"jit_compile": True}, {"steps_per_execution": 2}])
def test_what_keras_cannot_run_on_replicas_is_refused(settings, strategy):
    with strategy.scope():
        model = kc.SigmoidBeliefNetwork("3H-6V")
        with pytest.raises(ValueError, match=f"{next(iter(settings))}` must be"):
            model.compile("sgd", **settings)
        model.compile("sgd")
