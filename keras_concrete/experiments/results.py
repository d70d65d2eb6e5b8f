"""Results of cells, read from their files: tables beside the paper's."""

import json
import math
import statistics
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from keras_concrete.experiments.figures import GapRecord
from keras_concrete.experiments.paper_tables import NUM_STEPS

__all__ = [
    "ResultTable",
    "find_results",
    "gap_records",
    "make_tables",
    "markdown",
    "summary",
]


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


def find_results(folder: Path) -> list[dict[str, Any]]:
    """Reads all results below a folder.

    Args:
        folder: That of `keras-concrete reproduce --out`.

    Returns:
        The contents of the files `FOLDER/TABLE/*.json` that hold a cell, sorted; those of
        more test images first.
    """
    contents = (json.loads(file.read_text()) for file in folder.glob("*/*.json"))
    results = (content for content in contents if "cell" in content)
    return sorted(results, key=_order)


def summary(result: dict[str, Any]) -> str:
    """One line: the test NLL beside the paper's.

    Args:
        result: Content of a result file.

    Returns:
        Such as `98.83 ± 0.25, paper 86.3 after 10,000,000 steps`.
    """
    ours = _number(result["discrete_nll"])
    paper = result["cell"]["paper"]
    if paper is None:
        return ours
    return f"{ours}, paper {paper['test']} after {NUM_STEPS:,} steps"


def make_tables(results: Sequence[dict[str, Any]]) -> list[ResultTable]:
    """Sets results beside the paper's numbers.

    Args:
        results: Contents of result files.

    Returns:
        A table for each of the paper's tables, data set, number of steps, of test images
        and of samples.
    """
    groups: dict[_Group, list[dict[str, Any]]] = defaultdict(list)
    for result in results:
        groups[_group(result)].append(result)
    return [_table(group, members) for group, members in groups.items()]


def _group(result: dict[str, Any]) -> _Group:
    return _Group(
        result["cell"]["table"],
        result["cell"]["data"],
        result["steps"],
        result["discrete_nll"]["num_samples"],
        result["num_test_images"],
    )


def _order(result: dict[str, Any]) -> tuple:
    *group, num_test_images = _group(result)
    return *group, -num_test_images, *_settings(result)


def _settings(result: dict[str, Any]) -> tuple:
    """The columns of `_SETTINGS`."""
    cell = result["cell"]
    return (
        cell["architecture"],
        cell["arity"],
        cell["num_samples"],
        cell.get("variant", ""),
        cell["estimator"],
        cell["posterior_temperature"] or 0.0,
        result["config"]["seed"],
    )


_SETTINGS = ("model", "arity", "m", "variant", "estimator", "temperature", "seed")


def _table(group: _Group, results: Sequence[dict[str, Any]]) -> ResultTable:
    rows = _over_seeds(results)
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
    has_paper = any(result["cell"]["paper"] for result in results)
    for split, key in (("test", "discrete_nll"), ("train", "train_nll")):
        if not any(key in result for result in results):
            continue
        header += [f"{split} NLL", "paper"] if has_paper else [f"{split} NLL"]
        for line, row in zip(body, rows, strict=True):
            line.append(_of_seeds([result[key] for result in row if key in result]))
            if has_paper:
                line.append(str((row[0]["cell"]["paper"] or {}).get(split, "")))
    header.append("minutes")
    for line, row in zip(body, rows, strict=True):
        line.append(f"{statistics.mean(r['training_seconds'] for r in row) / 60:.1f}")
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


def _over_seeds(results: Sequence[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Results that differ by their seeds only, where all have as many seeds."""
    groups: dict[tuple, list[dict[str, Any]]] = defaultdict(list)
    for result in results:
        groups[_settings(result)[:-1]].append(result)
    rows = list(groups.values())
    if len({len(row) for row in rows}) > 1:
        return [[result] for result in results]
    return rows


def _of_seeds(estimates: Sequence[dict[str, float]]) -> str:
    if len(estimates) < 2:
        return _number(estimates[0]) if estimates else ""
    means = [estimate["mean"] for estimate in estimates]
    error = statistics.stdev(means) / math.sqrt(len(means))
    return f"{statistics.mean(means):.2f} ± {error:.2f}"


def _text(value: Any) -> str:
    # Of what is shown only temperatures are floats; 0 stands for the paper's own.
    if isinstance(value, float):
        return f"{value:.3g}" if value else "D.5"
    return str(value)


def _number(estimate: dict[str, float]) -> str:
    return f"{estimate['mean']:.2f} ± {estimate['standard_error']:.2f}"


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


def gap_records(results: Sequence[dict[str, Any]]) -> list[GapRecord]:
    """What the right plot of Figure 4 shows of results at several temperatures.

    Args:
        results: Contents of result files of the table `temperature`.

    Returns:
        The objective, minus the bound, of both graphs.
    """
    return [
        GapRecord(
            result["cell"]["posterior_temperature"],
            -result["relaxed_bound"]["mean"],
            result["relaxed_bound"]["standard_error"],
            -result["discrete_bound"]["mean"],
            result["discrete_bound"]["standard_error"],
        )
        for result in results
    ]
