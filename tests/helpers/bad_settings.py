"""Cases of bad settings of runs, and their answers."""

import tempfile

from bad_arguments import network
from bad_data import IMAGES

import keras_concrete as kc
from keras_concrete.experiments import cell_jobs
from keras_concrete.experiments.training_config import TrainingConfig


def grids(x):
    return kc.ImageGrids(tempfile.gettempdir(), x, num_images=4)


# What is done, and the sentence that must answer it.
BAD_SETTINGS = {
    "vimco of a run": (
        lambda: TrainingConfig(estimator="vimko"),
        "Received: estimator='vimko'. Did you mean 'vimco'?",
    ),
    "a seed of a run": (
        lambda: TrainingConfig(seed=0.5),
        "`seed` must be an integer.*0.5",
    ),
    "data of a run": (
        lambda: TrainingConfig(data="binarised_mnist"),
        "`data` must be one of .*Did you mean 'binarized_mnist'?",
    ),
    "a flag of a run": (
        lambda: TrainingConfig(restore_best_weights="yes"),
        "`restore_best_weights` must be True or False",
    ),
    "a first half by the same": (
        lambda: TrainingConfig(first_estimator="concrete"),
        "`first_estimator` and `estimator` must be two, .*first_estimator='concrete'",
    ),
    "the temperature of no first half": (
        lambda: TrainingConfig(first_temperature=0.5),
        "`first_temperature` is that of `first_estimator`, which is None.*0.5",
    ),
    "a schedule beside a first half": (
        lambda: TrainingConfig(
            first_estimator="gumbel_softmax", temperature_decay_rate=0.5
        ),
        "`temperature_decay_rate` must be 1. Received: temperature_decay_rate=0.5",
    ),
    "half of one epoch": (
        lambda: TrainingConfig(first_estimator="gumbel_softmax", epochs=1),
        "`epochs` must be 2 or more. Received: epochs=1",
    ),
    "epochs of a run": (
        lambda: TrainingConfig(epochs=1.5),
        "`epochs` must be a positive",
    ),
    "steps of a reproduction": (
        lambda: cell_jobs.Budget(steps=0),
        "`steps` must be a positive integer. Received: steps=0",
    ),
    # of evaluations and callbacks
    "a graph for a flag": (
        lambda: kc.evaluate_bound(network(), IMAGES, 10, "discrete", verbose=False),
        "`training` must be True or False. Received: training='discrete'",
    ),
    "rows of a list to enumerate": (
        lambda: kc.exact_bound(network(), IMAGES.tolist()),
        "`x` must be an array of examples",
    ),
    "a word for centering": (
        lambda: network("2V-3H-4V", centering="x"),
        "`centering` must be True or False",
    ),
    "images of another size to show": (
        lambda: network().fit(IMAGES, callbacks=[grids(IMAGES[:, :5])], verbose=0),
        r"`x` must have shape \(examples, 6\).*\(8, 5\)",
    ),
    "images of 255 to show": (
        lambda: network().fit(IMAGES, callbacks=[grids(255 * IMAGES)], verbose=0),
        "`x` must hold binary data, .*from 0.0 to 255.0",
    ),
}
