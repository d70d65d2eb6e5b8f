"""K samples for each image, side by side: ours, JAX, the machine's limit.

Each contestant evaluates two numbers of images. The difference, for each (image, sample)
pair, is free of what a call costs once (compilation), and so is the number that matters
for a whole test set.
"""

import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.contestants import EVALUATION, Contestant, make_job
from benchmarks.peers.serving import Job
from benchmarks.race import Entry, Report, alternate
from benchmarks.summary import spread, spread_text

__all__ = ["limit_job", "make_results", "pair_costs"]

_FULL_IMAGES, _FULL_SAMPLES = 10_000, 50_000
_CHUNK = 1_000  # Larger ones are no faster.


def pair_costs(
    runs: Sequence[dict[str, Any]], num_samples: int, key: str
) -> tuple[list[float], list[float]]:
    """Splits the cost of calls into that of a pair and that of a call.

    Args:
        runs: Answers to a call on few images, one on many, and so on in turn.
        num_samples: K.
        key: `wall` or `cpu`.

    Returns:
        Microseconds for each (image, sample) pair; and seconds that a call takes beside.

    Example:
    >>> runs = [{"units": 1, "wall": 3.0}, {"units": 2, "wall": 4.0}]
    >>> pair_costs(runs, num_samples=1_000_000, key="wall")
    ([1.0], [2.0])
    """
    pairs, calls = [], []
    for few, many in zip(runs[::2], runs[1::2], strict=True):
        per_image = (many[key] - few[key]) / (many["units"] - few["units"])
        pairs.append(1e6 * per_image / num_samples)
        calls.append(few[key] - per_image * few["units"])
    return pairs, calls


def make_results(
    network: str, num_samples: int, entries: Sequence[Entry]
) -> list[dict[str, Any]]:
    """Sets the contestants of one race beside each other.

    Args:
        network: In the paper's notation.
        num_samples: K.
        entries: What they did.

    Returns:
        A dict for each contestant, with the whole job's `full_hours` extrapolated from
        the median pair, the least and the greatest.
    """
    costs = {
        entry.contestant.name: {
            key: pair_costs(entry.timed, num_samples, key) for key in ("wall", "cpu")
        }
        for entry in entries
    }
    limits = [
        statistics.median(costs[entry.contestant.name]["wall"][0])
        for entry in entries
        if entry.contestant.is_limit
    ]
    ours = costs["ours"]["wall"][0] if "ours" in costs else None
    results = []
    for entry in entries:
        cost = costs[entry.contestant.name]
        wall, calls = cost["wall"]
        call = statistics.median(calls)
        pairs = _FULL_IMAGES * _FULL_SAMPLES
        hours = [(call + 1e-6 * pair * pairs) / 3600 for pair in wall]
        result = {
            "network": network,
            "num_samples": num_samples,
            "contestant": entry.contestant.name,
            "is_limit": entry.contestant.is_limit,
            "wall_us_per_pair": spread(wall),
            "cpu_us_per_pair": spread(cost["cpu"][0]),
            "call_seconds": spread(calls),
            "full_hours": spread(hours),
            "setup_seconds": entry.setup_seconds,
            "peak_mib": max(run["peak_mib"] for run in entry.timed),
            "runs": entry.timed,
        }
        if ours:
            result["times_ours"] = statistics.median(wall) / statistics.median(ours)
        if limits:
            result["times_limit"] = statistics.median(wall) / min(limits)
        if entry.timed[-1]["bounds"]:
            result["bound"] = entry.timed[-1]["bounds"][0]
        results.append(result)
    return results


def _make_table(results: Sequence[dict[str, Any]]) -> Table:
    first = results[0]
    table = Table(title=f"{first['network']}: evaluation by {first['num_samples']:,}")
    table.add_column("")
    for header in (
        "wall us a pair (min to max)",
        "CPU us",
        "times ours",
        "times limit",
        "10,000 x 50,000: hours",
        "s a call",
        "peak MiB",
        "bound",
    ):
        table.add_column(header, justify="right")
    for result in sorted(results, key=lambda r: r["wall_us_per_pair"]["median"]):
        table.add_row(
            result["contestant"],
            spread_text(result["wall_us_per_pair"]),
            f"{result['cpu_us_per_pair']['median']:.2f}",
            f"{result.get('times_ours', float('nan')):.2f}",
            f"{result.get('times_limit', float('nan')):.2f}",
            spread_text(result["full_hours"]),
            f"{result['call_seconds']['median']:.1f}",
            f"{result['peak_mib']:.0f}",
            f"{result['bound']:.3f}" if "bound" in result else "",
        )
    return table


def limit_job(job: Job) -> Job:
    """The work of an evaluation as forward products alone, for contestants without more.

    Args:
        job: Of an evaluation, by a multiple of 1,000 samples.

    Returns:
        A job whose unit is an image, in chunks of 1,000 samples.
    """
    options = {"backward": False, "steps_per_unit": job.num_samples // _CHUNK}
    return replace(job, batch_size=1, num_samples=_CHUNK, options=options)


def main(
    out: Annotated[Path, typer.Option(help="JSON to write.")] = Path(
        "results/speed/evaluation.json"
    ),
    network: Annotated[
        list[str] | None, typer.Option(help="Networks, all links `~`.")
    ] = None,
    num_samples: Annotated[
        int, typer.Option("--samples", help="Samples K for each image.")
    ] = _FULL_SAMPLES,
    images: Annotated[
        tuple[int, int], typer.Option(help="Images of the two calls of a round.")
    ] = (10, 50),
    repeats: Annotated[int, typer.Option(help="Rounds.")] = 5,
    threads: Annotated[int, typer.Option(help="Threads, each on a core.")] = 2,
    peers: Annotated[
        str, typer.Option(help="Contestants that hold one of these words: a,b,...")
    ] = "",
    data: Annotated[str, typer.Option(help="Data set.")] = "mnist5k",
) -> None:
    """Times the evaluation of a trained network, in turn, several times over."""
    console = Console(highlight=False)
    console.width = max(console.width, 140)
    words = [word.lower() for word in peers.split(",")]
    contestants = [c for c in EVALUATION if any(word in c.name.lower() for word in words)]
    settings = {"data": data, "images": images, "repeats": repeats}
    report = Report(out, "evaluation", threads, settings)
    for name in network or ["200H~200H~784V", "200H~784V"]:
        with tempfile.TemporaryDirectory() as folder:
            job = make_job(
                Path(folder), name, num_samples, threads=threads, data_name=data
            )

            def job_of(contestant: Contestant, job: Job = job) -> Job:
                return limit_job(job) if contestant.is_limit else job

            with console.status("") as status:
                entries, absent = alternate(
                    contestants,
                    job_of,
                    images,
                    repeats,
                    say=lambda text, name=name: status.update(f"{name}: {text}"),
                )
        results = make_results(name, num_samples, entries)
        report.note(entries, absent)
        report.add(*results)
        console.print(_make_table(results))
        for absentee, reason in absent.items():
            console.print(f"Without {absentee}: {reason}")
    console.print(f"Written: {out}")


if __name__ == "__main__":
    typer.run(main)
