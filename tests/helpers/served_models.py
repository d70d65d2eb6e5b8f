"""Models to be served, and a way to serve them."""

import keras
import tensorflow as tf
from belief_oracle import all_images
from keras import ops

import keras_concrete as kc

IMAGES = all_images(6)[::5]


class GaussianNoise(keras.layers.Layer):
    """Noise of Keras's own functions, as in its example of a variational autoencoder."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seed_generator = keras.random.SeedGenerator(0)

    def call(self, x):
        return x + keras.random.normal(ops.shape(x), seed=self.seed_generator)


def time_steps_first(shape):
    """A model whose rows are on the second axis where it draws."""
    x = keras.Input(shape, name="x")
    bits = kc.BinaryConcreteSample(0.5)(ops.transpose(x, (1, 0, 2)))
    return keras.Model(x, ops.transpose(bits, (1, 0, 2)))


def export_and_load(model, folder):
    kc.export_saved_model(model, folder)
    return tf.saved_model.load(folder)


def mixed():
    """A model of two inputs, with two latent layers and dropout."""
    a, b = keras.Input((4,), name="a"), keras.Input((6,), name="b")
    hidden = keras.layers.Dropout(0.5)(keras.layers.Dense(6)(a))
    bits = kc.BinaryConcreteSample(0.5)(keras.layers.Add()([hidden, b]))
    logits = keras.layers.Reshape((2, 3))(bits)
    choice = kc.ConcreteSample(1.0)(logits)
    return keras.Model({"b": b, "a": a}, {"bits": bits, "choice": choice})


def hashing():
    """A Sequential model with bits."""
    return keras.Sequential(
        [
            keras.Input((4,), name="x"),
            keras.layers.Dense(8),
            kc.BinaryConcreteSample(2 / 3, inference="mode"),
            kc.HypercubeCode(name="code"),
        ]
    )
