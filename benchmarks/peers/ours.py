"""Ours: `compile` with an optimizer, and `fit` on an array, as README writes it.

The option `form` tells what is fitted: `network`, the belief network itself; `layers`, a
plain Keras model of the same layers, as of someone who builds one of their own, which
Keras's "auto" does not compile by XLA on a CPU; `layers by XLA`, with `jit_compile=True`.
A run is an epoch.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from benchmarks.peers.serving import Job, serve
from keras_concrete import noise
from keras_concrete.losses import NegativeBound
from keras_concrete.models import SigmoidBeliefNetwork


def make_model(job: Job) -> keras.Model:
    """The compiled model, with the weights that everyone starts from."""
    network = SigmoidBeliefNetwork(
        job.network,
        arity=job.arity,
        num_samples=job.num_samples,
        prior_temperature=job.prior_temperature,
        posterior_temperature=job.posterior_temperature,
        centering=False,
        seed=job.seed,
    )
    weights = job.load_weights()
    for variable in network.trainable_weights:
        variable.assign(weights[variable.path])
    optimizer = keras.optimizers.Adam(job.learning_rate)
    form = job.options.get("form", "network")
    if form == "network":
        network.compile(optimizer)
        return network
    model = keras.Model(network.inputs, network.output["bound"])
    jit_compile = True if form == "layers by XLA" else "auto"
    model.compile(optimizer, NegativeBound(), jit_compile=jit_compile)
    return model


def _without_noise(job: Job) -> None:
    """Replaces the noise by constants, for the measurement of what the noise costs."""

    def constant(shape: tuple, key: Any) -> Any:
        values = np.random.default_rng(job.seed).logistic(size=tuple(map(int, shape)))
        return keras.ops.convert_to_tensor(values, dtype="float32")

    noise.logistic = constant


def make(job: Job) -> Callable[[int], Sequence[float]]:
    """Makes the model, and the images of an epoch."""
    if job.options.get("constant_noise"):
        _without_noise(job)
    model = make_model(job)
    train = job.load_data()
    rows = np.random.default_rng(job.seed).integers(len(train), size=10**7)

    def run(num_steps: int) -> list[float]:
        x = images(num_steps)
        y = x if "form" in job.options else None
        history = model.fit(x, y, batch_size=job.batch_size, verbose=0).history
        return [-history["loss"][0]]

    epochs: dict[int, np.ndarray] = {}

    def images(num_steps: int) -> np.ndarray:
        if num_steps not in epochs:
            epochs[num_steps] = train[rows[: num_steps * job.batch_size]].astype(
                "float32"
            )
        return epochs[num_steps]

    images(job.steps)
    return run


if __name__ == "__main__":
    serve(make, ["keras", "tensorflow", "tensorflow-probability", "numpy"])
