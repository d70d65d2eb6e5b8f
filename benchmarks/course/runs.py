"""Runs of one network at several temperatures, epoch by epoch."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

import keras_concrete as kc
from keras_concrete.evaluation import standard_error
from keras_concrete.experiments.json_files import read_json
from keras_concrete.schedules import Setting

__all__ = [
    "ARCHITECTURE",
    "SETTINGS",
    "CourseRun",
    "Snapshots",
    "read_reports",
    "train",
]

ARCHITECTURE = "200H~784V"
_NUM_SAMPLES = 4
_BATCH_SIZE = 64
_LEARNING_RATE = 1e-3
_HELD_OUT = 1_000  # Validation images that are watched and scored.
_EVALUATION_SAMPLES = 1_000

# By name: the estimator, and where each temperature begins and ends. Prior, posterior.
SETTINGS = {
    "the paper's temperatures": ("concrete", (1 / 2, 1 / 2), (2 / 3, 2 / 3)),
    "falling to the paper's": ("concrete", (1.0, 1 / 2), (1.0, 2 / 3)),
    "falling to half the paper's": ("concrete", (1 / 2, 1 / 4), (2 / 3, 1 / 3)),
    "gumbel_softmax, 1/2": ("gumbel_softmax", (1 / 2, 1 / 2), (1 / 2, 1 / 2)),
    "gumbel_softmax, falling to 1/4": ("gumbel_softmax", (1.0, 1 / 4), (1.0, 1 / 4)),
}


@dataclass(frozen=True)
class CourseRun:
    """A network trained, and watched.

    Attributes:
        setting: One of `SETTINGS`.
        seed: Of weights, noise and the order of the data.
        epochs: Of training.
        relaxed: Bound of the training graph on validation images after each epoch, nats.
        discrete: That of the discrete graph.
        nll: Of each validation image in the end, by many samples, nats.
    """

    setting: str
    seed: int
    epochs: int
    relaxed: list[float]
    discrete: list[float]
    nll: list[float]

    def nll_less(self, other: "CourseRun") -> tuple[float, float]:
        """Mean of the differences of NLL from another run, and its standard error."""
        differences = np.subtract(self.nll, other.nll)
        return float(differences.mean()), float(standard_error(differences))


def _temperature(start: float, end: float, steps: int) -> Setting:
    if start == end:
        return start
    return keras.optimizers.schedules.PolynomialDecay(start, steps, end)


class Snapshots(keras.callbacks.Callback):
    """Keeps the weights of some epochs.

    Args:
        epochs: Numbers of epochs that were trained, 0 among them for none.
    """

    def __init__(self, epochs: Sequence[int]) -> None:
        super().__init__()
        self._epochs = epochs
        self.weights: dict[int, list[np.ndarray]] = {}

    def on_train_begin(self, logs: Any = None) -> None:
        """Keeps the first weights."""
        self._keep(0)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Keeps the weights of an epoch."""
        self._keep(epoch + 1)

    def _keep(self, epoch: int) -> None:
        if epoch in self._epochs:
            self.weights[epoch] = self.model.get_weights()


def train(setting: str, seed: int, epochs: int, snapshots: Snapshots) -> CourseRun:
    """Trains a network.

    Args:
        setting: One of `SETTINGS`.
        seed: Integer.
        epochs: Number of epochs.
        snapshots: Is given the network.

    Returns:
        The run.
    """
    data = kc.load_dataset("binarized_mnist")
    steps = epochs * -(-len(data.train) // _BATCH_SIZE)
    estimator, prior, posterior = SETTINGS[setting]
    keras.utils.set_random_seed(seed)
    model = kc.SigmoidBeliefNetwork(
        ARCHITECTURE,
        num_samples=_NUM_SAMPLES,
        estimator=estimator,
        prior_temperature=_temperature(*prior, steps),
        posterior_temperature=_temperature(*posterior, steps),
        visible_mean=kc.smoothed_mean(data.train),
        seed=seed,
    )
    decay = keras.optimizers.schedules.CosineDecay(_LEARNING_RATE, steps)
    model.compile(keras.optimizers.Adam(decay))
    held_out = data.validation[:_HELD_OUT]
    watch = [kc.IntegralityGap(held_out, _NUM_SAMPLES), snapshots]
    history = model.fit(
        data.train, batch_size=_BATCH_SIZE, epochs=epochs, verbose=0, callbacks=watch
    ).history
    evaluated = kc.evaluate_bound(model, held_out, _EVALUATION_SAMPLES, verbose=False)
    bounds = [history[f"val_bound_{graph}"] for graph in ("relaxed", "discrete")]
    return CourseRun(
        setting,
        seed,
        epochs,
        *([round(bound, 3) for bound in each] for each in bounds),
        [round(-float(bound), 3) for bound in evaluated.bounds],
    )


def read_reports(folder: Path) -> dict[int, list[dict[str, Any]]]:
    """Rows of the gradient of q, by the number of epochs trained."""
    files = map(read_json, folder.glob("gradients-*.json"))
    return {f["epoch"]: f["rows"] for f in sorted(files, key=lambda f: f["epoch"])}
