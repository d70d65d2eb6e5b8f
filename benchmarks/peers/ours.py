"""Ours: the `fit` of the command `keras-concrete train`, timed from within.

What runs is `experiments.fitting.start_fit`. A callback, first in the list, waits for the
driver before each epoch and takes the time of its training; validation, checkpoint and
history come after the clock was stopped.
"""

import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from benchmarks.peers.serving import Channel, Clock, Job, read_job
from keras_concrete import noise
from keras_concrete.datasets import load_dataset
from keras_concrete.experiments.fitting import start_fit
from keras_concrete.experiments.run_folder import RunFolder
from keras_concrete.experiments.training_config import TrainingConfig
from keras_concrete.models import SigmoidBeliefNetwork

_PACKAGES = ("keras", "tensorflow", "tensorflow-probability", "numpy")


def make_config(job: Job) -> TrainingConfig:
    """Settings of the run."""
    return TrainingConfig(
        architecture=job.network,
        data=job.data_name,
        arity=job.arity,
        num_samples=job.num_samples,
        prior_temperature=job.prior_temperature,
        posterior_temperature=job.posterior_temperature,
        centering=False,
        epochs=1_000_000,
        steps_per_epoch=job.steps,
        batch_size=job.batch_size,
        learning_rate=job.learning_rate,
        learning_rate_schedule="constant",
        seed=job.seed,
    )


class _Turns(keras.callbacks.Callback):
    """Trains an epoch whenever the driver asks for one."""

    def __init__(self, job: Job, channel: Channel) -> None:
        super().__init__()
        self._job = job
        self._channel = channel

    def on_train_begin(self, logs: Any = None) -> None:
        """Starts from the weights that everyone starts from."""
        weights = self._job.load_weights()
        for variable in self.model.trainable_weights:
            variable.assign(weights[variable.path])
        self._channel.ready()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        num_steps = self._channel.next_run()
        if num_steps is None:
            raise SystemExit
        if num_steps != self._job.steps:
            raise ValueError(f"An epoch has {self._job.steps} steps, not {num_steps}.")
        self._bounds: list[float] = []
        self._seen, self._sum = 0, 0.0
        self._clock: Clock | None = Clock()

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Takes the mean over the last execution from the mean since the epoch began."""
        total = logs["bound"] * (batch + 1)
        self._bounds.append((total - self._sum) / (batch + 1 - self._seen))
        self._seen, self._sum = batch + 1, total

    def on_test_begin(self, logs: Any = None) -> None:
        """Training is over; validation is not timed."""
        if self._clock is not None and not self._clock.wall:
            self._clock.stop()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.on_test_begin()
        self._channel.answer(self._job.steps, self._clock, self._bounds)


def _without_noise(job: Job) -> None:
    """Replaces the noise by constants, for the measurement of what the noise costs."""

    def constant(shape: tuple, key: Any) -> Any:
        values = np.random.default_rng(job.seed).logistic(size=tuple(map(int, shape)))
        return keras.ops.convert_to_tensor(values, dtype="float32")

    noise.logistic = constant


def main() -> None:
    """Runs the contestant."""
    channel = Channel(_PACKAGES)
    job = read_job()
    if job.options.get("constant_noise"):
        _without_noise(job)
    fit = keras.Model.fit

    def fit_in_turns(self: keras.Model, *args: Any, callbacks: Any, **kwargs: Any) -> Any:
        return fit(self, *args, callbacks=[_Turns(job, channel), *callbacks], **kwargs)

    SigmoidBeliefNetwork.fit = fit_in_turns
    with tempfile.TemporaryDirectory() as folder:
        start_fit(
            RunFolder(Path(folder) / "run"),
            make_config(job),
            load_dataset(job.data_name),
            verbose=1,
        )


if __name__ == "__main__":
    main()
