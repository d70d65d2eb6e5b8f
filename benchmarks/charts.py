"""Charts of the benchmarks."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from keras_concrete.experiments.drawing import DISCRETE, MUTED, RELAXED, new_figure

__all__ = ["draw_growth", "draw_memory", "draw_training"]


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
        figure.suptitle("medians; lines from least to greatest", fontsize=12)
        figure.savefig(path.with_suffix(".png"), dpi=150)


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
    axes.set_xlabel("ms a step")
    axes.margins(x=0.15)


def draw_growth(
    path: Path, results: Sequence[dict[str, Any]], labels: dict[str, str]
) -> None:
    """Draws the cost against the size of the work, a panel for each direction.

    Args:
        path: Of the JSON; the chart takes its name.
        results: Of all sizes.
        labels: Of the directions.
    """
    names = list(dict.fromkeys(result["axis"] for result in results))
    rows = -(-len(names) // 3)
    with new_figure(5.0 * min(3, len(names)), 4.2 * rows) as figure:
        grid = figure.subplots(rows, min(3, len(names)), squeeze=False)
        for axes in grid.flat[len(names) :]:
            axes.axis("off")
        for axes, name in zip(grid.flat, names, strict=False):
            shown = [result for result in results if result["axis"] == name]
            _draw_growth(axes, shown)
            axes.set_xlabel(labels[name])
            axes.set_ylabel(
                "CPU ms an image" if name == "evaluation" else "CPU ms a step"
            )
        grid.flat[0].legend()
        figure.savefig(path.with_suffix(".png"), dpi=150)


def draw_memory(
    path: Path, curves: Mapping[str, Sequence[tuple[float, float]]], limit: float
) -> None:
    """Draws memory against time, a panel for each work.

    Args:
        path: Of the JSON; the chart takes its name.
        curves: From the name of a work to its pairs of seconds and MB above the peak
            when warm.
        limit: MB by which memory may grow.
    """
    with new_figure(5.2 * len(curves) + 1, 4.2) as figure:
        grid = figure.subplots(1, len(curves), squeeze=False, sharey=True)
        for axes, (what, curve) in zip(grid.flat, curves.items(), strict=True):
            times, memory = zip(*curve, strict=True)
            axes.plot(times, memory, color=RELAXED, linewidth=1)
            axes.axhline(limit, color=DISCRETE, linestyle="--")
            axes.set_title(what, loc="left")
            axes.set_xlabel("seconds")
            axes.grid(axis="y")
        grid.flat[0].set_ylabel("resident memory above its\npeak when warm, MB")
        axes.text(0, limit - 2, "limit", color=DISCRETE, va="top")
        figure.savefig(path.with_suffix(".png"), dpi=150)


def _draw_growth(axes: Any, results: Sequence[dict[str, Any]]) -> None:
    for key, label, color, style in (
        ("ours_ms", "ours", RELAXED, "o-"),
        ("limit_ms", "matrix products alone", DISCRETE, "s--"),
    ):
        costs = [result[key] for result in results if key in result]
        if not costs:
            continue
        medians = [cost["median"] for cost in costs]
        errors = [
            [median - cost["min"] for median, cost in zip(medians, costs, strict=True)],
            [cost["max"] - median for median, cost in zip(medians, costs, strict=True)],
        ]
        sizes = [result["size"] for result in results]
        axes.errorbar(
            sizes, medians, yerr=errors, fmt=style, color=color, label=label, capsize=3
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.locator_params(axis="y", subs=(1, 2, 5))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.minorticks_off()
    axes.grid(axis="y")
