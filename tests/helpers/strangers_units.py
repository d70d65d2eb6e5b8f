"""Discrete units as others write them, right and wrong, and models around them."""

import keras
import numpy as np
from keras import ops


class GumbelSoftmax(keras.layers.Layer):
    """As others wrote it: `how` says what becomes of the soft and the hard sample."""

    def __init__(self, how, noise_outside=False, scale_outside=1.0, **kwargs):
        super().__init__(**kwargs)
        self.how, self.noise_outside, self.scale_outside = (
            how,
            noise_outside,
            scale_outside,
        )
        self.generator = keras.random.SeedGenerator(0)

    def call(self, logits, training=False):
        if not training and not self.noise_outside:
            return self.scale_outside * ops.softmax(logits)
        uniform = keras.random.uniform(ops.shape(logits), seed=self.generator)
        gumbel = -ops.log(-ops.log(uniform + 1e-9) + 1e-9)
        soft = ops.softmax(logits + gumbel)
        hard = ops.one_hot(ops.argmax(soft, axis=-1), logits.shape[-1])
        return {
            "soft": lambda: soft,
            "straight_through": lambda: soft + ops.stop_gradient(hard - soft),
            # The layer of helia-edge: the two are exchanged.
            "exchanged": lambda: hard + ops.stop_gradient(soft - hard),
            # That of teras: no gradient at all.
            "hard_only": lambda: hard,
            "wrong_sign": lambda: soft + ops.stop_gradient(soft - hard),
        }[self.how]()


class AtTheCall(keras.layers.Layer):
    """The usual one: temperature and manner are arguments of the call."""

    straight_through = True
    generator = keras.random.SeedGenerator(0)

    def call(self, logits, tau, hard=False, training=False):
        if isinstance(logits, dict):
            logits = logits["a"] + logits["b"]
        gumbel = -ops.log(
            -ops.log(
                keras.random.uniform(ops.shape(logits), 1e-9, 1.0, seed=self.generator)
            )
        )
        soft = ops.softmax((logits + gumbel) / tau)
        if hard:
            return ops.one_hot(ops.argmax(soft, axis=-1), logits.shape[-1])
        return soft


class Ids(keras.layers.Layer):
    """The classic fault: integers, through which nothing can flow."""

    generator = keras.random.SeedGenerator(0)

    def call(self, logits):
        flat = ops.reshape(logits, (-1, logits.shape[-1]))
        ids = keras.random.categorical(flat, 1, seed=self.generator)
        return ops.reshape(ids, ops.shape(logits)[:-1])


class OwnLogits(GumbelSoftmax):
    """A right straight-through of logits that it looks up, or owns, itself."""

    def build(self, shape):
        self.table = self.add_weight((5, 4, 3), initializer="random_normal")

    def call(self, ids, training=False):
        return super().call(ops.take(self.table, ids, axis=0), training)


class Claims(GumbelSoftmax):
    """Says that it is hard, and is soft."""

    hard = True


def autoencoder(unit, units=(4, 3), **dense):
    inputs = keras.Input((6,))
    logits = keras.layers.Dense(int(np.prod(units)), name="encoder", **dense)(inputs)
    states = unit(keras.layers.Reshape(units)(logits))
    outputs = keras.layers.Dense(6)(keras.layers.Flatten()(states))
    return keras.Model(inputs, outputs)


class Subclassed(keras.Model):
    def __init__(self, unit):
        super().__init__()
        self.encoder = keras.layers.Dense(3, name="encoder")
        self.unit, self.decoder = unit, keras.layers.Dense(6)

    def call(self, x, training=False):
        return self.decoder(self.unit(self.encoder(x), training=training))
