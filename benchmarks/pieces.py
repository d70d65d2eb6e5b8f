"""Where the time of an evaluation goes: each kind of work of a pair, alone.

Each is compiled by XLA as a loop over chunks of rows, as `evaluate_bound` has it.
"""

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tensorflow as tf
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.race import Report
from benchmarks.summary import spread
from keras_concrete import SigmoidBeliefNetwork, evaluate_bound, noise
from keras_concrete.distributions import Bernoulli
from keras_concrete.layers import BernoulliLogLikelihood
from keras_concrete.networks.notation import parse_architecture
from keras_concrete.types import Tensor

__all__ = ["pieces_of", "time_piece"]

_CHUNK = 1_000

# From the number of a chunk to a scalar that depends on all of the chunk's work.
Piece = Callable[[Tensor], Tensor]


def pieces_of(network: str, rows: int = _CHUNK) -> dict[str, Piece]:
    """The work of a chunk of samples of one image, by kind.

    Args:
        network: In the paper's notation, all links `~`.
        rows: Samples of the chunk.

    Returns:
        A function for each kind. Products are those with a row a sample.
    """
    parsed = parse_architecture(network)
    bits = list(parsed.latent_units)
    visible = parsed.visible_units
    # q above its first layer, p from its second, the likelihood: two tanh layers each.
    functions = [(bits[i], bits[i + 1], bits[i + 1]) for i in range(len(bits) - 1)]
    functions += [(bits[i + 1], bits[i + 1], bits[i]) for i in range(len(bits) - 1)]
    functions.append((bits[0], bits[0], visible))
    generator = np.random.default_rng(0)

    def constant(*shape: int) -> Tensor:
        return tf.constant(generator.normal(size=shape), "float32")

    kernels = [
        tuple(constant(*shape) for shape in ((a, h), (h, h), (h, c)))
        for a, h, c in functions
    ]
    inputs = [constant(rows, a) for a, _, _ in functions]
    hidden = [constant(rows, h) for _, h, _ in functions for _ in range(2)]
    logits = [constant(rows, size) for size in bits]
    pixels = constant(rows, visible)
    image = tf.constant(generator.integers(0, 2, (1, visible)), "float32")
    likelihood = BernoulliLogLikelihood(sample_axis=True)

    def total(tensors: list[Tensor]) -> Tensor:
        return tf.add_n([tf.reduce_sum(tensor) for tensor in tensors])

    def products(shift: Tensor) -> Tensor:
        results = []
        for x, layers in zip(inputs, kernels, strict=True):
            x = x + shift
            for kernel in layers:
                x = x @ kernel
            results.append(x)
        return total(results)

    def bits_of_noise(shift: Tensor) -> Tensor:
        key = tf.cast(tf.stack([shift, 7.0]), tf.uint32)
        drawn = [
            noise.logistic((rows, size), noise.fold_in(key, i))
            for i, size in enumerate(bits)
        ]
        return total([tf.cast(x > shift, "float32") for x in drawn])

    def masses(shift: Tensor) -> Tensor:
        return total([Bernoulli(x + shift).log_prob(x) for x in 2 * logits])

    return {
        "products": products,
        "noise": bits_of_noise,
        "tanh": lambda shift: total([tf.tanh(x + shift) for x in hidden]),
        "log-probabilities of bits": masses,
        "log-likelihood of pixels": lambda shift: total(
            [likelihood(image, (pixels + shift)[None])]
        ),
    }


def time_piece(piece: Piece, rows: int, chunks: int, repeats: int) -> list[float]:
    """Times a kind of work.

    Args:
        piece: What a chunk takes.
        rows: Samples of a chunk.
        chunks: Chunks of a run.
        repeats: Number of runs.

    Returns:
        Microseconds for each (image, sample) pair, of each run.
    """

    @tf.function(jit_compile=True)
    def run(start: Tensor) -> Tensor:
        return tf.map_fn(piece, start + tf.range(chunks, dtype="float32"))

    costs = []
    for i in range(repeats + 1):
        began = time.perf_counter()
        run(tf.constant(float(i))).numpy()
        costs.append(1e6 * (time.perf_counter() - began) / (rows * chunks))
    return costs[1:]  # The first compiles.


def _time_whole(network: str, num_samples: int, repeats: int) -> list[float]:
    """Microseconds a pair of `evaluate_bound`, by calls of two sizes."""
    model = SigmoidBeliefNetwork(network, centering=False, seed=0)
    size = parse_architecture(network).visible_units
    images = np.random.default_rng(0).integers(0, 2, (11, size)).astype("uint8")
    costs = []
    for _ in range(repeats + 1):
        seconds = []
        for count in (1, 11):
            began = time.perf_counter()
            evaluate_bound(model, images[:count], num_samples, verbose=False)
            seconds.append(time.perf_counter() - began)
        costs.append(1e6 * (seconds[1] - seconds[0]) / (10 * num_samples))
    return costs[1:]  # The first compiles.


def main(
    out: Annotated[Path, typer.Option(help="JSON to write.")] = Path(
        "results/speed/pieces.json"
    ),
    network: Annotated[
        list[str] | None, typer.Option(help="Networks, all links `~`.")
    ] = None,
    chunks: Annotated[int, typer.Option(help="Chunks of 1,000 samples of a run.")] = 100,
    repeats: Annotated[int, typer.Option(help="Rounds.")] = 5,
    threads: Annotated[int, typer.Option(help="Threads, each on a core.")] = 2,
) -> None:
    """Times each kind of work of an evaluation alone, and the evaluation itself."""
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    console = Console(highlight=False)
    report = Report(out, "pieces", threads, {"chunks": chunks, "repeats": repeats})
    for name in network or ["200H~200H~784V", "200H~784V"]:
        costs: dict[str, Any] = {
            kind: spread(time_piece(piece, _CHUNK, chunks, repeats))
            for kind, piece in pieces_of(name).items()
        }
        costs["evaluate_bound"] = spread(_time_whole(name, _CHUNK * chunks, repeats))
        report.add({"network": name, "us_per_pair": costs})
        table = Table("", "us a pair", title=name)
        for kind, cost in costs.items():
            table.add_row(kind, f"{cost['median']:.2f}")
        parts = [costs[kind]["median"] for kind in costs if kind != "evaluate_bound"]
        table.add_row("sum of the kinds", f"{statistics.fsum(parts):.2f}")
        console.print(table)
    console.print(f"Written: {out}")


if __name__ == "__main__":
    typer.run(main)
