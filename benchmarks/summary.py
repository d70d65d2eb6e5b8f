"""From the answers of contestants to numbers: medians, spread, ratios, agreement."""

import math
import statistics
from collections.abc import Sequence
from typing import Any

__all__ = ["agreement", "exponent", "spread", "spread_text", "step_variance", "summarise"]


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, least and greatest of several values.

    Args:
        values: At least one.

    Returns:
        Dict of `median`, `min` and `max`.

    Example:
    >>> spread([3.0, 1.0, 2.0])
    {'median': 2.0, 'min': 1.0, 'max': 3.0}
    """
    return {
        "median": statistics.median(values),
        "min": min(values),
        "max": max(values),
    }


def spread_text(cost: dict[str, float], digits: int = 2) -> str:
    """The median, and between what values it lies.

    Args:
        cost: As `spread` gives it.
        digits: Behind the point.

    Example:
    >>> spread_text({"median": 2.0, "min": 1.0, "max": 3.0}, 1)
    '2.0 (1.0 to 3.0)'
    """
    median, least, most = (f"{cost[key]:.{digits}f}" for key in ("median", "min", "max"))
    return f"{median} ({least} to {most})"


def summarise(
    answers: Sequence[dict[str, Any]], ours: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """Sets the timed runs of one contestant beside ours, round by round.

    Args:
        answers: Of the contestant, in the order of the rounds.
        ours: Our own, in the same order; may be empty.

    Returns:
        Dict of `wall_ms` and `cpu_ms` a step, and of `times_ours` and `cpu_times_ours`:
        the ratio of the medians to ours, above 1 where we are faster, with the least and
        greatest of the rounds.
    """
    result: dict[str, Any] = {}
    for key, ratio in (("wall", "times_ours"), ("cpu", "cpu_times_ours")):
        costs = [1e3 * answer[key] / answer["units"] for answer in answers]
        result[f"{key}_ms"] = spread(costs)
        if ours:
            others = [1e3 * answer[key] / answer["units"] for answer in ours]
            pairs = [a / b for a, b in zip(costs, others, strict=True)]
            median = statistics.median(costs) / statistics.median(others)
            result[ratio] = {**spread(pairs), "median": median}
    return result


def step_variance(runs: Sequence[dict[str, Any]]) -> float:
    """Variance of the bound of single steps, whatever learning moves it evenly.

    Args:
        runs: Answers to runs in a row, with the mean bounds of equal stretches of them.

    Returns:
        The variance, from second differences of the stretches; NaN for fewer than 3.

    Example:
    >>> step_variance([{"units": 4, "bounds": [1.0, 2.0, 3.0, 4.0]}])
    0.0
    """
    bounds = [bound for run in runs for bound in run["bounds"]]
    steps = sum(run["units"] for run in runs) / max(1, len(bounds))
    squares = [(a - 2 * b + c) ** 2 / 6 for a, b, c in _triples(bounds)]
    return steps * statistics.fmean(squares) if squares else math.nan


def _triples(values: Sequence[float]) -> zip:
    return zip(values, values[1:], values[2:], strict=False)


def agreement(
    theirs: Sequence[dict[str, Any]], ours: Sequence[dict[str, Any]]
) -> dict[str, float | bool]:
    """Compares the bounds of two contestants that started from the same weights.

    Args:
        theirs: Their first runs, with the bound of each step.
        ours: Our first runs, of as many steps.

    Returns:
        Dict of the `bound`, the `difference` to ours, both in nats, its
        `standard_error`, and whether they `agree` within 4 of these. The variance is
        theirs for both: ours answers with means over many steps.
    """
    steps = sum(run["units"] for run in theirs)
    bound, our_bound = (
        statistics.fmean(bound for run in runs for bound in run["bounds"])
        for runs in (theirs, ours)
    )
    difference = bound - our_bound
    error = math.sqrt(2 * step_variance(theirs) / steps)
    return {
        "bound": bound,
        "difference": difference,
        "standard_error": error,
        "agree": abs(difference) <= 4 * error,
    }


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """Power of the size with which the cost grows: least squares in logarithms.

    Args:
        sizes: At least two different ones.
        costs: Positive.

    Returns:
        The power.

    Example:
    >>> round(exponent([1, 2, 4], [3, 12, 48]), 6)
    2.0
    """
    x, y = [math.log(size) for size in sizes], [math.log(cost) for cost in costs]
    return statistics.linear_regression(x, y).slope
