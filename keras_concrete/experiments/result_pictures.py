"""Pictures of results: learning curves, and what rounding costs by temperature."""

import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_concrete.experiments import drawing
from keras_concrete.experiments.cell import Cell
from keras_concrete.experiments.cell_result import CellResult
from keras_concrete.experiments.figures import GapRecord
from keras_concrete.files import check_no_link

__all__ = ["gap_records", "save_curves"]


def save_curves(folder: Path, results: Sequence[CellResult]) -> list[Path]:
    """Draws the discrete validation bound against steps, of each run once.

    Args:
        folder: Where `curves-TABLE-DATA-STEPS.png` are written.
        results: Of cells.

    Returns:
        Paths of the files.

    Raises:
        ValueError: If a link is in the place of a file.
    """
    groups: dict[Path, dict[str, list[CellResult]]] = defaultdict(dict)
    # Of one run there is a result for each evaluation.
    runs = {(r.cell.name, r.steps, r.seed): r for r in results}
    for result in runs.values():
        cell = result.cell
        path = folder / f"curves-{cell.table}-{cell.data}-{result.steps}.png"
        groups[path].setdefault(cell.architecture, []).append(result)
    for path in groups:
        check_no_link(path)
    return [_draw_curves(path, panels) for path, panels in groups.items()]


def gap_records(results: Sequence[CellResult]) -> list[GapRecord]:
    """What the right plot of Figure 4 shows of results at several temperatures.

    Args:
        results: Of cells that have a temperature.

    Returns:
        The objective, minus the bound, of both graphs.
    """
    return [
        GapRecord(
            result.cell.posterior_temperature,
            -result.relaxed_bound.mean,
            result.relaxed_bound.standard_error,
            -result.discrete_bound.mean,
            result.discrete_bound.standard_error,
        )
        for result in results
        if result.cell.posterior_temperature is not None
    ]


def _draw_curves(path: Path, panels: dict[str, list[CellResult]]) -> Path:
    columns = min(2, len(panels))
    rows = math.ceil(len(panels) / columns)
    looks = _looks([result for results in panels.values() for result in results])
    hidden = set().union(*(_far_above(results) for results in panels.values()))
    common, names = _legend(list(looks), hidden)
    width = 7.0 * columns
    # An entry of the legend takes 0.6 inches, and 0.1 for each letter.
    across = min(len(names), max(1, int(width / (0.6 + 0.1 * max(map(len, names))))))
    height = 4.2 * rows + 0.4 + 0.25 * math.ceil(len(names) / across)
    with drawing.new_figure(width, height) as figure:
        grid = np.ravel(figure.subplots(rows, columns, squeeze=False))
        lines: dict[str, Any] = {}  # One for each label, for the legend of all panels.
        for axes, (network, results) in zip(grid, panels.items(), strict=False):
            for result in results:
                label = _label(result.cell)
                bounds = -np.asarray(result.curve.val_bound)
                (lines[label],) = axes.plot(result.curve.step, bounds, **looks[label])
            _cut(axes, [r for r in results if _label(r.cell) not in hidden])
            axes.set_title(network, loc="left")
            axes.set_xlabel("step")
            axes.xaxis.set_major_formatter("{x:,.0f}")
            axes.locator_params(axis="x", nbins=4)
            axes.set_ylabel("validation: minus the m-sample\nbound (nats per image)")
            axes.grid(axis="y")
        for axes in grid[len(panels) :]:
            axes.axis("off")
        figure.legend(
            [lines[label] for label in looks],
            names,
            title=common,
            loc="outside lower center",
            ncols=across,
            fontsize=11,
            title_fontsize=11,
        )
        figure.savefig(path, dpi=150)
    return path


def _looks(results: Sequence[CellResult]) -> dict[str, dict[str, Any]]:
    """The look of each label: colours tell kinds, lines numbers of samples.

    Where all curves are of one kind, colours tell numbers of samples, or temperatures by
    those of a scale, from cold to warm. Runs that differ by their seeds look alike.
    """
    from matplotlib import colormaps

    cells = [result.cell for result in results]
    temperatures = sorted({cell.posterior_temperature or 0.0 for cell in cells})
    kinds = sorted({_kind(cell) for cell in cells})
    sizes = sorted({cell.num_samples for cell in cells})
    looks = {}
    for cell in cells:
        size = sizes.index(cell.num_samples)
        number = kinds.index(_kind(cell)) if len(kinds) > 1 else size
        colour: Any = drawing.CYCLE[number % len(drawing.CYCLE)]
        if len(temperatures) > 1 and len(kinds) == 1:
            rank = temperatures.index(cell.posterior_temperature or 0.0)
            colour = colormaps["viridis"](0.9 * rank / (len(temperatures) - 1))
        line = ("-", "--", ":", "-.")[size % 4]
        looks[_label(cell)] = {"color": colour, "linestyle": line}
        if len(kinds) > 4 and number == 0:
            # A band, which shows below a curve that is the same.
            looks[_label(cell)] |= {"linewidth": 8, "alpha": 0.4}
    return looks


def _far_above(results: Sequence[CellResult]) -> set[str]:
    """Labels of curves so far above most that they would flatten all others."""
    ends = {
        _label(r.cell): -r.curve.val_bound[-1]
        for r in results
        if r.curve.val_bound and math.isfinite(r.curve.val_bound[-1])
    }
    if len(ends) < 5:
        return set()
    low, high = np.quantile(list(ends.values()), (0.25, 0.75))
    return {label for label, end in ends.items() if end > high + 3 * (high - low)}


def _cut(axes: Any, results: Sequence[CellResult]) -> None:
    """Leaves out the first steps, which would flatten all that follows."""
    late = (-value for r in results for value in _later(r.curve.val_bound))
    drawing.fit_height(axes, late)


def _later(values: list[float]) -> list[float]:
    return values[len(values) // 10 :]


def _legend(labels: list[str], hidden: set[str]) -> tuple[str, list[str]]:
    """What all labels say, and what each says beside it."""
    parts = [label.split(", ") for label in labels]
    common = [part for part in parts[0] if all(part in other for other in parts)]
    if len(labels) == 1:
        common = []
    names = [", ".join(p for p in part if p not in common) for part in parts]
    for i, label in enumerate(labels):
        names[i] += " (above the picture)" if label in hidden else ""
    return ", ".join(common), names


def _label(cell: Cell) -> str:
    label = f"{_kind(cell)}, m = {cell.num_samples}"
    if cell.posterior_temperature is not None:
        label += f", temperature {cell.posterior_temperature:.3g}"
    return label


def _kind(cell: Cell) -> str:
    """The estimator, the variant where a cell has one, and an arity other than 2."""
    arity = "" if cell.arity == 2 else f"{cell.arity}-ary"
    return ", ".join(filter(None, (cell.estimator, cell.variant, arity)))
