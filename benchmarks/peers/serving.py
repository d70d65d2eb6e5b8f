"""What a contestant and the driver say to each other, a JSON object a line.

A contestant is a process that is started once and kept alive. When it is set up it says
that it is ready; then it answers each line `{"run": N}` with what N units of work (steps,
or images) cost. Standard output is the driver's; whatever else would print goes nowhere.
Only the standard library and NumPy are used here, since every environment has them.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["Channel", "Clock", "Job", "read_job", "serve"]


@dataclass(frozen=True)
class Job:
    """What a contestant shall do.

    Attributes:
        network: In the paper's notation, for contestants that read it.
        latent_units: Bits of the latent layers, the one next to the image first.
        visible_units: Pixels.
        num_samples: Samples m of the bound, or K of an evaluation.
        data: `.npz` file with `train` and `test`, uint8 images, one a row.
        weights: `.npz` file with the initial weights by their paths in our model.
        steps: Steps of a run, so that a contestant may compile for them.
        arity: Number of states of a latent unit.
        data_name: Name of the data set.
        batch_size: Images in a batch.
        threads: Number of threads.
        learning_rate: Of Adam.
        epsilon: Added to the root of the corrected second moment, as PyTorch and JAX
            do. Keras adds it to the uncorrected one: a difference of less than its
            size.
        prior_temperature: Of the densities of p.
        posterior_temperature: Of the samples and densities of q.
        seed: Integer.
        options: What a single contestant understands.
    """

    network: str
    latent_units: Sequence[int]
    visible_units: int
    num_samples: int
    data: str
    weights: str
    steps: int = 100
    arity: int = 2
    data_name: str = "mnist5k"
    batch_size: int = 64
    threads: int = 2
    learning_rate: float = 1e-4
    epsilon: float = 1e-7
    prior_temperature: float = 1 / 2
    posterior_temperature: float = 2 / 3
    seed: int = 0
    options: dict[str, Any] = field(default_factory=dict)

    def load_data(self, split: str = "train") -> np.ndarray:
        """The images of a split, uint8."""
        with np.load(self.data) as file:
            return file[split]

    def load_weights(self) -> dict[str, np.ndarray]:
        """Initial weights by their paths in our model, such as `prior_1_logits/bias`."""
        with np.load(self.weights) as file:
            return dict(file)


def read_job() -> Job:
    """The job that the driver passed on the command line."""
    return Job(**json.loads(sys.argv[1]))


class Channel:
    """The contestant's end of the conversation.

    Args:
        packages: Packages whose versions the driver shall record.
    """

    def __init__(self, packages: Sequence[str]) -> None:
        self._out = os.fdopen(os.dup(1), "w")
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 1)
        self._packages = packages

    def ready(self) -> None:
        """Says that everything is set up."""
        versions = {"python": sys.version.split()[0]}
        for package in self._packages:
            try:
                versions[package] = version(package)
            except PackageNotFoundError:
                versions[package] = "unknown"
        self._say({"ready": True, "versions": versions})

    def next_run(self) -> int | None:
        """Waits for the driver: units of work to do, or None to stop."""
        line = sys.stdin.readline()
        return json.loads(line)["run"] if line.strip() else None

    def answer(self, num_units: int, clock: "Clock", bounds: Sequence[float]) -> None:
        """Says what a run cost.

        Args:
            num_units: Steps that were taken.
            clock: The stopped clock.
            bounds: Mean bound of each of several equal stretches of the run.
        """
        self._say(
            {
                "units": num_units,
                "wall": clock.wall,
                "cpu": clock.cpu,
                "bounds": [float(bound) for bound in bounds],
                "peak_mib": _peak_mib(),
            }
        )

    def _say(self, message: dict[str, Any]) -> None:
        self._out.write(json.dumps(message) + "\n")
        self._out.flush()


def _peak_mib() -> float:
    """Greatest resident memory. `getrusage` would count the driver, which forked us."""
    status = Path("/proc/self/status")
    if not status.exists():
        return float("nan")
    (line,) = (x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


class Clock:
    """Seconds of wall time, and of CPU time over all threads of this process."""

    def __init__(self) -> None:
        self._start = time.perf_counter(), time.process_time()
        self.wall = self.cpu = 0.0

    def stop(self) -> None:
        """Takes the time since the clock was made."""
        self.wall = time.perf_counter() - self._start[0]
        self.cpu = time.process_time() - self._start[1]


def serve(
    make: Callable[[Job], Callable[[int], Sequence[float]]], packages: Sequence[str]
) -> None:
    """Runs a contestant to its end.

    Args:
        make: From the job to a function that does N units of work and returns the mean
            bound of each of several equal stretches of it.
        packages: Packages whose versions the driver shall record.
    """
    channel = Channel(packages)
    run = make(read_job())
    channel.ready()
    while (num_units := channel.next_run()) is not None:
        clock = Clock()
        bounds = run(num_units)
        clock.stop()
        channel.answer(num_units, clock, bounds)
