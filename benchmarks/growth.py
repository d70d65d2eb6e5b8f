"""How the cost grows with the work: a curve for each direction, beside the limit's."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from benchmarks import charts
from benchmarks.contestants import EVALUATION, TRAINING, Contestant, make_job
from benchmarks.evaluation import limit_job, pair_costs
from benchmarks.peers.serving import Job
from benchmarks.race import Entry, Report, alternate
from benchmarks.summary import exponent, spread, spread_text

__all__ = ["AXES", "Axis", "Point", "growth_of", "make_results"]


@dataclass(frozen=True)
class Point:
    """One size of the work.

    Attributes:
        size: Where it lies on its axis.
        network: In the paper's notation.
        num_samples: Of the bound, or of the evaluation.
        units: Steps of a run, or images.
        settings: Other fields of the job.
    """

    size: int
    network: str
    num_samples: int
    units: int
    settings: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Axis:
    """A direction in which work grows.

    Attributes:
        label: With its unit, for the chart.
        points: From small to large.
        evaluates: Whether bounds are evaluated rather than a network trained.
    """

    label: str
    points: Sequence[Point]
    evaluates: bool = False


def _steps(num_samples: int) -> int:
    return max(20, 400 // num_samples)


AXES = {
    "samples": Axis(
        "samples m of the bound",
        [Point(m, "200H~200H~784V", m, _steps(m)) for m in (1, 2, 5, 10, 20, 50)],
    ),
    "width": Axis(
        "bits of each of two latent layers",
        [Point(w, f"{w}H~{w}H~784V", 5, 60) for w in (50, 100, 200, 400, 800)],
    ),
    "depth": Axis(
        "latent layers of 200 bits",
        [Point(d, "200H~" * d + "784V", 5, 60) for d in (1, 2, 3, 4)],
    ),
    "arity": Axis(
        "states of a unit, 240 bits a layer",
        [Point(n, "240H~240H~784V", 5, 40, {"arity": n}) for n in (2, 4, 8, 64)],
    ),
    "batch": Axis(
        "images in a batch",
        [
            Point(b, "200H~784V", 1, max(20, 12_800 // b), {"batch_size": b})
            for b in (64, 256, 1024, 4096)
        ],
    ),
    "evaluation": Axis(
        "samples K of an evaluation",
        [Point(k, "200H~784V", k, 20) for k in (1_000, 5_000, 20_000, 50_000)],
        evaluates=True,
    ),
}


def make_results(axis: str, point: Point, entries: Sequence[Entry]) -> dict[str, Any]:
    """What a size cost us, and the fastest of the matrix products.

    Args:
        axis: Its name.
        point: The size.
        entries: What the contestants did.

    Returns:
        A dict with `ours_ms` and `limit_ms`, each the CPU time of a step or an image.
    """
    costs = {
        entry.contestant.name: spread(_milliseconds(AXES[axis], point, entry))
        for entry in entries
    }
    limits = [costs[e.contestant.name] for e in entries if e.contestant.is_limit]
    result: dict[str, Any] = {
        "axis": axis,
        "size": point.size,
        "network": point.network,
        "num_samples": point.num_samples,
        **point.settings,
        "ours_ms": costs["ours"],
        "runs": {entry.contestant.name: entry.timed for entry in entries},
    }
    if limits:
        result["limit_ms"] = min(limits, key=lambda cost: cost["median"])
        result["times_limit"] = costs["ours"]["median"] / result["limit_ms"]["median"]
    return result


def _milliseconds(axis: Axis, point: Point, entry: Entry) -> list[float]:
    if not axis.evaluates:
        return [1e3 * run["cpu"] / run["units"] for run in entry.timed]
    pairs, _ = pair_costs(entry.timed, point.num_samples, "cpu")
    return [1e-3 * microseconds * point.num_samples for microseconds in pairs]


def growth_of(results: Sequence[dict[str, Any]], key: str) -> float:
    """Power with which a cost grows over the larger half of an axis.

    Args:
        results: Of one axis, from small to large.
        key: `ours_ms` or `limit_ms`.

    Returns:
        The power: 1 where the cost doubles with the size.

    Example:
    >>> costs = {1: 5.0, 2: 6.0, 4: 12.0}
    >>> results = [{"size": s, "ours_ms": {"median": c}} for s, c in costs.items()]
    >>> round(growth_of(results, "ours_ms"), 6)
    1.0
    """
    larger = results[(len(results) - 1) // 2 :]
    return exponent([r["size"] for r in larger], [r[key]["median"] for r in larger])


def _make_table(axis: Axis, results: Sequence[dict[str, Any]]) -> Table:
    table = Table(title=f"{axis.label}: CPU ms, the median (least to greatest)")
    table.add_column("size", justify="right")
    for header in ("ours", "matrix products", "times limit"):
        table.add_column(header, justify="right")
    for result in results:
        limit = result.get("limit_ms")
        table.add_row(
            f"{result['size']:,}",
            spread_text(result["ours_ms"]),
            spread_text(limit) if limit else "",
            f"{result['times_limit']:.2f}" if limit else "",
        )
    if len(results) > 1:
        powers = [
            f"{growth_of(results, key):.2f}" if key in results[0] else ""
            for key in ("ours_ms", "limit_ms")
        ]
        table.add_section()
        table.add_row("power", *powers, "")
    return table


def _measure(
    name: str, point: Point, repeats: int, threads: int, data: str, peers: Sequence[str]
) -> tuple[list[Entry], dict[str, str]]:
    axis = AXES[name]
    # The cost of a call, which compiles, is that of the first few images.
    units = [4, 4 + point.units] if axis.evaluates else [point.units]
    with tempfile.TemporaryDirectory() as folder:
        job = make_job(
            Path(folder),
            point.network,
            point.num_samples,
            steps=point.units,
            threads=threads,
            data_name=data,
            **point.settings,
        )

        def job_of(contestant: Contestant) -> Job:
            return limit_job(job) if axis.evaluates and contestant.is_limit else job

        return alternate(
            [
                contestant
                for contestant in (EVALUATION if axis.evaluates else TRAINING)
                if contestant.name == "ours" or contestant.is_limit
                if any(word in contestant.name.lower() for word in peers)
            ],
            job_of,
            units,
            repeats,
        )


def main(
    out: Annotated[Path, typer.Option(help="JSON to write; the chart beside it.")] = Path(
        "results/speed/growth.json"
    ),
    axes: Annotated[
        str, typer.Option(help="Directions: " + ", ".join(AXES) + ".")
    ] = ",".join(AXES),
    repeats: Annotated[int, typer.Option(help="Rounds.")] = 3,
    threads: Annotated[int, typer.Option(help="Threads, each on a core.")] = 2,
    peers: Annotated[
        str, typer.Option(help="Contestants that hold one of these words: a,b,...")
    ] = "",
    sizes: Annotated[
        int | None, typer.Option(help="Number of sizes, from the smallest; all if unset.")
    ] = None,
    data: Annotated[
        str, typer.Option(help="Data set, of at least 4,096 images for the batches.")
    ] = "binarized_mnist",
) -> None:
    """Times larger and larger work, each size beside the matrix products it needs."""
    console = Console(highlight=False)
    report = Report(out, "growth", threads, {"data": data, "repeats": repeats})
    words = [word.lower() for word in peers.split(",")]
    if unknown := set(axes.split(",")) - set(AXES):
        raise typer.BadParameter(f"{', '.join(unknown)}: not among {', '.join(AXES)}.")
    for name in axes.split(","):
        axis, results = AXES[name], []
        for point in axis.points[:sizes]:
            with console.status(f"{axis.label}: {point.size}"):
                entries, absent = _measure(name, point, repeats, threads, data, words)
            report.note(entries, absent)
            results.append(make_results(name, point, entries))
            report.add(results[-1])
        console.print(_make_table(axis, results))
    charts.draw_growth(
        out, report.content["results"], {name: AXES[name].label for name in AXES}
    )
    console.print(f"Written: {out} and its chart")


if __name__ == "__main__":
    typer.run(main)
