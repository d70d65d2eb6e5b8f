"""Runs of the jobs, and the tables of their scores."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks import markdown
from benchmarks.advice.jobs import JOBS
from keras_concrete.evaluation import standard_error

__all__ = [
    "ESTIMATORS",
    "FALLING",
    "TEMPERATURES",
    "Run",
    "advice_tables",
    "temperatures_of",
]

ESTIMATORS = (
    "concrete",
    "concrete_analytic_kl",
    "gumbel_softmax",
    "straight_through_gumbel_softmax",
    "straight_through",
    "reinmax",
    "gumbel_rao",
)
TEMPERATURES = (0.25, 0.5, 2 / 3, 1.0)
FALLING = "1 to 0.1"  # Along a line, over the steps of training.


def temperatures_of(estimator: str, job: str) -> tuple[float | str, ...]:
    """The temperatures that make a difference; without a KL one that falls as well."""
    if estimator in ("straight_through", "reinmax"):
        return TEMPERATURES[-1:]
    return TEMPERATURES if JOBS[job].scores_states else (*TEMPERATURES, FALLING)


@dataclass(frozen=True)
class Run:
    """A model trained and scored.

    Attributes:
        job: Name of the job.
        estimator: Name of the estimator.
        temperature: Of all densities and samples, or `FALLING`.
        seed: Of weights, noise and the order of the data.
        epochs: Of training.
        score: Of the discrete graph on the validation images.
        seconds: Of training, on the machine as it was.
    """

    job: str
    estimator: str
    temperature: float | str
    seed: int
    epochs: int
    score: float
    seconds: float

    @property
    def settings(self) -> tuple:
        """What the score depends on."""
        return (self.job, self.estimator, self.temperature, self.seed, self.epochs)


def advice_tables(runs: Sequence[Run]) -> str:
    """The scores of each job: rows are estimators, columns temperatures.

    Args:
        runs: Of any jobs and seeds.

    Returns:
        Markdown: a mean over seeds and its standard error; the least of a job in bold.
        Estimators without a temperature have the column of 1 only.
    """
    tables = []
    if len({run.epochs for run in runs}) > 1:
        raise ValueError("Runs of several numbers of epochs do not compare.")
    for name in dict.fromkeys(run.job for run in runs):
        scores = _scores([run for run in runs if run.job == name])
        best = min(map(np.mean, scores.values()))
        job = JOBS[name]
        temperatures = temperatures_of("gumbel_softmax", name)
        lines = [["estimator", *map(_heading, temperatures)]]
        lines += [["---", *["---:"] * len(temperatures)]]
        for estimator in ESTIMATORS:
            if not any((estimator, t) in scores for t in temperatures):
                continue
            cells = [_cell(scores.get((estimator, t)), best) for t in temperatures]
            lines.append([estimator, *cells])
        tables.append(f"**{job.about}: {job.score}**\n\n{markdown.rows(lines)}")
    return "\n".join(tables)


def _heading(temperature: float | str) -> str:
    return temperature if isinstance(temperature, str) else f"{temperature:.2g}"


def _scores(runs: Sequence[Run]) -> dict[tuple[str, float | str], list[float]]:
    scores: dict[tuple[str, float | str], list[float]] = {}
    for run in runs:
        scores.setdefault((run.estimator, run.temperature), []).append(run.score)
    return scores


def _cell(scores: list[float] | None, best: float) -> str:
    if not scores:
        return ""
    mean = np.mean(scores)
    digits = 3 if best < 10 else 1
    text = f"{mean:.{digits}f}"
    if len(scores) > 1:
        text += f" ± {standard_error(np.asarray(scores)):.{digits}f}"
    return f"**{text}**" if mean == best else text
