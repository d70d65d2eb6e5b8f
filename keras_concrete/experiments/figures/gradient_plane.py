"""The picture of a gradient report: the bias of each estimator against its variance."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_concrete.experiments import drawing
from keras_concrete.files import check_no_link
from keras_concrete.gradients import GradientRow

__all__ = ["save_gradient_plane", "text_box"]

# Share of an upper limit that its arrow is long.
_ARROW = 0.3
# Where a label may stand from its point, in points: nearer places first.
_SIDES = (
    (1, 0),
    (-1, 0),
    (0, 1),
    (0, -1),
    (0.7, 0.7),
    (0.7, -0.7),
    (-0.7, 0.7),
    (-0.7, -0.7),
)
_PLACES = [(d * x, d * y) for d in (9, 18, 30, 44, 60, 80) for x, y in _SIDES]


def save_gradient_plane(
    path: str | os.PathLike, rows: Sequence[GradientRow], title: str
) -> None:
    """Draws bias against variance, both relative to the reference and logarithmic.

    Bars are 95% intervals of the bias, and two standard errors of the variance. Where no
    bias was found the point is hollow, at the upper end of its interval. Rows whose
    reference noise hides, of length 0, are left out.

    Args:
        path: File to write.
        rows: Of one part of the gradient, one for each estimator.
        title: Line above.

    Raises:
        ValueError: If a link is in the place of the file, or there are no rows.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    check_no_link(Path(path))
    rows = [row for row in rows if row.reference_norm > 0]
    if not rows:
        raise ValueError(
            "Argument `rows` must hold at least one row whose reference noise does not "
            "hide. Received: none"
        )
    colours = {"bound": drawing.RELAXED, "mean ELBO": drawing.DISCRETE}
    norms = np.array([row.reference_norm for row in rows])
    noise = np.array([row.variance for row in rows]) / norms**2
    errors = 2 * np.array([row.variance_error for row in rows]) / norms**2
    limits = np.array([[r.bias_low, r.bias, r.bias_high] for r in rows]) / norms[:, None]
    found = limits[:, 0] > 0
    height = np.where(found, limits[:, 1], limits[:, 2])
    least = min(np.min(limits[found, 0], initial=np.inf), height.min()) / 2
    with drawing.new_figure(9, 6) as figure:
        FigureCanvasAgg(figure)  # Whose renderer measures the labels.
        axes = figure.add_subplot(xscale="log", yscale="log")
        for i, row in enumerate(rows):
            colour = colours[row.objective]
            below = height[i] - limits[i, 0] if found[i] else _ARROW * height[i]
            axes.errorbar(
                noise[i],
                height[i],
                yerr=[[below], [limits[i, 2] - height[i]]],
                uplims=not found[i],
                xerr=[[min(errors[i], 0.9 * noise[i])], [errors[i]]],
                marker="o",
                markersize=7,
                color=colour,
                markerfacecolor=colour if found[i] else "white",
                elinewidth=1,
                linestyle="",
            )
        axes.set_ylim(least, 2.5 * limits[:, 2].max())
        axes.margins(x=0.2)
        _label_ticks(axes)
        axes.set_xlabel("variance of one gradient (squared lengths of the reference)")
        axes.set_ylabel("bias (lengths of the reference)")
        axes.set_title(title, loc="left", fontsize=11)
        axes.grid()
        _add_legend(axes, {row.objective: colours[row.objective] for row in rows})
        figure.draw_without_rendering()
        points = np.stack([noise, height], axis=1)
        _add_labels(axes, [row.estimator for row in rows], points, ~found)
        figure.savefig(path, dpi=150)


def _label_ticks(axes: Any) -> None:
    """Plain numbers; between powers of ten only where few of these are in sight."""
    from matplotlib.ticker import LogLocator, NullFormatter

    for axis, (low, high) in (
        (axes.xaxis, axes.get_xlim()),
        (axes.yaxis, axes.get_ylim()),
    ):
        axis.set_major_formatter("{x:g}")
        axis.set_minor_locator(LogLocator(subs=(2, 5)))
        axis.set_minor_formatter("{x:g}" if high / low < 50 else NullFormatter())


def _add_legend(axes: Any, colours: dict[str, str]) -> None:
    from matplotlib.lines import Line2D

    look: dict[str, Any] = {"marker": "o", "linestyle": ""}
    keys = [
        Line2D([], [], color=colour, label=f"against the {name}", **look)
        for name, colour in colours.items()
    ]
    hollow: dict[str, Any] = {"markerfacecolor": "white", "color": drawing.MUTED}
    keys.append(Line2D([], [], label="no bias found: at most this", **hollow, **look))
    axes.legend(handles=keys, loc="best", fontsize=10)


def _add_labels(
    axes: Any, names: Sequence[str], points: np.ndarray, have_arrows: np.ndarray
) -> None:
    """Writes each name beside its point, where it covers neither points nor names."""
    from matplotlib.transforms import Bbox

    pixels = axes.transData.transform(points)
    renderer = axes.figure.canvas.get_renderer()
    unit = axes.figure.dpi / 72
    lowest = np.stack([points[:, 0], points[:, 1] * (1 - _ARROW * have_arrows)], axis=1)
    ends = axes.transData.transform(lowest)
    taken = [
        Bbox([[x - 6, end - 6], [x + 6, y + 6]])
        for (x, y), (_, end) in zip(pixels, ends, strict=True)
    ]
    taken.append(axes.get_legend().get_window_extent(renderer))
    for i in np.argsort(-pixels[:, 1]):
        best: Any = None
        for x, y in _PLACES:
            label = axes.annotate(
                names[i],
                points[i],
                xytext=(x, y),
                textcoords="offset points",
                ha="left" if x > 1 else "right" if x < -1 else "center",
                va="bottom" if y > 1 else "top" if y < -1 else "center",
                fontsize=10,
                color=drawing.INK,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
                arrowprops={"arrowstyle": "-", "color": "#BBBBBB", "shrinkB": 4}
                if np.hypot(x, y) > 12
                else None,
            )
            box = text_box(label, renderer).padded(2 * unit)
            covered = sum(_overlap(box, other) for other in taken)
            outside = box.width * box.height - _overlap(box, axes.bbox)
            if best is None or covered + outside < best[0]:
                if best is not None:
                    best[1].remove()
                best = (covered + outside, label, box)
            else:
                label.remove()
            if best[0] <= 0:
                break
        taken.append(best[2])


def text_box(label: Any, renderer: Any) -> Any:
    """The box of a label in pixels, without the line that leads to it.

    Args:
        label: An annotation.
        renderer: Of the figure's canvas.
    """
    from matplotlib.text import Text

    label.update_positions(renderer)
    return Text.get_window_extent(label, renderer)


def _overlap(one: Any, other: Any) -> float:
    width = min(one.x1, other.x1) - max(one.x0, other.x0)
    height = min(one.y1, other.y1) - max(one.y0, other.y0)
    return float(max(width, 0) * max(height, 0))
