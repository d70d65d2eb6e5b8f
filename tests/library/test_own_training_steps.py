"""Schedules in models whose `train_step` is their own, as users write them."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_concrete as kc

X = np.zeros((50, 8), "float32")
FALLING = keras.optimizers.schedules.ExponentialDecay(1.0, 10, 0.5)


class Own(keras.Model):
    """The pattern of Keras's example of a VAE; asks none of the layers' metrics."""

    def __init__(self, calls=1):
        super().__init__()
        self.encode, self.decode = keras.layers.Dense(5), keras.layers.Dense(8)
        self.code = kc.BinaryConcreteSample(FALLING, seed=0)
        self.tracker = keras.metrics.Mean("total")
        self.calls = calls

    def call(self, x, training=False):
        for _ in range(self.calls):
            x = self.decode(self.code(self.encode(x), training=training))
        return x

    def train_step(self, x):
        with tf.GradientTape() as tape:
            loss = keras.ops.mean((self(x, training=True) - x) ** 2)
        gradients = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply_gradients(
            zip(gradients, self.trainable_weights, strict=True)
        )
        self.tracker.update_state(loss)
        return {"total": self.tracker.result()}


class Tracking(Own):
    @property
    def metrics(self):
        return [self.tracker]


@pytest.mark.parametrize("calls", [1, 2])
@pytest.mark.parametrize(("jit_compile", "steps"), [(False, 1), (True, 1), (False, 5)])
@pytest.mark.parametrize("kind", [Own, Tracking])
def test_a_step_ends_where_the_next_begins(kind, jit_compile, steps, calls):
    model = kind(calls)
    model.compile("adam", jit_compile=jit_compile, steps_per_execution=steps)
    model.fit(X, batch_size=10, epochs=2, verbose=0)
    # The last of ten is open yet where no one asks at the end of an epoch.
    expected = FALLING(9 if kind is Tracking else 10)
    assert float(model.code.current_temperature) == pytest.approx(float(expected))


def test_passes_by_a_seed_are_no_steps():
    model = Own()
    model.compile("adam")
    model.fit(X, batch_size=10, epochs=1, verbose=0)

    @tf.function
    def relaxed(key):
        with kc.seeding.fixed_noise(model, key):
            return model(X, training=True)

    for seed in range(3):
        relaxed(tf.constant([0, seed], "uint32"))
    assert float(model.code.current_temperature) == pytest.approx(float(FALLING(5)))
