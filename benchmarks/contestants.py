"""Who takes part, and the driver's end of the conversation with one of them."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from benchmarks.environments import python_of
from benchmarks.peers.serving import Job
from keras_concrete.datasets import load_dataset
from keras_concrete.experiments.machine import available_cores
from keras_concrete.images import smoothed_mean
from keras_concrete.models import SigmoidBeliefNetwork
from keras_concrete.networks.notation import parse_architecture

__all__ = ["EVALUATION", "TRAINING", "Contestant", "Session", "make_job"]

_ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Contestant:
    """A program that does the work.

    Attributes:
        name: As tables and `--peers` call it.
        module: In `benchmarks.peers`.
        environment: Name of its virtual environment; None for this one.
        is_limit: Whether it does nothing but the matrix products.
        options: For its job.
        backend: Of Keras.
    """

    name: str
    module: str
    environment: str | None = None
    is_limit: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    backend: str = "tensorflow"

    @property
    def installed(self) -> bool:
        """Whether its environment was made."""
        return python_of(self.environment).exists()


_PRODUCTS = (
    Contestant("products (NumPy)", "products_numpy", None, True),
    Contestant("products (PyTorch)", "products_torch", "torch", True),
    Contestant("products (TensorFlow)", "products_tensorflow", None, True),
    Contestant("products (XLA)", "products_xla", "jax", True),
)

TRAINING = (
    Contestant("ours", "ours"),
    Contestant("ours on JAX", "ours", "jax", backend="jax"),
    Contestant("own model, XLA", "ours", options={"form": "layers by XLA"}),
    Contestant("own model, plain", "ours", options={"form": "layers"}),
    Contestant("JAX", "jax_scan", "jax"),
    Contestant("PyTorch compiled", "torch_steps", "torch", options={"compile": True}),
    Contestant("PyTorch eager", "torch_steps", "torch"),
    Contestant("TFP idiom", "tfp_idiom"),
    Contestant("NumPyro", "numpyro_svi", "jax"),
    Contestant("Pyro", "pyro_svi", "torch"),
    *_PRODUCTS,
)

EVALUATION = (
    Contestant("ours", "evaluate_ours"),
    Contestant("JAX", "evaluate_jax", "jax"),
    *_PRODUCTS,
)


class Session:
    """A contestant at work, alone between a request and its answer.

    Args:
        contestant: Who.
        job: What.

    Attributes:
        setup_seconds: From the start of the process until it was ready: imports, data
            and weights.
        versions: Of the packages that it uses.
    """

    def __init__(self, contestant: Contestant, job: Job) -> None:
        self.contestant = contestant
        start = time.perf_counter()
        content = {**asdict(job), "options": {**job.options, **contestant.options}}
        cores = available_cores()[: job.threads]
        # A file, and not a pipe that no one empties.
        self._errors = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(
            [
                python_of(contestant.environment),
                "-m",
                f"benchmarks.peers.{contestant.module}",
                json.dumps(content),
            ],
            cwd=_ROOT,
            env={
                **os.environ,
                **_thread_settings(len(cores)),
                "KERAS_BACKEND": contestant.backend,
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            preexec_fn=lambda: _pin(cores),
        )
        self.versions = self._read()["versions"]
        self.setup_seconds = time.perf_counter() - start

    def run(self, num_units: int) -> dict[str, Any]:
        """Has the contestant do some work.

        Args:
            num_units: Steps, or images.

        Returns:
            Its answer: `units`, `wall`, `cpu`, `bounds`, `peak_mib`.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"run": num_units}) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait()
            self._errors.seek(0)
            raise RuntimeError(
                f"{self.contestant.name} stopped:\n{self._errors.read()[-3000:]}"
            )
        return json.loads(line)

    def __enter__(self) -> "Session":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()
        self._errors.close()


def _thread_settings(threads: int) -> dict[str, str]:
    """Environment variables that frameworks read; the cores themselves are pinned."""
    names = (
        "OMP_NUM_THREADS",
        "MKL_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "TF_NUM_INTRAOP_THREADS",
        "TF_NUM_INTEROP_THREADS",
    )
    return {**dict.fromkeys(names, str(threads)), "TF_CPP_MIN_LOG_LEVEL": "3"}


def _pin(cores: Sequence[int]) -> None:
    if sys.platform == "linux":
        os.sched_setaffinity(0, cores)


def make_job(folder: Path, network: str, num_samples: int, **settings: Any) -> Job:
    """Writes data and initial weights for all contestants.

    Args:
        folder: Where the files go.
        network: In the paper's notation.
        num_samples: Of the bound.
        **settings: Other fields of `Job`.

    Returns:
        The job.
    """
    architecture = parse_architecture(network)
    job = Job(
        network=network,
        latent_units=architecture.latent_units[::-1],
        visible_units=architecture.visible_units,
        num_samples=num_samples,
        data=str((folder / "data.npz").absolute()),
        weights=str((folder / "weights.npz").absolute()),
        **settings,
    )
    data = load_dataset(job.data_name)
    np.savez(job.data, train=data.train, test=data.test)
    model = SigmoidBeliefNetwork(
        network,
        arity=job.arity,
        prior_temperature=job.prior_temperature,
        posterior_temperature=job.posterior_temperature,
        visible_mean=smoothed_mean(data.train),
        centering=False,
        seed=job.seed,
    )
    np.savez(job.weights, **{w.path: w.numpy() for w in model.trainable_weights})
    return job
