"""The command `reproduce`: its options and the cells that it lists."""

import pytest
from typer.testing import CliRunner

from keras_concrete.experiments import command_line
from keras_concrete.experiments.cell_jobs import Budget
from keras_concrete.experiments.command_line.cell_commands import make_jobs


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--cells", "*300H*"), "matches no cell of table1"),
        (("--steps", "0"), "`steps` must be a positive integer"),
        (("--eval-samples", "0"), "`evaluation_samples` must be a positive integer"),
    ],
)
def test_bad_options_are_refused(options, message, tmp_path):
    arguments = ["reproduce", "table1", "--out", str(tmp_path), *options]
    result = CliRunner().invoke(command_line.app, arguments)
    assert result.exit_code != 0
    assert message in str(result.exception)
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_lists_the_cells(tmp_path):
    arguments = ["reproduce", "figure4", "--dry-run", "--out", str(tmp_path)]
    result = CliRunner().invoke(command_line.app, arguments)
    assert result.output.count("to do") == 12
    assert list(tmp_path.iterdir()) == []


def test_on_one_data_set_cells_that_coincide_are_one_with_the_papers_numbers(tmp_path):
    for data, has_paper in (("binarized_mnist", True), ("mnist5k", False)):
        jobs = make_jobs("table1", "*", data, Budget(), tmp_path)
        assert len(jobs) == len({job.result_file for job in jobs}) == 24
        assert {job.cell.paper is not None for job in jobs} == {has_paper}
