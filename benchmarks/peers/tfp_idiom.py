"""The idiom of TFP users: distributions, a gradient tape under XLA, tf.data by rows.

`tfd.RelaxedBernoulli` is the sigmoid of a Logistic; scoring its samples is infinite where
they round to 1, so that the Logistic, the node, is what is drawn and scored here. Noise
comes from TensorFlow's default generator, as everyone's does who asks for no other.
"""

import itertools
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from benchmarks.peers.serving import Job, serve

tfd = tfp.distributions


class _Network(keras.layers.Layer):
    """Layers of q and p by their names in our model, and the bound."""

    def __init__(self, job: Job) -> None:
        super().__init__(name="network")
        self.job = job
        bits = list(job.latent_units)
        sizes = {f"posterior_{i}": (n, n) for i, n in enumerate(bits, start=1)}
        above = itertools.pairwise(bits)
        sizes |= {f"prior_{i}": (h, n) for i, (n, h) in enumerate(above, start=1)}
        sizes["likelihood"] = (bits[0], job.visible_units)
        self.functions = {
            name: keras.Sequential(
                [
                    keras.layers.Dense(hidden, "tanh", name=f"{name}_tanh_1"),
                    keras.layers.Dense(hidden, "tanh", name=f"{name}_tanh_2"),
                    keras.layers.Dense(size, name=f"{name}_logits"),
                ]
            )
            for name, (hidden, size) in sizes.items()
        }
        self.top_logits = self.add_weight(
            shape=(bits[-1],), initializer="zeros", name="top_logits"
        )

    def call(self, x: tf.Tensor) -> tf.Tensor:
        """The mean bound of a batch."""
        prior, posterior = self.job.prior_temperature, self.job.posterior_temperature
        below, nodes, codes = x, [], []
        log_weights = 0.0
        for i in range(1, len(self.job.latent_units) + 1):
            logits = self.functions[f"posterior_{i}"](below)
            relaxed = tfd.Logistic(logits / posterior, 1 / posterior)
            if i == 1:
                node = relaxed.sample(self.job.num_samples)  # Samples first, as in TFP.
            else:
                node = relaxed.sample()
            log_weights -= tf.reduce_sum(relaxed.log_prob(node), -1)
            below = 2.0 * tf.sigmoid(node) - 1.0
            nodes.append(node)
            codes.append(below)
        likelihood = tfd.Bernoulli(logits=self.functions["likelihood"](codes[0]))
        log_weights += tf.reduce_sum(likelihood.log_prob(x), -1)
        for i, node in enumerate(nodes, start=1):
            if i < len(nodes):
                logits = self.functions[f"prior_{i}"](codes[i])
            else:
                logits = self.top_logits
            relaxed = tfd.Logistic(logits / prior, 1 / prior)
            log_weights += tf.reduce_sum(relaxed.log_prob(node), -1)
        bounds = tf.reduce_logsumexp(log_weights, 0) - np.log(self.job.num_samples)
        return tf.reduce_mean(bounds)


def make(job: Job) -> Callable[[int], np.ndarray]:
    """Sets model, optimizer and data up."""
    tf.keras.utils.set_random_seed(job.seed)
    network = _Network(job)
    network(tf.zeros((job.batch_size, job.visible_units)))
    weights = job.load_weights()
    for variable in network.trainable_weights:
        layer_and_name = "/".join(variable.path.split("/")[-2:])
        if variable is network.top_logits:
            layer_and_name = f"prior_{len(job.latent_units)}/logits"
        variable.assign(weights[layer_and_name])
    optimizer = keras.optimizers.Adam(job.learning_rate, epsilon=job.epsilon)
    optimizer.build(network.trainable_weights)

    @tf.function(jit_compile=True)
    def step(x: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = -network(x)
        gradients = tape.gradient(loss, network.trainable_weights)
        optimizer.apply_gradients(zip(gradients, network.trainable_weights, strict=True))
        return -loss

    stream = (
        tf.data.Dataset.from_tensor_slices(job.load_data().astype("float32"))
        .shuffle(50_000)
        .repeat()
        .batch(job.batch_size, drop_remainder=True)
        .prefetch(tf.data.AUTOTUNE)
    )
    batches = iter(stream)

    def run(num_steps: int) -> np.ndarray:
        values = [step(next(batches)) for _ in range(num_steps)]
        return np.asarray([float(value) for value in values])

    return run


if __name__ == "__main__":
    serve(make, ["keras", "tensorflow", "tensorflow-probability", "numpy"])
