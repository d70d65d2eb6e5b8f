"""A step of training, side by side: ours, other frameworks, the machine's limit."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from benchmarks import charts
from benchmarks.contestants import TRAINING, make_job
from benchmarks.race import Entry, Report, alternate
from benchmarks.summary import agreement, spread_text, summarise

__all__ = ["make_results", "make_table"]

# Of a run: about three seconds of ours, on the two cores that this was written on.
_STEPS = {1: 1000, 5: 500, 50: 100}
_CHECK_STEPS = 300


def make_results(
    network: str, num_samples: int, entries: Sequence[Entry]
) -> list[dict[str, Any]]:
    """Sets the contestants of one race beside ours.

    Args:
        network: In the paper's notation.
        num_samples: Of the bound.
        entries: What they did.

    Returns:
        A dict for each contestant.
    """
    ours = [entry for entry in entries if entry.contestant.name == "ours"]
    our_first, our_timed = (ours[0].first, ours[0].timed) if ours else ([], [])
    results = []
    for entry in entries:
        result = {
            "network": network,
            "num_samples": num_samples,
            "contestant": entry.contestant.name,
            "is_limit": entry.contestant.is_limit,
            **summarise(entry.timed, our_timed),
            **entry.start(),
            "runs": [{**run, "bounds": []} for run in entry.timed],
        }
        # Our own forms answer with means, of which no variance is known.
        if our_first and len(entry.first[0]["bounds"]) > 1:
            result["agreement"] = agreement(entry.first, our_first)
        results.append(result)
    return results


def make_table(results: Sequence[dict[str, Any]]) -> Table:
    """A table of one race.

    Args:
        results: Of `make_results`.

    Returns:
        The table, the fastest first.
    """
    first = results[0]
    table = Table(
        title=f"{first['network']}, m = {first['num_samples']}: a step of training"
    )
    table.add_column("")
    headers = ("wall ms (min to max)", "times ours", "CPU ms", "times ours")
    headers += ("setup s", "compile s", "peak MiB", "bound less ours")
    for header in headers:
        table.add_column(header, justify="right")
    for result in sorted(results, key=lambda r: r["wall_ms"]["median"]):
        ratios = [
            f"{result[key]['median']:.2f}" if key in result else ""
            for key in ("times_ours", "cpu_times_ours")
        ]
        name = result["contestant"]
        table.add_row(
            f"[bold]{name}" if name == "ours" else name,
            spread_text(result["wall_ms"]),
            ratios[0],
            f"{result['cpu_ms']['median']:.2f}",
            ratios[1],
            f"{result['setup_seconds']:.1f}",
            f"{result['compile_seconds']:.1f}",
            f"{result['peak_mib']:.0f}",
            _agreement_text(result),
        )
    return table


def _agreement_text(result: dict[str, Any]) -> str:
    found = result.get("agreement")
    if found is None or result["contestant"] == "ours":
        return ""
    text = f"{found['difference']:+.2f} ± {found['standard_error']:.2f}"
    return text if found["agree"] else f"[red]{text} DISAGREES"


def main(
    out: Annotated[Path, typer.Option(help="JSON to write; the chart beside it.")] = Path(
        "results/speed/training.json"
    ),
    network: Annotated[
        list[str] | None, typer.Option(help="Networks, all links `~`.")
    ] = None,
    num_samples: Annotated[
        list[int] | None, typer.Option("--m", help="Samples m of the bound.")
    ] = None,
    repeats: Annotated[int, typer.Option(help="Rounds.")] = 5,
    steps: Annotated[
        int | None, typer.Option(help="Steps of a run; by default fewer for larger m.")
    ] = None,
    threads: Annotated[int, typer.Option(help="Threads, each on a core.")] = 2,
    peers: Annotated[
        str, typer.Option(help="Contestants that hold one of these words: a,b,...")
    ] = "",
    data: Annotated[str, typer.Option(help="Data set.")] = "mnist5k",
) -> None:
    """Times a step of training of every contestant, in turn, several times over."""
    console = Console(highlight=False)
    console.width = max(console.width, 140)
    networks = network or ["200H~200H~784V", "200H~784V"]
    words = [word.lower() for word in peers.split(",")]
    contestants = [c for c in TRAINING if any(word in c.name.lower() for word in words)]
    report = Report(out, "training", threads, {"data": data, "repeats": repeats})
    for name in networks:
        for m in num_samples or [1, 5, 50]:
            run_steps = steps or _STEPS.get(m, 100)
            with tempfile.TemporaryDirectory() as folder:
                job = make_job(
                    Path(folder),
                    name,
                    m,
                    steps=run_steps,
                    threads=threads,
                    data_name=data,
                )
                with console.status("") as status:
                    entries, absent = alternate(
                        contestants,
                        job,
                        [run_steps],
                        repeats,
                        -(-_CHECK_STEPS // run_steps),
                        lambda text, m=m, name=name: status.update(
                            f"{name}, m = {m}: {text}"
                        ),
                    )
            results = make_results(name, m, entries)
            report.note(entries, absent)
            report.add(*results)
            console.print(make_table(results))
            for absentee, reason in absent.items():
                console.print(f"Without {absentee}: {reason}")
    charts.draw_training(out, report.content["results"])
    console.print(f"Written: {out} and its chart")


if __name__ == "__main__":
    typer.run(main)
