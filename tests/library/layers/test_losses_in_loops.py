"""Layers that add losses say so where a loop would lose them, and what to do instead."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import keras_concrete as kc

X = np.random.default_rng(0).normal(size=(4, 5)).astype("float32")

LAYERS = {
    "z": lambda: kc.BinaryConcreteSample(0.5, prior="uniform", seed=0, name="z"),
    "gates": lambda: kc.HardConcrete(l0_weight=0.1, seed=0, name="gates"),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_loop_over_training_steps_calls_a_function_of_the_step(name):
    layer = LAYERS[name]()
    model = keras.Sequential([keras.Input((5,)), layer, keras.layers.Dense(5)])
    optimizer = keras.optimizers.SGD(0.1)
    optimizer.build(model.trainable_variables)

    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((model(X, training=True) - X) ** 2) + sum(model.losses)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)

    of_one = tf.function(step)

    def several(one):
        for _ in tf.range(3):
            one()

    message = (
        f"'{name}(_kl)?' would add its term .* a tf.function of its own, which the loop"
    )
    with pytest.raises(ValueError, match=message):
        tf.function(lambda: several(step))()
    tf.function(lambda: several(of_one))()
    assert int(optimizer.iterations) == 3


def test_discrete_states_in_a_cell_of_a_loop_are_refused_by_name():
    class Cell(keras.Layer):
        state_size = output_size = 2

        def __init__(self):
            super().__init__()
            cell = kc.DiscreteStateCell(3, 2, 4, seed=0)
            self.inner = kc.DiscreteStateRNN(cell, name="world")

        def build(self, inputs_shape):
            self.inner.build((None, 2, 3))

        def call(self, inputs, states, training=False):
            features = self.inner(
                keras.ops.reshape(inputs, (-1, 2, 3)), training=training
            )
            return features[:, 0, :2], states

    model = keras.Sequential([keras.Input((3, 6)), keras.layers.RNN(Cell())])
    model.compile("sgd", "mse", jit_compile=False)
    with pytest.raises(ValueError, match=r"'world' would add its term .* cell: put it"):
        model.fit(np.zeros((4, 3, 6)), np.zeros((4, 2)), verbose=0)
