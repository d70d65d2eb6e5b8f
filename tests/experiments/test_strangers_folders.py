"""A folder that someone else made is no way to write outside it."""

import json
import os

import pytest
from made_results import made_result
from tiny_runs import invoke

from keras_concrete.experiments.cell_jobs import Budget, Job
from keras_concrete.experiments.cell_result import find_results
from keras_concrete.experiments.worker_processes import run_cells
from keras_concrete.files import PARTIAL

pytestmark = [pytest.mark.usefixtures("_six_pixels"), pytest.mark.reliability]

NAMES = f"""
    lock saved_model evaluations.jsonl history.csv timing.csv report.json config.json
    model.keras best.keras {PARTIAL}model.keras {PARTIAL}best.keras
    {PARTIAL}report.json
    learning_curve.png latent_usage.png reconstructions.png samples.png
    samples-seed-0.png saved_model/saved_model.pb damaged-history.csv
""".split()
COMMANDS = (
    "train --resume run",
    "evaluate run --num-samples 2",
    "sample run",
    "export run --to served",
    "train 3H-6V --data tiny --epochs 1 --batch-size 4 --out run",
)


def _contents(folder):
    return {
        path.relative_to(folder): path.is_file() and path.read_bytes()
        for path in folder.rglob("*")
    }


def _note(sums, name, number):
    """Adds to the figures of this file."""
    row = f"commands refused with nothing written, {name}"
    sums[row] = sums.get(row, 0) + number


@pytest.fixture
def theirs(tmp_path):
    """What shall stay as it is."""
    theirs = tmp_path / "theirs"
    (theirs / "folder").mkdir(parents=True)
    (theirs / "folder" / "file").write_text("mine")
    (theirs / "file").write_text("mine")
    return theirs


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("target", ["file", "folder", "new"])
def test_links_in_a_run_are_refused_before_anything_is_written(
    name, target, theirs, tmp_path, sums
):
    run = tmp_path / "run"
    (run / "saved_model").mkdir(parents=True)
    config = {"architecture": "3H-6V", "data": "tiny", "epochs": 1, "batch_size": 4}
    (run / "config.json").write_text(json.dumps(config))
    link = run / name
    if link.exists():
        os.rename(link, tmp_path / "aside")
    link.symlink_to(theirs / target)
    before = _contents(theirs), _contents(run)
    for command in COMMANDS:
        result = invoke(*command.split())
        assert f"run/{name} is a symbolic link" in str(result.exception), command
        assert (_contents(theirs), _contents(run)) == before
    assert not (tmp_path / "served").exists()
    _note(sums, "links in a run", len(COMMANDS))


@pytest.mark.parametrize("name", ["lock", "evaluations.jsonl", "model.keras"])
def test_a_pipe_in_a_run_is_refused_and_not_waited_for(name, tmp_path, sums):
    run = tmp_path / "run"
    run.mkdir()
    (run / "config.json").write_text('{"architecture": "3H-6V", "data": "tiny"}')
    os.mkfifo(run / name)
    for command in COMMANDS:
        result = invoke(*command.split())
        assert f"run/{name} is neither a file nor a folder" in str(result.exception)
    _note(sums, "pipes in a run", len(COMMANDS))


def _write(folder, **changes):
    """A result's file whose cell has other values than results have."""
    content = made_result().to_dict()
    content["cell"] |= changes
    (folder / "table1").mkdir(parents=True, exist_ok=True)
    (folder / "table1" / "a.json").write_text(json.dumps(content))


@pytest.mark.parametrize("field", ["table", "data", "architecture", "estimator"])
@pytest.mark.parametrize(
    "value", ["../../../x", "/x", "..", "", "a\x1b[2Jb", "a\nb", "a b"]
)
def test_names_in_a_result_lead_nowhere_and_obey_no_one(field, value, tmp_path, sums):
    results = tmp_path / "a/b/c/results"
    _write(results, **{field: value})
    result = invoke("reproduce", "report", results)
    assert "a.json is damaged: cell" in result.stderr
    assert f"`{field}` must be a name" in result.stderr
    assert "\x1b" not in result.output
    assert "holds no results" in str(result.exception)
    assert not list(tmp_path.rglob("*.png"))
    _note(sums, "names in a result that lead elsewhere", 1)


def test_a_link_in_the_place_of_a_picture_is_refused(theirs, tmp_path):
    _write(tmp_path / "results")
    name = "curves-table1-binarized_mnist-2000.png"
    (tmp_path / "results" / name).symlink_to(theirs / "file")
    result = invoke("reproduce", "report", tmp_path / "results")
    assert f"{name} is a symbolic link" in str(result.exception)
    assert (theirs / "file").read_text() == "mine"


@pytest.mark.parametrize("place", ["table", "result", "runs", "run", "log"])
def test_links_where_a_cell_writes_are_refused_before_it_starts(
    place, theirs, tmp_path, sums
):
    job = Job(made_result().cell, Budget(), tmp_path / "results")
    link = {
        "table": job.result_file.parent,
        "result": job.result_file,
        "runs": job.log_file.parent,
        "run": job.folder.path,
        "log": job.log_file,
    }[place]
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(theirs / ("new" if place == "result" else "folder"))
    with pytest.raises(ValueError, match="is a symbolic link"):
        next(run_cells([job], 1, "command"))
    assert [path.name for path in (theirs / "folder").iterdir()] == ["file"]
    _note(sums, "links where a cell writes", 1)


def test_figures_are_not_written_through_links(theirs, tmp_path):
    (tmp_path / "figures").mkdir()
    link = tmp_path / "figures" / "figure-1-sampling-graphs.svg"
    link.symlink_to(theirs / "file")
    result = invoke("figures", "--out", tmp_path / "figures")
    assert "figure-1-sampling-graphs.svg is a symbolic link" in str(result.exception)
    assert (theirs / "file").read_text() == "mine"
    assert [path for path in (tmp_path / "figures").iterdir()] == [link]


def test_the_results_of_this_repository_are_read_as_they_are(request):
    found = find_results(request.config.rootpath / "results")
    assert len(found.results) >= 110 and found.problems == []
