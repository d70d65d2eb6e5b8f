"""The README's programs run, and its commands are those that CI runs."""

import configparser
import importlib.util
import re
import shlex
from pathlib import Path

import keras
import numpy as np
import pytest
from typer.testing import CliRunner

from keras_concrete import datasets, estimators
from keras_concrete.experiments import command_line

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PROGRAMS = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
COMMANDS = [
    line.split("#")[0].strip()
    for block in re.findall(r"```sh\n(.*?)```", README, flags=re.DOTALL)
    for line in block.replace("\\\n", "").replace("&&", "\n").splitlines()
]


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


def test_what_the_layer_prints_is_what_it_is_said_to_print(capsys):
    section = README.split("## The layer in five lines")[1]
    program, printed = re.search(
        r"```python\n(.*?)```\n\n```text\n(.*?)```", section, flags=re.DOTALL
    ).groups()
    exec(compile(program, "README, the layer", "exec"), {})
    assert capsys.readouterr().out == printed


def _files_of(command):
    """Files of this repository that a command names."""
    words = shlex.split(command)
    for before, word in zip(["", *words], words, strict=False):
        if before == "-m" and word.split(".")[0] in ("benchmarks", "keras_concrete"):
            module = ROOT / word.replace(".", "/")
            yield module / "__main__.py" if module.is_dir() else module.with_suffix(".py")
        elif word.startswith(("benchmarks/", "notebooks/")) and "/.envs/" not in word:
            yield ROOT / word


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_name_files_options_and_extras_that_there_are(command):
    assert [file for file in _files_of(command) if not file.exists()] == []
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    extras = re.findall(r"\.\[(.*?)\]", command)
    assert set(extras) <= set(config["options.extras_require"])
    program, *arguments = shlex.split(command.rstrip("&"))
    if program.endswith("keras-concrete"):
        # With --help options are read, but no command is run.
        answer = CliRunner().invoke(command_line.app, [*arguments, "--help"])
        assert answer.exit_code == 0, answer.output


def test_the_commands_of_a_run_work_in_their_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    parts = [generator.integers(0, 2, (20, 784)).astype("uint8") for _ in range(3)]
    data = datasets.Dataset("binarized_mnist", *parts)
    monkeypatch.setitem(datasets.DATASETS, "binarized_mnist", lambda: data)
    section = README.split("## The command line")[1]
    block = re.search(r"```sh\n(.*?)```", section, flags=re.DOTALL)[1]
    shorter = {
        "200H~200H~784V": "4H-784V",
        "--out RUN": "--out RUN --epochs 1 --batch-size 10 --evaluation-samples 10",
        "50000": "10",
    }
    for long, short in shorter.items():
        assert long in block
        block = block.replace(long, short)
    for line in block.splitlines():
        program, *arguments = shlex.split(line, comments=True)
        answer = CliRunner().invoke(command_line.app, arguments)
        assert program == "keras-concrete" and answer.exit_code == 0, answer.output
    assert Path("DIR/saved_model.pb").exists() and Path("RUN/report.json").exists()


def test_ci_runs_the_test_command_of_the_readme():
    section = README.split("## Contributing")[1]
    command = re.search(r"```sh\n(.*?)\n```", section, flags=re.DOTALL)[1]
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
