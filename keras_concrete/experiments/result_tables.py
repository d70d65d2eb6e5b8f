"""Results of cells as tables beside the paper's numbers."""

import math
import statistics
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from keras_concrete.evaluation import standard_error
from keras_concrete.experiments.cell_result import CellResult
from keras_concrete.experiments.paper_tables import NUM_STEPS
from keras_concrete.experiments.report import MeanAndError
from keras_concrete.experiments.studies import SEARCHES

__all__ = ["ResultTable", "make_tables", "markdown", "summary"]


class ResultTable(NamedTuple):
    """A table of strings.

    Attributes:
        title: What is in it.
        header: Names of the columns.
        rows: Cells of each row.
    """

    title: str
    header: list[str]
    rows: list[list[str]]


class _Group(NamedTuple):
    """What all results in one table have in common."""

    table: str
    data: str
    steps: int
    num_samples: int
    num_test_images: int


def summary(result: CellResult) -> str:
    """One line: the test NLL beside the paper's.

    Args:
        result: Of a cell.

    Returns:
        Such as `NLL 98.83 ± 0.25, paper 86.3 after 10,000,000 steps`.
    """
    paper = result.cell.paper
    if paper is None:
        return f"NLL {result.discrete_nll}"
    return f"NLL {result.discrete_nll}, paper {paper.test} after {NUM_STEPS:,} steps"


def make_tables(results: Sequence[CellResult]) -> list[ResultTable]:
    """Sets results beside the paper's numbers.

    Args:
        results: Of cells, in the order of their rows.

    Returns:
        A table for each of the paper's tables, data set, number of steps, of test images
        and of samples. Where settings are searched for, the row of the best bound of
        validation images comes first.
    """
    groups: dict[_Group, list[CellResult]] = defaultdict(list)
    for result in results:
        groups[_group(result)].append(result)
    return [_table(group, members) for group, members in groups.items()]


def _group(result: CellResult) -> _Group:
    return _Group(
        result.cell.table,
        result.cell.data,
        result.steps,
        result.discrete_nll.num_samples,
        result.num_test_images,
    )


def _settings(result: CellResult) -> tuple:
    """The columns of `_SETTINGS`."""
    cell = result.cell
    return (
        cell.architecture,
        cell.arity,
        cell.num_samples,
        cell.variant,
        cell.estimator,
        cell.posterior_temperature or 0.0,
        result.seed,
    )


_SETTINGS = ("model", "arity", "m", "variant", "estimator", "temperature", "seed")


def _table(group: _Group, results: Sequence[CellResult]) -> ResultTable:
    rows = _over_seeds(results)
    if is_search := group.table in SEARCHES:
        rows.sort(key=_validation_bound, reverse=True)
    columns = list(zip(*(_settings(row[0]) for row in rows), strict=True))
    has_seeds = len(rows[0]) > 1
    names = _SETTINGS[:-1] if has_seeds else _SETTINGS
    shown = [i for i in range(len(names)) if i < 1 or len(set(columns[i])) > 1]
    fixed = [
        f"{names[i]} {_text(columns[i][0])}"
        for i in range(len(names))
        if i not in shown and columns[i][0]
    ]
    header = [names[i] for i in shown]
    body = [[_text(_settings(row[0])[i]) for i in shown] for row in rows]
    if is_search:
        header.append("validation bound")
        for line, row in zip(body, rows, strict=True):
            line.append(f"{_validation_bound(row):.2f}")
    has_paper = any(result.cell.paper for result in results)
    for split in ("test", "train"):
        if not any(_nll(result, split) for result in results):
            continue
        header += [f"{split} NLL", "paper"] if has_paper else [f"{split} NLL"]
        for line, row in zip(body, rows, strict=True):
            line.append(_of_seeds([nll for r in row if (nll := _nll(r, split))]))
            if has_paper:
                paper = row[0].cell.paper
                line.append(str(getattr(paper, split)) if paper else "")
    header.append("minutes")
    for line, row in zip(body, rows, strict=True):
        line.append(f"{statistics.mean(r.training_seconds for r in row) / 60:.1f}")
    title = (
        f"{', '.join([group.table, group.data, *fixed])}: NLL in nats per image of "
        f"{group.num_test_images:,} test images by {group.num_samples:,} samples, after "
        f"{group.steps:,} steps"
    )
    if has_seeds:
        title += f"; mean of {len(rows[0])} seeds ± its standard error over seeds"
    if has_paper:
        title += f"; the paper's after {NUM_STEPS:,}"
    return ResultTable(title, header, body)


def _nll(result: CellResult, split: str) -> MeanAndError | None:
    return result.discrete_nll if split == "test" else result.train_nll


def _validation_bound(row: Sequence[CellResult]) -> float:
    """The mean over seeds of the bound of validation images after the last step.

    Minus infinity where it is not known, or NaN.
    """
    bounds = [(result.curve.val_bound or [-math.inf])[-1] for result in row]
    mean = statistics.mean(bounds)
    return -math.inf if math.isnan(mean) else mean


def _over_seeds(results: Sequence[CellResult]) -> list[list[CellResult]]:
    """Results that differ by their seeds only, where all have as many seeds."""
    groups: dict[tuple, list[CellResult]] = defaultdict(list)
    for result in results:
        groups[_settings(result)[:-1]].append(result)
    rows = list(groups.values())
    if len({len(row) for row in rows}) > 1:
        return [[result] for result in results]
    return rows


def _of_seeds(estimates: Sequence[MeanAndError]) -> str:
    """The mean over seeds, and its standard error over seeds."""
    if len(estimates) < 2:
        return str(estimates[0]) if estimates else ""
    means = np.array([estimate.mean for estimate in estimates])
    error = standard_error(means)
    return str(MeanAndError(mean=float(np.mean(means)), standard_error=error))


def _text(value: Any) -> str:
    # Of what is shown only temperatures are floats; 0 stands for the paper's own.
    if isinstance(value, float):
        return f"{value:.3g}" if value else "D.5"
    return str(value)


def markdown(table: ResultTable) -> str:
    """Writes a table as Markdown.

    Args:
        table: The table.

    Returns:
        Its title in bold, and below it the rows.
    """
    lines = [table.header, ["---"] * len(table.header), *table.rows]
    body = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return f"**{table.title}**\n\n{body}\n"
