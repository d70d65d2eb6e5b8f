"""Tables of the course of a training, as Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks import markdown
from benchmarks.course.runs import SETTINGS, CourseRun

__all__ = ["bounds_table", "gradients_table"]


def bounds_table(runs: Sequence[CourseRun]) -> str:
    """What each setting of temperatures comes to.

    Args:
        runs: Of any settings and seeds; those of the first setting have all seeds.

    Returns:
        Markdown: NLL in nats, its distance from the first setting's by the same seeds
        and images, and the gap after the first, the middle and the last epoch.
    """
    names = list(SETTINGS)
    first = {run.seed: run for run in runs if run.setting == names[0]}
    header = ["temperatures", "seeds", "NLL", "less the paper's"]
    lines = [[*header, "gap: first", "middle", "last"], ["---", *["---:"] * 6]]
    for name in names:
        own = [run for run in runs if run.setting == name and run.seed in first]
        if not own:
            continue
        nll = np.mean([np.mean(run.nll) for run in own])
        less = [run.nll_less(first[run.seed]) for run in own]
        mean = np.mean([difference for difference, _ in less])
        # Of the mean over the seeds, each of the same images.
        error = np.sqrt(np.sum(np.square([error for _, error in less]))) / len(less)
        gaps = np.mean([np.subtract(run.relaxed, run.discrete) for run in own], axis=0)
        shown = [gaps[0], gaps[len(gaps) // 2 - 1], gaps[-1]]
        distance = "" if name == names[0] else f"{mean:+.2f} ± {error:.2f}"
        cells = [name, str(len(own)), f"{nll:.2f}", distance]
        lines.append([*cells, *(f"{gap:+.1f}" for gap in shown)])
    return markdown.rows(lines)


def gradients_table(reports: Mapping[int, Sequence[Mapping[str, Any]]]) -> str:
    """Bias and noise of the gradient of q, in lengths of the reference.

    Args:
        reports: By the number of epochs trained, the rows of all weights of q.

    Returns:
        Markdown: for each estimator the bias, or what it is at most where none was
        found, and the standard deviation of a step.
    """
    moments = ["start" if epoch == 0 else f"epoch {epoch}" for epoch in reports]
    header = [f"bias, {m}" for m in moments] + [f"noise, {m}" for m in moments]
    lines = [["estimator", *header], ["---", *["---:"] * len(header)]]
    for rows in zip(*reports.values(), strict=True):
        cells = [_bias(row) for row in rows]
        cells += [
            f"{np.sqrt(row['variance']) / row['reference_norm']:.2f}" for row in rows
        ]
        lines.append([f"`{rows[0]['estimator']}`", *cells])
    return markdown.rows(lines)


def _bias(row: Mapping[str, Any]) -> str:
    norm = row["reference_norm"]
    if row["bias_low"] > 0:
        return f"{row['bias'] / norm:.2f}"
    return f"< {row['bias_high'] / norm:.2f}"
