"""Figure 4, right plot: the objective of both graphs against the temperature."""

import os
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from keras_concrete.experiments import drawing

__all__ = ["GapRecord", "save_integrality_gap", "sorted_records"]


class GapRecord(NamedTuple):
    """What one temperature gave. Objectives are in nats per image, lower is better.

    Attributes:
        temperature: At which the relaxed graph was trained and evaluated.
        relaxed: Mean objective of the relaxed graph.
        relaxed_error: Its standard error; 0 where there is none.
        discrete: Mean objective of the discrete graph with the same weights.
        discrete_error: Its standard error; 0 where there is none.
    """

    temperature: float
    relaxed: float
    relaxed_error: float
    discrete: float
    discrete_error: float


def save_integrality_gap(
    folder: str | os.PathLike,
    records: Sequence[GapRecord],
    label: str,
) -> list[Path]:
    """Draws the right plot of the paper's figure 4: what rounding costs.

    Shaded is the integrality gap, where the discrete graph does worse than the relaxed
    one whose weights it shares. Bars are standard errors.

    Args:
        folder: Where `figure-4-integrality-gap.pdf`, `.svg` and `.png` are written.
        records: One for each temperature, in any order. Plain tuples will do.
        label: What was run (data, network, samples, steps, seeds): a line of caption.

    Returns:
        Paths of the files.

    Raises:
        ValueError: If there are no records, a number is not finite, an error is negative,
            or temperatures are not positive and different.

    Example:
    >>> import tempfile
    >>> records = [(0.5, 60.1, 0.2, 60.3, 0.2), (2.0, 57.4, 0.1, 63.9, 0.3)]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     paths = save_integrality_gap(folder, records, "an example, not a run")
    >>> paths[0].name
    'figure-4-integrality-gap.pdf'
    """
    columns = np.array(sorted_records(records)).T
    temperature, relaxed, relaxed_error, discrete, discrete_error = columns
    with drawing.new_figure(7.2, 4.5) as figure:
        axes = figure.add_subplot()
        # Straight lines between the points of a logarithmic axis.
        fine = np.geomspace(temperature[0], temperature[-1], 500)
        low = np.interp(np.log(fine), np.log(temperature), relaxed)
        high = np.interp(np.log(fine), np.log(temperature), discrete)
        axes.fill_between(
            fine,
            low,
            high,
            where=high >= low,
            color=drawing.DISCRETE,
            alpha=0.18,
            linewidth=0,
            label="integrality gap",
        )
        style: dict[str, Any] = {"marker": "o", "capsize": 3, "markersize": 6}
        for mean, error, name, colour in [
            (discrete, discrete_error, "discrete graph", drawing.DISCRETE),
            (relaxed, relaxed_error, "relaxed graph", drawing.RELAXED),
        ]:
            axes.errorbar(temperature, mean, error, label=name, color=colour, **style)
        axes.set_xscale("log")
        ticks = spaced(temperature)
        axes.set_xticks(ticks, [f"{tick:.2g}" for tick in ticks])
        axes.minorticks_off()
        axes.set_xlabel("temperature $\\lambda$ (log scale)")
        axes.set_ylabel("negative bound\n(nats per image, lower is better)")
        axes.grid(axis="y")
        axes.legend(reverse=True)
        axes.set_title(textwrap.fill(label, 76), loc="left", fontsize=10)
        return drawing.save_figure(figure, folder, "figure-4-integrality-gap")


def sorted_records(records: Sequence[GapRecord]) -> list[GapRecord]:
    """Checks records and sorts them by temperature.

    Args:
        records: In any order; plain tuples will do.

    Returns:
        The same records, coldest first.

    Raises:
        ValueError: As `save_integrality_gap` does.
    """
    ordered = sorted((GapRecord(*record) for record in records), key=lambda r: r[0])
    temperatures = [record.temperature for record in ordered]
    problem = None
    if not ordered:
        problem = "hold at least one temperature"
    elif not np.isfinite(ordered).all():
        problem = "hold finite numbers"
    elif temperatures[0] <= 0:
        problem = "have positive temperatures"
    elif len(set(temperatures)) < len(temperatures):
        problem = "hold each temperature once: average the runs of one temperature"
    elif min(min(r.relaxed_error, r.discrete_error) for r in ordered) < 0:
        problem = "have standard errors of 0 or more"
    if problem:
        raise ValueError(f"Argument `records` must {problem}. Received: {records}")
    return ordered


def spaced(temperatures: np.ndarray) -> list[float]:
    """The sorted temperatures whose labels do not touch on a logarithmic axis."""
    least = 0.07 * np.log(temperatures[-1] / temperatures[0])
    chosen = [float(temperatures[0])]
    for temperature in temperatures[1:]:
        if np.log(temperature / chosen[-1]) > least:
            chosen.append(float(temperature))
    return chosen
