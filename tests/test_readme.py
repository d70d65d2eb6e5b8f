"""The README's programs run, and its commands are those that CI runs."""

import importlib.util
import re
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_concrete import estimators

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PROGRAMS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.filterwarnings("ignore:Limiting:UserWarning")  # that is what we ask for
@pytest.mark.parametrize("number", range(len(PROGRAMS)))
def test_programs_run(number, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # Few steps: what is tested is that they run as printed.
    keras.config.set_max_epochs(1)
    keras.config.set_max_steps_per_epoch(3)
    evaluate = None
    try:
        import keras_concrete

        evaluate = keras_concrete.evaluate_bound
        monkeypatch.setattr(
            keras_concrete,
            "evaluate_bound",
            lambda model, x, **kwargs: evaluate(model, x[:5], 10, verbose=False),
            raising=False,
        )
        exec(compile(PROGRAMS[number], f"README program {number}", "exec"), {})
    finally:
        keras.config.set_max_epochs(None)
        keras.config.set_max_steps_per_epoch(None)


def test_ci_runs_the_test_command_of_the_readme():
    command = re.search(r"## Tests.*?```sh\n(.*?)\n```", README, flags=re.DOTALL)[1]
    assert command in (ROOT / ".ci" / "run").read_text().splitlines()


def _writer():
    spec = importlib.util.spec_from_file_location("w", ROOT / "results/write_readme.py")
    writer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(writer)
    return writer


@pytest.mark.parametrize("page", _writer().PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_the_tables_are_those_of_the_committed_results(page):
    text = page.read_text()
    assert text.count(": begin -->") == text.count(": end -->") >= 1
    assert _writer().updated(text) == text


def test_there_are_programs_and_numpy_is_not_needed_for_the_first():
    assert len(PROGRAMS) >= 3 and np.__name__ not in PROGRAMS[0]


def test_the_table_of_estimators_is_complete():
    section = README.split("## Estimators")[1].split("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == estimators.names()
