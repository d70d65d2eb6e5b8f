"""What the results of a comparison say: a row for each network and estimator."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from keras_concrete import estimators
from keras_concrete.evaluation import standard_error
from keras_concrete.experiments.cell_jobs import Job
from keras_concrete.experiments.cell_result import CellResult
from keras_concrete.experiments.result_tables import ResultTable

__all__ = [
    "ComparisonRow",
    "comparison_rows",
    "comparison_table",
    "comparison_title",
]


@dataclass(frozen=True, kw_only=True)
class ComparisonRow:
    """The results of one network and estimator, NLLs in nats per image.

    Attributes:
        architecture: The network.
        estimator: Name of the estimator.
        steps: Training steps.
        evaluations: Evaluations of p(x given z) for each image of a step.
        nll: Of the test images by the discrete graph, mean over seeds.
        nll_error_over_seeds: Its standard error over seeds; None for one seed.
        difference: The NLL less that of the first estimator of the comparison.
        difference_error_over_images: Standard error of the paired differences of single
            images, each the mean over `num_paired_seeds`; None if there are none.
        num_paired_seeds: Seeds whose run folders are there, with the NLL of each image:
            of results that another machine made they may not be.
        difference_error_over_seeds: Standard error of the differences of seeds; None for
            one seed.
        bound: Of the test images by the discrete graph and m samples, mean over seeds.
        minutes: Of training, mean over seeds.
    """

    architecture: str
    estimator: str
    steps: int
    evaluations: int
    nll: float
    nll_error_over_seeds: float | None
    difference: float
    difference_error_over_images: float | None
    difference_error_over_seeds: float | None
    bound: float
    minutes: float
    num_paired_seeds: int = 0  # In files that do not say.


def comparison_rows(jobs: Sequence[Job]) -> list[ComparisonRow]:
    """Sets the results of one network beside each other.

    Args:
        jobs: Of the network, all done: those of the first estimator are the reference of
            all differences, and all have the same seeds.

    Returns:
        A row for each estimator, the best first.

    Raises:
        OSError: If a file cannot be read.
        ValueError: If the files of a job are damaged, or not of one evaluation.
    """
    names = dict.fromkeys(job.cell.estimator for job in jobs)
    groups = [
        [_measured(job) for job in jobs if job.cell.estimator == name] for name in names
    ]
    rows = [_row(group, groups[0]) for group in groups]
    return sorted(rows, key=lambda row: row.nll)


class _Measured(NamedTuple):
    """The result of a job, and the NLL of each image if its run folder is there."""

    result: CellResult
    nll: np.ndarray | None


def _row(runs: Sequence[_Measured], reference: Sequence[_Measured]) -> ComparisonRow:
    results = [run.result for run in runs]
    nll = np.array([result.discrete_nll.mean for result in results])
    differences = nll - [run.result.discrete_nll.mean for run in reference]
    by_images = [
        run.nll - other.nll
        for run, other in zip(runs, reference, strict=True)
        if run.nll is not None and other.nll is not None
    ]
    cell = results[0].cell
    evaluations = estimators.get(cell.estimator).decoder_evaluations(cell.num_samples)
    return ComparisonRow(
        architecture=cell.architecture,
        estimator=cell.estimator,
        steps=results[0].steps,
        evaluations=evaluations,
        nll=float(np.mean(nll)),
        nll_error_over_seeds=_error_over_seeds(nll),
        difference=float(np.mean(differences)),
        difference_error_over_images=(
            standard_error(np.mean(by_images, axis=0)) if by_images else None
        ),
        num_paired_seeds=len(by_images),
        difference_error_over_seeds=_error_over_seeds(differences),
        bound=float(np.mean([result.discrete_bound.mean for result in results])),
        minutes=float(np.mean([result.training_seconds for result in results])) / 60,
    )


def _error_over_seeds(values: np.ndarray) -> float | None:
    return standard_error(values) if len(values) > 1 else None


def _measured(job: Job) -> _Measured:
    result = job.result()
    is_there = job.folder.test_nll_file.exists()
    return _Measured(result, _nll_of_images(job, result) if is_there else None)


def _nll_of_images(job: Job, result: CellResult) -> np.ndarray | None:
    """The NLL of each image; None if the run was evaluated otherwise since."""
    try:
        nll = job.folder.test_nll()
    except (OSError, ValueError) as error:
        raise ValueError(f"{error} {job.remedy}") from error
    close = math.isclose(
        np.mean(nll, dtype="float64"), result.discrete_nll.mean, rel_tol=1e-5
    )
    is_of_result = len(nll) == result.num_test_images and close
    return nll.astype("float64") if is_of_result else None


def comparison_title(settings: Mapping[str, Any], rows: Sequence[ComparisonRow]) -> str:
    """What the table of one network says above it.

    Args:
        settings: Those of the comparison, and of its budget.
        rows: Of the network.
    """
    num_seeds, m = settings["num_seeds"], settings["num_samples"]
    seeds = "seed" if num_seeds == 1 else "seeds"
    title = (
        f"{rows[0].architecture} on {settings['data']}, m = {m}, {num_seeds} {seeds}, "
        f"{settings['steps']:,} steps: NLL in nats per image by "
        f"{settings['evaluation_samples']:,} samples, the bound by {m}; differences are "
        f"from {settings['estimators'][0]}, paired image by image"
    )
    paired = min(row.num_paired_seeds for row in rows)
    if 0 < paired < num_seeds:
        title += f"; ± images of {paired} of the seeds"
    if len({row.evaluations for row in rows}) > 1:
        title += "; passes are evaluations of the decoder for each image of a step"
    return title


def comparison_table(rows: Sequence[ComparisonRow], title: str) -> ResultTable:
    """The rows of one network as a table.

    Args:
        rows: Of the network.
        title: Of the table.

    Returns:
        The table.
    """
    has_seeds = rows[0].nll_error_over_seeds is not None
    has_images = None not in [row.difference_error_over_images for row in rows]
    columns = {
        "estimator": [row.estimator for row in rows],
        "steps": [f"{row.steps:,}" for row in rows],
        "passes": [str(row.evaluations) for row in rows],
        "NLL": [f"{row.nll:.2f}" for row in rows],
        "± seeds": [f"{row.nll_error_over_seeds:.2f}" for row in rows if has_seeds],
        "diff.": [f"{row.difference:.2f}" for row in rows],
        "± images": [
            f"{row.difference_error_over_images:.2f}" for row in rows if has_images
        ],
        "±seeds": [f"{row.difference_error_over_seeds:.2f}" for row in rows if has_seeds],
        "bound": [f"{row.bound:.2f}" for row in rows],
        "min": [f"{row.minutes:.1f}" for row in rows],
    }
    # What is the same for all is no column.
    shown = {
        name: column
        for name, column in columns.items()
        if column and (name not in ("steps", "passes") or len(set(column)) > 1)
    }
    body = [list(cells) for cells in zip(*shown.values(), strict=True)]
    return ResultTable(title, list(shown), body)
