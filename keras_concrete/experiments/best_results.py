"""The best result of each network, whatever trained it, for the next one to beat."""

import math
from collections.abc import Iterable

from keras_concrete.experiments.cell_result import CellResult
from keras_concrete.experiments.paper_tables import TABLES
from keras_concrete.experiments.result_tables import ResultTable

__all__ = ["best_table"]

_HEADER = ["data", "network", "NLL", "paper", "trained by", "m", "steps", "minutes"]
# Only results by so many samples are compared.
_NUM_SAMPLES = 1_000


def best_table(results: Iterable[CellResult]) -> ResultTable:
    """For each network of Table 1 the least NLL of all of its data's test images.

    Args:
        results: Of cells of any table.

    Returns:
        A row for each data set and network that has a result, with the least of the
        paper's numbers for it, and the command that gave ours.
    """
    networks = list(dict.fromkeys(cell.architecture for cell in TABLES["table1"]))
    found = [r for r in results if r.cell.arity == 2]
    rows = []
    for data in sorted({result.cell.data for result in found}):
        of_data = [result for result in found if result.cell.data == data]
        most = max(result.num_test_images for result in of_data)
        for network in networks:
            own = [result for result in of_data if result.cell.architecture == network]
            compared = [
                result
                for result in own
                if result.num_test_images == most
                and result.discrete_nll.num_samples == _NUM_SAMPLES
                and math.isfinite(result.discrete_nll.mean)
            ]
            if compared:
                papers = [
                    cell.paper.test
                    for cell in TABLES["table1"]
                    if (cell.data, cell.architecture) == (data, network) and cell.paper
                ]
                best = min(compared, key=lambda result: result.discrete_nll.mean)
                rows.append(_row(best, papers))
    title = f"NLL in nats per image of all test images by {_NUM_SAMPLES:,} samples"
    return ResultTable(title, [*_HEADER, "again by"], rows)


def _row(best: CellResult, papers: list[float]) -> list[str]:
    cell = best.cell
    return [
        cell.data,
        cell.architecture,
        str(best.discrete_nll),
        str(min(papers)) if papers else "",
        cell.estimator,
        str(cell.num_samples),
        f"{best.steps:,}",
        f"{best.training_seconds / 60:.0f}",
        f"`{best.command}`",
    ]
