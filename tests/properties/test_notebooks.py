"""The notebooks' programs run, and their outputs are committed whole."""

import itertools
import json
import re
from pathlib import Path

import keras
import matplotlib
import pages
import pytest

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
# Few steps, few draws, and no minute of compiling for them by XLA: what is tested is that
# they run. With XLA, and whole, they ran when their outputs were made.
FEWER = {
    "num_draws = 5_000": "num_draws = 50",
    "range(21)": "range(3)",
    "num_samples in (1, 10)": "num_samples in (10,)",
    "jit_compile=True": "jit_compile=False",
    'for name in ("concrete", "straight_through_gumbel_softmax", "vimco")': (
        'for name in ("concrete",)'
    ),
}
# They compile more than they run.
EAGERLY = ("3", "5", "6", "7", "8")
# What is printed however few the steps.
PRINTED = {
    "1": "2 states: prior 0.50, posterior 0.67, closed form 0.50, safe up to 1.00",
    "2": "4000 training images, 500 test images",
    "3": "bits_kl, last epoch:",
    "4": "added_bound: bias",
    "5": "INVALID_ARGUMENT: 'encode' takes ['seed', 'x']. Received: ['x'].",
    "6": "codes in use:",
    "7": "largest difference of an output after shrink:",
    "8": "KL of a test image:",
}


def test_each_part_that_is_made_shorter_is_in_a_notebook():
    cells = [cell["source"] for path in NOTEBOOKS for cell in _code_cells(path)]
    programs = "".join(itertools.chain.from_iterable(cells))
    assert [long for long in FEWER if long not in programs] == []


def _code_cells(path):
    cells = json.loads(path.read_text())["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


@pytest.mark.filterwarnings("ignore:Limiting:UserWarning")  # that is what we ask for
@pytest.mark.filterwarnings("ignore:FigureCanvasAgg is non-interactive:UserWarning")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_program_runs(path, tmp_path, monkeypatch, capsys, request):
    import keras_concrete
    from keras_concrete.estimators import registry

    if path.stem.startswith(EAGERLY):
        request.getfixturevalue("eagerly")
    # What they register is forgotten after them.
    monkeypatch.setattr(registry, "_ESTIMATORS", dict(registry._ESTIMATORS))
    monkeypatch.chdir(tmp_path)
    matplotlib.use("agg")
    evaluate = keras_concrete.evaluate_bound
    monkeypatch.setattr(
        keras_concrete,
        "evaluate_bound",
        lambda model, x, **kwargs: evaluate(
            model, x[:5], **{**kwargs, "num_samples": 10}
        ),
        raising=False,
    )
    if path.stem.startswith("5"):
        pages.export_encoders_only(monkeypatch)
    keras.config.set_max_epochs(1)
    keras.config.set_max_steps_per_epoch(2)
    try:
        program = {}
        with matplotlib.rc_context():  # Restores what `use_style` sets.
            for number, cell in enumerate(_code_cells(path), start=1):
                source = "".join(cell["source"])
                for many, few in FEWER.items():
                    source = source.replace(many, few)
                exec(compile(source, f"{path.stem}, {number}", "exec"), program)
    finally:
        keras.config.set_max_epochs(None)
        keras.config.set_max_steps_per_epoch(None)
        matplotlib.pyplot.close("all")
    assert PRINTED[path.stem[0]] in capsys.readouterr().out


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_committed_outputs_are_of_one_whole_run(path):
    cells = _code_cells(path)
    counts = [cell["execution_count"] for cell in cells]
    assert counts == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert not [o for o in outputs if o["output_type"] == "error"]
    assert not [o for o in outputs if o.get("name") == "stderr"]
    assert any("image/png" in output.get("data", {}) for output in outputs)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_only_pictures_come_from_the_laboratory(path):
    program = "\n".join("".join(cell["source"]) for cell in _code_cells(path))
    line = r"keras_concrete\.experiments import ([\w, ]+?)(?:  #|$)"
    imported = re.findall(line, program, re.MULTILINE)
    names = {name for line in imported for name in line.split(", ")}
    assert names <= {"drawing", "figures", "run_pictures"}
    assert program.count("experiments") == len(imported)
