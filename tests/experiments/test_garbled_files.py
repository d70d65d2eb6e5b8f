"""Files of runs and results that were cut, emptied, or hold anything: one sentence each.

Whatever is done to a file, reading it gives what it says or an error of one sentence that
names it; never a traceback of another kind.
"""

import copy
import json
import math

import pytest
from made_results import made_result
from tiny_runs import invoke

import keras_concrete as kc
from keras_concrete.experiments import result_pictures, result_tables
from keras_concrete.experiments.cell_result import find_results
from keras_concrete.experiments.report import Report
from keras_concrete.experiments.run_folder import RunFolder
from keras_concrete.experiments.training_config import TrainingConfig
from keras_concrete.files import PARTIAL

pytestmark = [pytest.mark.usefixtures("_six_pixels"), pytest.mark.reliability]
# Cut at some bytes; in the soak at every one.
CUTS = pytest.mark.parametrize("cuts", [60, pytest.param(10**6, marks=pytest.mark.soak)])

# What may stand in the place of any value.
VALUES = (None, "x", "\x1b[2J", "../../x", -1, 0, 1.5, 10**400, math.nan, [], {}, True)


def settings():
    return TrainingConfig("3H-6V", "tiny", epochs=1, batch_size=4, steps_per_epoch=2)


def garbled(content, cuts=60):
    """Contents that are not the file's: cut at any byte, emptied, of other encodings."""
    step = max(1, len(content) // cuts)
    yield from (content[:end] for end in range(0, len(content), step))
    yield from (
        b"\x00" * len(content),
        b"\xff\xfe\x00",
        b"\n",
        b"null",
        b"[]",
        b'"x"',
        b"3",
    )
    yield from (b"[" * 100_000, b'{"a":' * 100_000, b"9" * 10_000, b"{'a': 1}", b"NaN")
    for encoding in ("utf-16", "utf-32", "utf-8-sig", "cp037"):
        yield content.decode(errors="replace").encode(encoding, errors="replace")


def changed(content):
    """JSON contents in which one value is another, one is missing, or one is too many."""
    for place in _places(content):
        for value in VALUES:
            yield _with(content, place, value)
        yield _with(content, place, None, remove=True)
    yield {**content, "unknown": 1}


def _places(node, place=()):
    items = node.items() if isinstance(node, dict) else enumerate(node)
    for key, child in items:
        yield (*place, key)
        if isinstance(child, dict | list):
            yield from _places(child, (*place, key))


def _with(content, place, value, remove=False):
    content = copy.deepcopy(content)
    node = content
    for key in place[:-1]:
        node = node[key]
    if remove:
        del node[place[-1]]
    else:
        node[place[-1]] = value
    return content


def note(sums, name, tried, refused):
    """Keeps a file's figures."""
    sums[f"contents, {name}"] = tried
    sums[f"refused in a sentence, {name}"] = refused
    sums[f"read, {name}"] = tried - refused


def answer(read, path):
    """What reading gives; an error is one sentence with the file's name."""
    try:
        return read()
    except (ValueError, OSError) as error:
        assert path.name in str(error), (path, error)
        assert "\n" not in str(error) and len(str(error)) < 600, error
        return None


@CUTS
def test_settings(cuts, tmp_path, sums):
    folder = RunFolder(tmp_path / "run")
    folder.create(settings())
    content = folder.config_file.read_bytes()
    contents = [*garbled(content, cuts)]
    contents += [json.dumps(c).encode() for c in changed(json.loads(content))]
    refused = 0
    for other in contents:
        folder.config_file.write_bytes(other)
        config = answer(folder.config, folder.config_file)
        refused += config is None
        assert config is None or isinstance(config, TrainingConfig)
    assert 0.7 * len(contents) < refused < len(contents)
    if cuts > 60:
        note(sums, "config.json", len(contents), refused)


@CUTS
def test_reports(cuts, tmp_path, sums):
    path = tmp_path / "report.json"
    made_result().write(path)
    content = path.read_bytes()
    contents = [*garbled(content, cuts)]
    contents += [json.dumps(c).encode() for c in changed(json.loads(content))]
    refused = 0
    for other in contents:
        path.write_bytes(other)
        report = answer(lambda: Report.read(path), path)
        refused += report is None
        if report is not None:
            assert isinstance(report.discrete_nll.num_samples, int)
            assert isinstance(report.discrete_nll.mean, float)
    # More is read than above: half of the content is the cell, which is no report's.
    assert 0.4 * len(contents) < refused < len(contents)
    if cuts > 60:
        note(sums, "report.json", len(contents), refused)


def test_results_beside_others_that_are_whole(tmp_path, sums):
    path = tmp_path / "table1" / "garbled.json"
    path.parent.mkdir()
    made_result("vimco").write(path.with_name("whole.json"))
    made_result().write(path)
    content = path.read_bytes()
    contents = [*garbled(content)]
    contents += [json.dumps(c).encode() for c in changed(json.loads(content))]
    refused = 0
    for i, other in enumerate(contents):
        path.write_bytes(other)
        found = find_results(tmp_path)
        refused += len(found.problems)
        assert len(found.results) + len(found.problems) == 2, other[:300]
        for problem in found.problems:
            assert "garbled.json" in problem and len(problem) < 600, problem
        for table in result_tables.make_tables(found.results):
            assert result_tables.markdown(table)
        if len(found.results) == 2 and i % 150 == 0:
            result_pictures.save_curves(tmp_path, found.results)
    assert 0.5 * len(contents) < refused < len(contents)
    note(sums, "a result beside a whole one", len(contents), refused)


def test_the_report_of_results_goes_on_without_an_empty_file(tmp_path):
    made_result().write(tmp_path / "a.json")
    (tmp_path / "table1").mkdir()
    (tmp_path / "a.json").rename(tmp_path / "table1" / "a.json")
    (tmp_path / "table1" / "empty.json").touch()
    (tmp_path / "table1" / f"{PARTIAL}b.json").touch()
    (tmp_path / "speed").mkdir()
    (tmp_path / "speed" / "training.json").write_text('{"results": []}')
    result = invoke("reproduce", "report", tmp_path)
    assert result.exit_code == 0, result.exception
    assert "95.00 ± 0.25" in result.stdout
    (line,) = [line for line in result.stderr.splitlines() if "Left out" in line]
    assert f"{tmp_path}/table1/empty.json is damaged" in line


@pytest.mark.parametrize("name", ["history.csv", "timing.csv"])
def test_tables_of_epochs(name, tmp_path, sums):
    folder = RunFolder(tmp_path)
    whole = b"epoch,bound,val_bound\r\n0,-5.0,-6.0\r\n1,-4.0,-5.0\r\n"
    if name == "timing.csv":
        whole = b"epoch,seconds\n0,1.5\n1,2.5\n"
    others = [*garbled(whole), b'"' * 200_000 + b"\n", b"epoch\n" + b"1e999\n" * 3]
    for other in others:
        (tmp_path / name).write_bytes(other)
        columns = folder.history() if name == "history.csv" else folder.timing()
        assert all(len(c) == len(columns["epoch"]) for c in columns.values())
        assert folder.num_epochs() <= 2
        folder.cut_tables(2)
        kept = (tmp_path / name).read_bytes()
        assert whole.startswith(kept)
        if whole.startswith(other):  # Cut: whole rows stay, without half ones.
            assert kept == whole[: other.rfind(b"\n") + 1], other
    sums[f"contents of {name}, of which whole rows stay and no others"] = len(others)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A network of two steps, of the settings above."""
    path = tmp_path_factory.mktemp("saved") / "model.keras"
    network = kc.SigmoidBeliefNetwork("3H-6V", num_samples=5, seed=0)
    network.compile("sgd")
    network.save(path)
    return path.read_bytes()


@pytest.mark.parametrize("name", ["model.keras", "best.keras"])
def test_networks(name, saved, tmp_path, sums):
    folder = RunFolder(tmp_path)
    folder.create(settings())
    path = tmp_path / name
    ends = (0, 1, 10, len(saved) // 2, len(saved) - 1)
    for end in ends:
        path.write_bytes(saved[:end])
        assert answer(folder.model, path) is None
    places = range(100, len(saved), len(saved) // 15)
    refused = len(ends) + 2
    for place in places:
        path.write_bytes(saved[:place] + b"\x1b\x00" + saved[place + 2 :])
        refused += answer(folder.model, path) is None
    note(sums, name, len(ends) + 2 + len(places), refused)
    for other in (b"\x00" * 999, b"PK\x05\x06" + b"\x00" * 18):
        path.write_bytes(other)
        assert answer(folder.model, path) is None
    path.write_bytes(saved)
    assert answer(folder.model, path) is not None


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("architecture", "2H-6V"),
        ("num_samples", 1),
        ("estimator", "straight_through"),
        ("centering", False),
    ],
)
def test_a_network_of_other_settings_is_refused(setting, value, saved, tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.create(settings())
    folder.model_file.write_bytes(saved)
    content = json.loads(folder.config_file.read_text()) | {setting: value}
    folder.config_file.write_text(json.dumps(content))
    for command in ("evaluate", "sample", "train --resume"):
        result = invoke(*command.split(), folder.path)
        message = f"model.keras holds a network with {setting}="
        assert message in str(result.exception), command


def test_a_network_after_part_of_an_epoch_is_refused(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.create(settings())
    network = kc.SigmoidBeliefNetwork("3H-6V", num_samples=5, seed=0)
    network.compile("sgd")
    network.optimizer.iterations.assign(3)
    network.save(folder.model_file)
    result = invoke("train", "--resume", folder.path)
    assert "after 3 steps, which are no whole epochs of 2" in str(result.exception)


def test_a_lock_file_of_any_content_is_a_lock_file(tmp_path):
    folder = RunFolder(tmp_path)
    for content in (b"", b"\xff\xfe", b"x" * 10_000):
        (tmp_path / "lock").write_bytes(content)
        with folder.locked():
            pass
