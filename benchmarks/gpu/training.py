"""Times a step of training on the device that JAX finds, ours beside other code.

KERAS_BACKEND=jax python -m benchmarks.gpu.training results/gpu/training.json

Ours is `fit`, on arrays of the host, and the same model's stateless functions in one
scan over steps, with the images on the device. The peers are `benchmarks.peers.jax_scan`,
such a scan by hand, and `benchmarks.peers.torch_steps` compiled, both with the images on
the device. All start from the same weights, on images of independent pixels, and all
multiply as NVIDIA's GPUs do by default for JAX: float32 with 10 bits of precision.
"""

import gc
import importlib.util
import itertools
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

import jax
import jax.numpy as jnp
import keras
import numpy as np
import typer

from benchmarks.peers import jax_scan
from benchmarks.peers.serving import Job
from keras_concrete.models import SigmoidBeliefNetwork

Run = Callable[[int], Sequence[float]]


def main(
    out: Annotated[Path, typer.Argument(help="JSON file to write.")],
    network: Annotated[str, typer.Option(help="Network.")] = "200H~200H~784V",
    batches: Annotated[
        str, typer.Option(help="Batch sizes, separated by commas.")
    ] = "64,1024,65536",
    samples: Annotated[
        str, typer.Option(help="Numbers of samples m, likewise.")
    ] = "1,5,50,500,5000",
    most_pairs: Annotated[
        int, typer.Option(help="Greatest number of images times samples.")
    ] = 1_000_000,
    least_pairs: Annotated[int, typer.Option(help="Least such number.")] = 1,
    contestants: Annotated[
        str, typer.Option(help="Contestants, separated by semicolons; all by default.")
    ] = "",
    seconds: Annotated[
        float, typer.Option(help="Seconds after which nothing further is timed.")
    ] = 300.0,
) -> None:
    """Times every contestant for every batch and m, and writes results as they come."""
    sizes = [
        (int(batch), int(m))
        for m in samples.split(",")
        for batch in batches.split(",")
        if least_pairs <= int(batch) * int(m) <= most_pairs
    ]
    sizes.sort(key=lambda size: size[0] * size[1])
    start = time.perf_counter()
    content: dict[str, Any] = {
        "benchmark": "gpu.training",
        "command": " ".join(["python -m benchmarks.gpu.training", *sys.argv[1:]]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "device": jax.devices()[0].device_kind,
        "versions": {n: version(n) for n in ("jax", "jaxlib", "keras", "numpy")},
        "network": network,
        "results": [],
        "left_out": [],
        "failed": [],
    }
    if importlib.util.find_spec("torch"):
        content["versions"]["torch"] = version("torch")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for (batch, m), name, make, limit in _tasks(sizes, seconds):
            if contestants and name not in contestants.split(";"):
                continue
            cell = {"contestant": name, "batch": batch, "num_samples": m}
            if time.perf_counter() - start > limit:
                content["left_out"].append(cell)
                continue
            try:
                cell |= _timed(make, _job(Path(folder), network, batch, m))
                content["results"].append(cell)
            except Exception as error:  # Each framework has its own.
                content["failed"].append(cell | {"error": str(error)[:300]})
            print(cell, flush=True)
            content["seconds"] = time.perf_counter() - start
            out.write_text(json.dumps(content, indent=2))
            gc.collect()
            jax.clear_caches()
    out.write_text(json.dumps(content, indent=2))


def _tasks(
    sizes: list[tuple[int, int]], seconds: float
) -> Iterator[tuple[tuple[int, int], str, Callable[[Job], Run], float]]:
    """Sizes and contestants, each with the seconds after which it does not start."""
    by_jax = {"ours, in a scan": _scan, "JAX by hand": jax_scan.make, "ours, fit": _fit}
    for size, (name, make) in itertools.product(sizes, by_jax.items()):
        yield size, name, make, 0.65 * seconds
    if importlib.util.find_spec("torch"):
        import torch

        from benchmarks.peers import torch_steps

        torch.set_float32_matmul_precision("high")
        torch.set_default_device("cuda" if torch.cuda.is_available() else "cpu")
        for size in sizes:
            yield size, "PyTorch, compiled", torch_steps.make, seconds


def _timed(make: Callable[[Job], Run], job: Job) -> dict[str, Any]:
    """Milliseconds a step: median, least and greatest of 3 runs after the first."""
    start = time.perf_counter()
    run = make(job)
    bounds = np.asarray(run(job.steps))
    first = time.perf_counter() - start
    rounds = []
    for _ in range(3):
        start = time.perf_counter()
        run(job.steps)
        rounds.append(1e3 * (time.perf_counter() - start) / job.steps)
    return {
        "steps": job.steps,
        "ms": statistics.median(rounds),
        "ms_min": min(rounds),
        "ms_max": max(rounds),
        "first_run_seconds": first,
        "first_bound": float(bounds.mean()),
    }


def _job(folder: Path, network: str, batch: int, num_samples: int) -> Job:
    model = _model(network, 1)
    units = model.visible_units
    data, weights = folder / "data.npz", folder / "weights.npz"
    if not data.exists():
        generator = np.random.default_rng(0)
        images = generator.random((4096, units)) < generator.beta(0.3, 1.5, units)
        np.savez(data, train=images.astype("uint8"))
        np.savez(weights, **{v.path: v.numpy() for v in model.trainable_weights})
    latent = [int(part.rstrip("HV")) for part in network.split("~")][:-1]
    return Job(
        network=network,
        latent_units=latent[::-1],
        visible_units=units,
        num_samples=num_samples,
        data=str(data),
        weights=str(weights),
        steps=int(np.clip(1_000_000 / (batch * num_samples), 5, 200)),
        batch_size=batch,
        options={"compile": True},
    )


def _model(network: str, num_samples: int) -> SigmoidBeliefNetwork:
    return SigmoidBeliefNetwork(network, num_samples=num_samples, centering=False, seed=0)


def _started(job: Job) -> SigmoidBeliefNetwork:
    model = _model(job.network, job.num_samples)
    weights = job.load_weights()
    for variable in model.trainable_weights:
        variable.assign(weights[variable.path])
    return model


def _adam(job: Job) -> keras.optimizers.Optimizer:
    return keras.optimizers.Adam(job.learning_rate, epsilon=job.epsilon)


def _fit(job: Job) -> Run:
    """`fit`, of an epoch of as many batches."""
    model = _started(job)
    model.compile(_adam(job))
    size = job.steps * job.batch_size
    x = np.resize(job.load_data(), (size, job.visible_units))

    def run(num_steps: int) -> list[float]:
        return model.fit(x, batch_size=job.batch_size, verbose=0).history["bound"]

    return run


def _scan(job: Job) -> Run:
    """Keras's stateless functions of the model in a scan."""
    model, optimizer = _started(job), _adam(job)
    optimizer.build(model.trainable_variables)
    images = jnp.asarray(job.load_data())

    def loss(trained: Any, others: Any, x: jax.Array) -> Any:
        outputs, others = model.stateless_call(trained, others, x, training=True)
        return -jnp.mean(outputs["bound"]), others

    def step(carry: Any, key: jax.Array) -> Any:
        trained, others, state = carry
        rows = jax.random.randint(key, (job.batch_size,), 0, len(images))
        x = images[rows].astype(jnp.float32)
        (value, others), gradient = jax.value_and_grad(loss, has_aux=True)(
            trained, others, x
        )
        trained, state = optimizer.stateless_apply(state, gradient, trained)
        return (trained, others, state), -value

    carry: Any = tuple(
        [jnp.copy(v.value) for v in variables]
        for variables in (
            model.trainable_variables,
            model.non_trainable_variables,
            optimizer.variables,
        )
    )
    return jax_scan.runs(step, carry, job.seed)


if __name__ == "__main__":
    typer.run(main)
