"""What noise costs: ns an element by its source, and its share of a training step."""

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import tensorflow as tf
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.contestants import Contestant, make_job
from benchmarks.race import Entry, Report, alternate
from benchmarks.summary import spread, spread_text
from keras_concrete import noise
from keras_concrete.graphs import piecewise_compiled
from keras_concrete.types import Tensor

__all__ = ["GRAPHS", "SOURCES", "share", "time_source"]


def _native(alg: str) -> Callable[[tuple[int, ...], Tensor], Tensor]:
    return lambda shape, key: tf.random.stateless_uniform(
        shape, tf.cast(key, tf.int32), alg=alg
    )


SOURCES = {
    "our logistic": noise.logistic,
    "our gumbel": noise.gumbel,
    "our uniform": noise.uniform,
    "stateless_uniform, threefry": _native("threefry"),
    "stateless_uniform, philox": _native("philox"),
    "stateless_uniform, default": _native("auto_select"),
}


# XLA compiles all, the generator of a layer that trains, or nothing.
GRAPHS = ("XLA", "training", "no XLA")


def time_source(
    draw: Callable[[tuple[int, ...], Tensor], Tensor],
    size: int,
    graph: str,
    repeats: int,
) -> list[float]:
    """Times draws with a key that is known at run time only.

    Args:
        draw: From shape and key to a tensor.
        size: Number of elements.
        graph: One of `GRAPHS`.
        repeats: Number of draws.

    Returns:
        Nanoseconds an element, for each draw.
    """

    # The sum: noise that is used at once need not go through memory.
    @tf.function(jit_compile=graph == "XLA")
    def total(key: Tensor) -> Tensor:
        with piecewise_compiled(graph == "training"):
            return tf.reduce_sum(draw((size,), key))

    costs = []
    for i in range(repeats + 1):
        key = tf.constant([i, 7], dtype=tf.uint32)
        start = time.perf_counter()
        total(key).numpy()
        costs.append(1e9 * (time.perf_counter() - start) / size)
    return costs[1:]  # The first compiles.


def share(entries: Sequence[Entry], key: str) -> dict[str, float]:
    """The share of a step that is noise.

    Args:
        entries: The steps with noise, then those with constants in its place.
        key: `wall` or `cpu`.

    Returns:
        Median, least and greatest over the rounds, each a pair of runs.
    """
    full, constant = ([run[key] for run in entry.timed] for entry in entries)
    return {
        **spread([1 - b / a for a, b in zip(full, constant, strict=True)]),
        "of_medians": 1 - statistics.median(constant) / statistics.median(full),
    }


def _measure_sources(size: int, repeats: int) -> list[dict[str, Any]]:
    results = []
    for graph in GRAPHS:
        for name, draw in SOURCES.items():
            result: dict[str, Any] = {"source": name, "graph": graph, "size": size}
            try:
                result["ns"] = spread(time_source(draw, size, graph, repeats))
            except tf.errors.OpError as error:
                result["error"] = str(error).splitlines()[0]
            results.append(result)
    return results


def main(
    out: Annotated[Path, typer.Option(help="JSON to write.")] = Path(
        "results/speed/noise.json"
    ),
    size: Annotated[int, typer.Option(help="Elements of a draw.")] = 1_000_000,
    network: Annotated[str, typer.Option(help="Of the step.")] = "200H~200H~784V",
    num_samples: Annotated[int, typer.Option("--m", help="Samples of the bound.")] = 5,
    steps: Annotated[int, typer.Option(help="Steps of a run.")] = 500,
    repeats: Annotated[int, typer.Option(help="Rounds.")] = 9,
    threads: Annotated[int, typer.Option(help="Threads, each on a core.")] = 2,
) -> None:
    """Times sources of noise, and a compiled training step with and without its noise."""
    console = Console(highlight=False)
    settings = {"network": network, "num_samples": num_samples, "repeats": repeats}
    report = Report(out, "noise", threads, settings)
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    results = _measure_sources(size, repeats)
    report.add(*results)
    table = Table(title=f"{size:,} elements: ns each, the median (least to greatest)")
    for header in ("", *GRAPHS):
        table.add_column(header, justify="right" if header else "left")
    for i, name in enumerate(SOURCES):
        table.add_row(name, *(_text(result) for result in results[i :: len(SOURCES)]))
    console.print(table)
    with tempfile.TemporaryDirectory() as folder:
        job = make_job(Path(folder), network, num_samples, steps=steps, threads=threads)
        entries, absent = alternate(
            [
                Contestant("with noise", "ours"),
                Contestant("constants", "ours", options={"constant_noise": True}),
            ],
            job,
            [steps],
            repeats,
        )
    report.note(entries, absent)
    shares = {key: share(entries, key) for key in ("wall", "cpu")}
    report.add({"network": network, "num_samples": num_samples, "share": shares})
    for key, found in shares.items():
        console.print(
            f"{network}, m = {num_samples}: noise takes {found['of_medians']:.1%} of the "
            f"{key} time of a step (rounds: {found['min']:.1%} to {found['max']:.1%})"
        )
    console.print(f"Written: {out}")


def _text(result: dict[str, Any]) -> str:
    if "error" in result:
        return "refuses"
    return spread_text(result["ns"], digits=1)


if __name__ == "__main__":
    typer.run(main)
