"""Ours: `evaluate_bound`, as a user calls it, on the images that the driver asks for."""

from collections.abc import Callable

import keras

from benchmarks.peers.serving import Job, serve
from keras_concrete import SigmoidBeliefNetwork, evaluate_bound


def make(job: Job) -> Callable[[int], list[float]]:
    """Builds the model."""
    images = job.load_data("test")
    model = SigmoidBeliefNetwork(job.network, centering=False, seed=job.seed)
    weights = job.load_weights()
    for variable in model.trainable_weights:
        variable.assign(weights[variable.path])

    def run(num_images: int) -> list[float]:
        # Every call compiles anew, which the driver takes off by calls of two sizes.
        estimate = evaluate_bound(
            model, images[:num_images], job.num_samples, verbose=False
        )
        return [estimate.mean]

    keras.config.disable_interactive_logging()
    return run


if __name__ == "__main__":
    serve(make, ["keras", "tensorflow", "tensorflow-probability", "numpy"])
