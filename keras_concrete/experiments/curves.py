"""Learning curves of results: a picture for each table, data set and number of steps."""

import math
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_concrete.experiments import drawing

__all__ = ["save_curves"]


def save_curves(folder: Path, results: Sequence[dict[str, Any]]) -> list[Path]:
    """Draws the discrete validation bound against steps.

    Args:
        folder: Where `curves-TABLE-DATA-STEPS.png` are written.
        results: Contents of result files.

    Returns:
        Paths of the files.
    """
    groups: dict[str, dict[str, list[dict[str, Any]]]] = defaultdict(dict)
    for result in results:
        cell = result["cell"]
        panels = groups[f"curves-{cell['table']}-{cell['data']}-{result['steps']}"]
        panels.setdefault(cell["architecture"], []).append(result)
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
            axes.locator_params(axis="x", nbins=4)
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
    """The look of each label: colours tell kinds, lines numbers of samples.

    Where all curves are of one kind, colours tell numbers of samples, or temperatures by
    those of a scale, from cold to warm. Runs that differ by their seeds look alike.
    """
    from matplotlib import colormaps

    cells = [result["cell"] for result in results]
    temperatures = sorted({cell["posterior_temperature"] or 0.0 for cell in cells})
    kinds = sorted({_kind(cell) for cell in cells})
    sizes = sorted({cell["num_samples"] for cell in cells})
    looks = {}
    for result, cell in zip(results, cells, strict=True):
        size = sizes.index(cell["num_samples"])
        number = kinds.index(_kind(cell)) if len(kinds) > 1 else size
        colour: Any = drawing.CYCLE[number % len(drawing.CYCLE)]
        if len(temperatures) > 1 and len(kinds) == 1:
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
    label = f"{_kind(cell)}, m = {cell['num_samples']}"
    if cell["posterior_temperature"] is not None:
        label += f", temperature {cell['posterior_temperature']:.3g}"
    return label


def _kind(cell: dict[str, Any]) -> str:
    """The estimator, the variant where a cell has one, and an arity other than 2."""
    arity = "" if cell["arity"] == 2 else f"{cell['arity']}-ary"
    return ", ".join(filter(None, (cell["estimator"], cell.get("variant"), arity)))
