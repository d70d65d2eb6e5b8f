"""Runs as lines of JSON, of which one may be cut where the program was stopped."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

import typer

from keras_concrete.files import write_whole

__all__ = ["add_run", "read_runs", "resume_runs"]

Run = TypeVar("Run")


def read_runs(path: Path, kind: type[Run]) -> list[Run]:
    """Reads the lines of a file, all but one that a stop cut.

    Args:
        path: File, which may not be there yet.
        kind: Dataclass of a line.

    Returns:
        The runs, in their order.
    """
    if not path.exists():
        return []
    lines = path.read_text().splitlines(keepends=True)
    return [kind(**json.loads(line)) for line in lines if line.endswith("\n")]


def resume_runs(path: Path, kind: type[Run], epochs: int) -> list[Run]:
    """Reads the runs, and leaves nothing else in the file, to which others can be added.

    Args:
        path: File, which may not be there yet, nor its folder.
        kind: Dataclass of a line, with the epochs of its run.
        epochs: Those of the runs to come.

    Returns:
        The runs.

    Raises:
        typer.BadParameter: If there are runs of other epochs.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    found = read_runs(path, kind)
    if any(run.epochs != epochs for run in found):
        raise typer.BadParameter(f"{path} has runs of other epochs: name another --out.")
    write_whole(path, "".join(map(_line, found)).encode())
    return found


def add_run(path: Path, run: Any) -> None:
    """Adds the line of a run, a dataclass."""
    with path.open("a") as file:
        file.write(_line(run))


def _line(run: Any) -> str:
    return json.dumps(asdict(run)) + "\n"
