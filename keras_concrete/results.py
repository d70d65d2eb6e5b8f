"""Results of cells, read from their files: tables beside the paper's, and curves."""

import json
import math
import statistics
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from keras_concrete import drawing
from keras_concrete.figures import GapRecord
from keras_concrete.paper import NUM_STEPS

__all__ = [
    "ResultTable",
    "find_results",
    "gap_records",
    "make_tables",
    "markdown",
    "save_curves",
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


def find_results(folder: Path) -> list[dict[str, Any]]:
    """Reads all results below a folder.

    Args:
        folder: That of `keras-concrete reproduce --out`.

    Returns:
        The contents of the files `FOLDER/TABLE/*.json` that hold a cell, sorted.
    """
    contents = (json.loads(file.read_text()) for file in folder.glob("*/*.json"))
    results = (content for content in contents if "cell" in content)
    return sorted(results, key=lambda result: [*_group(result), *_settings(result)])


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
        A table for each of the paper's tables, data set, number of steps and of samples.
    """
    groups: dict[tuple[str, str, int, int], list[dict[str, Any]]] = defaultdict(list)
    for result in results:
        groups[_group(result)].append(result)
    return [_table(*group, members) for group, members in groups.items()]


def _group(result: dict[str, Any]) -> tuple[str, str, int, int]:
    """What all results in one table have in common."""
    cell, num_samples = result["cell"], result["discrete_nll"]["num_samples"]
    return cell["table"], cell["data"], result["steps"], num_samples


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


def _table(
    table: str,
    data: str,
    steps: int,
    num_samples: int,
    results: Sequence[dict[str, Any]],
) -> ResultTable:
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
        header += [f"{split} NLL", "paper"] if has_paper else [f"{split} NLL"]
        for line, row in zip(body, rows, strict=True):
            line.append(_of_seeds([result[key] for result in row if key in result]))
            if has_paper:
                line.append(str((row[0]["cell"]["paper"] or {}).get(split, "")))
    header.append("minutes")
    for line, row in zip(body, rows, strict=True):
        line.append(f"{statistics.mean(r['training_seconds'] for r in row) / 60:.1f}")
    title = (
        f"{', '.join([table, data, *fixed])}: NLL in nats per image by {num_samples:,} "
        f"samples, after {steps:,} steps"
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
    return f"{value:.3g}" if isinstance(value, float) else str(value)


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


def save_curves(folder: Path, results: Sequence[dict[str, Any]]) -> list[Path]:
    """Draws the discrete validation bound against steps, a file for each table and data.

    Args:
        folder: Where `curves-TABLE-DATA.png` are written.
        results: Contents of result files.

    Returns:
        Paths of the files.
    """
    groups: dict[str, dict[str, list[dict[str, Any]]]] = defaultdict(dict)
    for result in results:
        cell = result["cell"]
        network = cell["architecture"]
        if cell["arity"] != 2:
            network += f", {cell['arity']}-ary"
        panels = groups[f"curves-{cell['table']}-{cell['data']}"]
        panels.setdefault(network, []).append(result)
    return [_draw_curves(folder / f"{name}.png", group) for name, group in groups.items()]


def _draw_curves(path: Path, panels: dict[str, list[dict[str, Any]]]) -> Path:
    columns = min(2, len(panels))
    rows = math.ceil(len(panels) / columns)
    with drawing.new_figure(6.4 * columns + 2.6, 4.2 * rows) as figure:
        grid = np.ravel(figure.subplots(rows, columns, squeeze=False))
        looks = _looks([result for results in panels.values() for result in results])
        lines: dict[str, Any] = {}  # One for each label, for the legend of all panels.
        for axes, (network, results) in zip(grid, panels.items(), strict=False):
            for result in results:
                curve, label = result["curve"], _label(result)
                bounds = -np.asarray(curve["val_bound"])
                (lines[label],) = axes.plot(curve["step"], bounds, **looks[label])
            _cut_early(axes, results)
            axes.set_title(network, loc="left")
            axes.set_xlabel("step")
            axes.xaxis.set_major_formatter("{x:,.0f}")
            axes.locator_params(axis="x", nbins=6)
            axes.set_ylabel("validation: minus the m-sample\nbound (nats per image)")
            axes.grid(axis="y")
        for axes in grid[len(panels) :]:
            axes.axis("off")
        names = sorted(lines, key=list(looks).index)
        figure.legend(
            [lines[name] for name in names], names, loc="outside right upper", fontsize=11
        )
        figure.savefig(path, dpi=150)
    return path


def _looks(results: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The look of each label: colours tell estimators, lines numbers of samples.

    Temperatures have the colours of a scale, from cold to warm. Where all curves are by
    one estimator, colours tell numbers of samples.
    """
    from matplotlib import colormaps

    cells = [result["cell"] for result in results]
    temperatures = sorted({cell["posterior_temperature"] or 0.0 for cell in cells})
    estimators = sorted({cell["estimator"] for cell in cells})
    sizes = sorted({cell["num_samples"] for cell in cells})
    looks = {}
    for result, cell in zip(results, cells, strict=True):
        size = sizes.index(cell["num_samples"])
        colour: Any = drawing.CYCLE[size % len(drawing.CYCLE)]
        if len(estimators) > 1:
            colour = drawing.CYCLE[estimators.index(cell["estimator"])]
        if len(temperatures) > 1:
            rank = temperatures.index(cell["posterior_temperature"] or 0.0)
            colour = colormaps["viridis"](0.9 * rank / (len(temperatures) - 1))
        line = ("-", "--", ":", "-.")[size % 4]
        looks[_label(result)] = {"color": colour, "linestyle": line}
    return looks


def _cut_early(axes: Any, results: Sequence[dict[str, Any]]) -> None:
    """The first steps would flatten all that follows."""
    late = [-value for r in results for value in _later(r["curve"]["val_bound"])]
    margin = 0.05 * (max(late) - min(late)) + 0.5
    axes.set_ylim(min(late) - margin, max(late) + margin)


def _later(values: list[float]) -> list[float]:
    return values[len(values) // 10 :]


def _label(result: dict[str, Any]) -> str:
    cell = result["cell"]
    label = f"{cell['estimator']}, m = {cell['num_samples']}"
    if cell["posterior_temperature"] is not None:
        label += f", temperature {cell['posterior_temperature']:.3g}"
    return label
