"""The picture of a comparison: how each estimator's network learns."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keras_concrete import estimators
from keras_concrete.experiments import drawing
from keras_concrete.experiments.cell_jobs import Job
from keras_concrete.files import check_no_link

__all__ = ["save_comparison"]

_LINES = ("-", "--", ":")


def save_comparison(path: Path, jobs: Sequence[Job]) -> None:
    """Draws validation bounds against steps, and against evaluations of p(x given z).

    Args:
        path: File to write.
        jobs: All done: a row of panels for each of their networks.

    Raises:
        OSError: If a file cannot be read or written.
        ValueError: If a link is in the place of the file, or a result is damaged.
    """
    check_no_link(path)
    networks = list(dict.fromkeys(job.cell.architecture for job in jobs))
    names = list(dict.fromkeys(job.cell.estimator for job in jobs))
    with drawing.new_figure(14.5, 4.6 * len(networks)) as figure:
        panels = figure.subplots(len(networks), 2, squeeze=False, sharey="row")
        for (left, right), network in zip(panels, networks, strict=True):
            of_network = [job for job in jobs if job.cell.architecture == network]
            late = []
            for number, name in enumerate(names):
                group = [job for job in of_network if job.cell.estimator == name]
                look = _look(number)
                evaluations = estimators.get(name).decoder_evaluations(
                    group[0].cell.num_samples
                )
                late.append(_draw_band(left, group, 1, look, name))
                _draw_band(right, group, evaluations, look, name)
            _finish(left, right, network, np.concatenate(late))
        figure.legend(
            *panels[0, 0].get_legend_handles_labels(), loc="outside right upper"
        )
        figure.savefig(path, dpi=150)


def _look(number: int) -> dict[str, Any]:
    line, colour = divmod(number, len(drawing.CYCLE))
    return {"color": drawing.CYCLE[colour], "linestyle": _LINES[line % len(_LINES)]}


def _draw_band(
    axes: Any, jobs: Sequence[Job], scale: int, look: dict[str, Any], label: str
) -> np.ndarray:
    """The mean over seeds, in a band from the lowest to the highest.

    Returns:
        All values but those of the first steps, which would flatten the rest.
    """
    curves = [job.result().curve for job in jobs]
    x = scale * np.asarray(curves[0].step)
    values = -np.asarray([curve.val_bound for curve in curves])
    axes.plot(x, values.mean(axis=0), label=label, **look)
    if len(values) > 1:
        lowest, highest = values.min(axis=0), values.max(axis=0)
        axes.fill_between(x, lowest, highest, color=look["color"], alpha=0.2, linewidth=0)
    return values[:, values.shape[1] // 10 :].ravel()


def _finish(left: Any, right: Any, network: str, late: np.ndarray) -> None:
    drawing.fit_height(left, late)
    left.set_title(network, loc="left")
    left.set_xlabel("step")
    left.set_ylabel("validation: minus the m-sample\nbound (nats per image)")
    right.set_xlabel("evaluations of p(x given z) for an image of each batch")
    for axes in (left, right):
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.locator_params(axis="x", nbins=5)
        axes.grid(axis="y")
