"""Charts of the benchmarks."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from keras_concrete.drawing import DISCRETE, MUTED, RELAXED, new_figure, save_figure

__all__ = ["draw_training"]


def draw_training(path: Path, results: Sequence[dict[str, Any]]) -> None:
    """Draws bars of the time of a step, a panel for each network and m.

    Args:
        path: Of the JSON; the chart takes its name.
        results: Of all races.
    """
    races = list(dict.fromkeys((r["network"], r["num_samples"]) for r in results))
    networks = list(dict.fromkeys(network for network, _ in races))
    columns = max(sum(network == n for n, _ in races) for network in networks)
    with new_figure(5.2 * columns + 1, 4.2 * len(networks)) as figure:
        grid = figure.subplots(len(networks), columns, squeeze=False)
        for axes in grid.flat:
            axes.axis("off")
        for row, network in zip(grid, networks, strict=True):
            sizes = [m for name, m in races if name == network]
            for axes, m in zip(row, sizes, strict=False):
                axes.axis("on")
                axes.set_title(f"{network}, m = {m}", loc="left")
                _draw_race(
                    axes,
                    [
                        r
                        for r in results
                        if (r["network"], r["num_samples"]) == (network, m)
                    ],
                )
        save_figure(figure, path.parent, path.stem)


def _draw_race(axes: Any, results: Sequence[dict[str, Any]]) -> None:
    shown = [r for r in results if not r["is_limit"]]
    shown.sort(key=lambda r: -r["wall_ms"]["median"])
    medians = [r["wall_ms"]["median"] for r in shown]
    errors = [
        [r["wall_ms"]["median"] - r["wall_ms"]["min"] for r in shown],
        [r["wall_ms"]["max"] - r["wall_ms"]["median"] for r in shown],
    ]
    colors = [RELAXED if r["contestant"] == "ours" else "#BBBBBB" for r in shown]
    names = [r["contestant"] for r in shown]
    axes.barh(names, medians, xerr=errors, color=colors, ecolor=MUTED, capsize=3)
    for name, median, high in zip(names, medians, errors[1], strict=True):
        axes.text(median + high, name, f" {median:.3g}", va="center", fontsize=11)
    limits = [r["wall_ms"]["median"] for r in results if r["is_limit"]]
    if limits:
        axes.axvline(min(limits), color=DISCRETE, linestyle="--")
        axes.text(
            min(limits),
            1.0,
            " matrix products alone",
            color=DISCRETE,
            fontsize=10,
            transform=axes.get_xaxis_transform(),
            va="top",
        )
    axes.set_xlabel("ms a step (median; lines: least to greatest)")
    axes.margins(x=0.15)
