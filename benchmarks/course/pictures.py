"""Pictures of the course of a training."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.course.runs import SETTINGS, CourseRun
from keras_concrete.experiments.drawing import CYCLE, DISCRETE, RELAXED, new_figure

__all__ = ["draw_bounds", "draw_gradients"]


def draw_bounds(path: Path, runs: Sequence[CourseRun]) -> None:
    """Draws both bounds and the gap between them, epoch by epoch, mean over seeds.

    Args:
        path: Of the picture.
        runs: Of any settings and seeds.
    """
    with new_figure(13, 5) as figure:
        bounds, gaps = figure.subplots(1, 2)
        for colour, setting in zip(CYCLE, SETTINGS, strict=False):
            own = [run for run in runs if run.setting == setting]
            if not own:
                continue
            relaxed, discrete = (
                np.mean([getattr(run, graph) for run in own], axis=0)
                for graph in ("relaxed", "discrete")
            )
            epochs = np.arange(1, len(relaxed) + 1)
            bounds.plot(epochs, discrete, color=colour, label=setting)
            bounds.plot(epochs, relaxed, color=colour, linestyle=":", linewidth=1.5)
            gaps.plot(epochs, relaxed - discrete, color=colour)
        bounds.set(
            xlabel="epoch", ylabel="nats", title="bounds: discrete, and dotted relaxed"
        )
        bounds.legend(fontsize=10)
        gaps.axhline(0.0, color="#999999", linewidth=1)
        gaps.set(xlabel="epoch", title="integrality gap: relaxed less discrete")
        for axes in (bounds, gaps):
            axes.grid()
        figure.savefig(path, dpi=150)


def draw_gradients(
    path: Path, reports: Mapping[int, Sequence[Mapping[str, Any]]]
) -> None:
    """Draws bias and noise of the gradient of q, of each estimator at several epochs.

    Args:
        path: Of the picture.
        reports: By the number of epochs trained, the rows of all weights of q.
    """
    names = [row["estimator"] for row in next(iter(reports.values()))]
    colours = (RELAXED, "#999999", DISCRETE)
    with new_figure(13, 0.42 * len(names) + 1.5) as figure:
        left, right = figure.subplots(1, 2, sharey=True)
        for colour, (epoch, rows) in zip(colours, reports.items(), strict=False):
            label = f"after {epoch} epochs" if epoch else "before training"
            for row in rows:
                place, norm = names.index(row["estimator"]), row["reference_norm"]
                found = row["bias_low"] > 0
                style = {"marker": "o", "color": colour, "linestyle": ""}
                left.plot(
                    (row["bias"] if found else row["bias_high"]) / norm,
                    place,
                    markerfacecolor=colour if found else "white",
                    **style,
                )
                right.plot(np.sqrt(row["variance"]) / norm, place, **style)
            right.plot([], [], marker="o", color=colour, linestyle="", label=label)
        left.set_yticks(range(len(names)), names)
        left.invert_yaxis()
        left.set(
            xscale="log",
            title="bias; hollow: at most, where none was found",
            xlabel="lengths of the gradient of the estimator's objective",
        )
        right.set(
            xscale="log",
            title="standard deviation of a step",
            xlabel="lengths of the gradient",
        )
        for axes in (left, right):
            axes.grid()
        figure.legend(
            *right.get_legend_handles_labels(), loc="outside lower center", ncols=3
        )
        figure.savefig(path, dpi=150)
