"""A race: the contestants' runs in turn, so that all meet the same machine."""

import contextlib
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.contestants import Contestant, Session
from benchmarks.peers.serving import Job
from keras_concrete.experiments import machine
from keras_concrete.experiments.json_files import write_json

__all__ = ["Entry", "Report", "alternate"]


@dataclass
class Entry:
    """What one contestant did.

    Attributes:
        contestant: Who.
        setup_seconds: Until it was ready to start.
        versions: Of its packages.
        first: Answers to the first runs, which compile.
        timed: Answers to the timed runs.
    """

    contestant: Contestant
    setup_seconds: float
    versions: dict[str, str]
    first: list[dict[str, Any]] = field(default_factory=list)
    timed: list[dict[str, Any]] = field(default_factory=list)

    def start(self) -> dict[str, float]:
        """Costs of starting: setup, and the first run beyond what later ones take."""
        usual = statistics.median(run["wall"] / run["units"] for run in self.timed)
        first = self.first[0]
        return {
            "setup_seconds": self.setup_seconds,
            "compile_seconds": first["wall"] - usual * first["units"],
            "peak_mib": max(run["peak_mib"] for run in self.timed),
        }


def alternate(
    contestants: Sequence[Contestant],
    job: Job | Callable[[Contestant], Job],
    sizes: Sequence[int],
    repeats: int,
    first_runs: int = 1,
    say: Callable[[str], None] = lambda text: None,
) -> tuple[list[Entry], dict[str, str]]:
    """Runs contestants in turn, every round from another one on.

    Args:
        contestants: Who takes part, if installed.
        job: What they do; or a function of the contestant.
        sizes: Units of work in the runs of a round, one after another.
        repeats: Number of rounds.
        first_runs: Runs before the first round, in which they compile.
        say: Told what goes on.

    Returns:
        The entries of those who finished; and why the others did not, by name.
    """
    entries, sessions, absent = [], {}, {}
    with contextlib.ExitStack() as stack:
        for contestant in contestants:
            name = contestant.name
            if not contestant.installed:
                absent[name] = f"environment {contestant.environment!r} was not made"
                continue
            say(f"{name}: start and first run")
            try:
                own_job = job if isinstance(job, Job) else job(contestant)
                session = stack.enter_context(Session(contestant, own_job))
                entry = Entry(contestant, session.setup_seconds, session.versions)
                entry.first = [session.run(sizes[0]) for _ in range(first_runs)]
            except RuntimeError as error:
                absent[name] = str(error)
                continue
            entries.append(entry)
            sessions[name] = session
        for i in range(repeats):
            order = entries[i % len(entries) :] + entries[: i % len(entries)]
            for entry in order:
                say(f"round {i + 1} of {repeats}: {entry.contestant.name}")
                session = sessions[entry.contestant.name]
                entry.timed += [session.run(size) for size in sizes]
    return entries, absent


class Report:
    """The JSON file of a benchmark, written anew whenever something was measured.

    Args:
        path: Of the file.
        benchmark: Name of the benchmark.
        threads: Number of threads.
        settings: What it was run with.
    """

    def __init__(
        self, path: Path, benchmark: str, threads: int, settings: dict[str, Any]
    ) -> None:
        self._path = path
        self.content: dict[str, Any] = {
            "benchmark": benchmark,
            "command": " ".join(["python -m", f"benchmarks.{benchmark}", *sys.argv[1:]]),
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "threads": threads,
            "hardware": machine.hardware(),
            "versions": {"ours": machine.versions()},
            "load_average_before": os.getloadavg()[0],
            "settings": settings,
            "results": [],
            "absent": {},
        }
        self._start = time.perf_counter()

    def add(self, *results: dict[str, Any]) -> None:
        """Adds results and writes the file."""
        self.content["results"] += results
        self.content["seconds"] = time.perf_counter() - self._start
        self.content["load_average_after"] = os.getloadavg()[0]
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_json(self._path, self.content)

    def note(self, entries: Sequence[Entry], absent: dict[str, str]) -> None:
        """Notes the versions of those who took part, and who did not."""
        for entry in entries:
            self.content["versions"][entry.contestant.name] = entry.versions
        self.content["absent"].update(absent)
