"""The result of a cell: a JSON file for each, in a folder for each table."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from keras_concrete.experiments.cell import Cell
from keras_concrete.experiments.json_files import Number, read_json, to_record
from keras_concrete.experiments.paper_tables import TABLES
from keras_concrete.experiments.report import Report
from keras_concrete.experiments.studies import STUDIES
from keras_concrete.files import is_leftover

__all__ = ["CellResult", "Curve", "FoundResults", "find_results"]


@dataclass(frozen=True)
class Curve:
    """Bounds of training, a number for each epoch, in nats per image.

    Attributes:
        step: Training steps after the epoch.
        bound: Mean over the training images of the epoch, of the graph that is trained.
        val_bound: Of the validation images, of the discrete graph.

    Raises:
        ValueError: If there are more numbers of one kind than of another.
    """

    step: list[int]
    bound: list[Number]
    val_bound: list[Number]

    def __post_init__(self) -> None:
        """Refuses what cannot be drawn."""
        if len({len(self.step), len(self.bound), len(self.val_bound)}) > 1:
            raise ValueError("`step`, `bound` and `val_bound` must be of one length")
        if any(not 0 <= step < 2**63 for step in self.step):
            raise ValueError("`step` must hold numbers from 0 to below 2**63")


@dataclass(frozen=True, kw_only=True)
class CellResult(Report):
    """A cell's report, with what was run and how it went.

    Attributes:
        cell: The cell.
        command: The command line that asked for it.
        curve: How training went.
    """

    cell: Cell
    command: str
    curve: Curve

    def __post_init__(self) -> None:
        """Refuses a record of settings without a seed."""
        if not isinstance(self.config.get("seed"), int):
            raise ValueError("`config` must hold an integer `seed`")

    @property
    def seed(self) -> int:
        """The seed of training."""
        return self.config["seed"]

    def to_dict(self) -> dict[str, Any]:
        """The content of the result's file, which begins with what was run."""
        content = super().to_dict()
        cell = {**content.pop("cell"), "name": self.cell.name}
        return {"cell": cell, "command": content.pop("command"), **content}


class FoundResults(NamedTuple):
    """What `find_results` found.

    Attributes:
        results: Sorted by table, data, steps and settings.
        problems: A sentence for each file that cannot be read, with its name.
    """

    results: list[CellResult]
    problems: list[str]


def find_results(folder: Path) -> FoundResults:
    """Reads all results below a folder.

    Args:
        folder: That of `keras-concrete reproduce --out`.

    Returns:
        What is in the files `FOLDER/TABLE/*.json`, those of more test images first. Files
        in other folders that hold no cell are left out.
    """
    found = FoundResults([], [])
    for path in sorted(folder.glob("*/[!.]*.json")):
        if is_leftover(path):
            continue
        try:
            content = read_json(path)
            is_result = isinstance(content, dict) and "cell" in content
            if is_result or path.parent.name in {*TABLES, *STUDIES}:
                found.results.append(to_record(CellResult, content, path))
        except (OSError, ValueError) as error:
            found.problems.append(str(error))
    found.results.sort(key=_order)
    return found


def _order(result: CellResult) -> tuple:
    cell = result.cell
    return (
        *(cell.table, cell.data, result.steps, result.discrete_nll.num_samples),
        *(-result.num_test_images, cell.architecture, cell.arity, cell.num_samples),
        *(cell.variant, cell.estimator, cell.posterior_temperature or 0.0, result.seed),
    )
