"""The programs of README and of the documentation run, and their commands are there."""

import configparser
import importlib.util
import re
import shlex
from pathlib import Path

import keras
import numpy as np
import pages
import pytest
import tensorflow as tf
from typer.testing import CliRunner

import keras_concrete
import keras_concrete_command
from keras_concrete import datasets, estimators
from keras_concrete.experiments import command_line

ROOT = pages.ROOT
README = ROOT / "README.md"
COMMANDS = {c: pages.name_of(p) for p in pages.PAGES for c in pages.commands(p)}


@pytest.fixture
def few_steps(tmp_path, monkeypatch):
    """What is tested is that programs run as printed, and not what they train."""
    monkeypatch.chdir(tmp_path)
    evaluate = keras_concrete.evaluate_bound

    def evaluate_few(model, x, num_samples=10, **kwargs):
        return evaluate(model, x[:5], 10, **(kwargs | {"verbose": False}))

    monkeypatch.setattr(keras_concrete, "evaluate_bound", evaluate_few)
    report = keras_concrete.gradient_report

    def report_few(model, x, names, num_draws=20, **kwargs):
        tf.config.run_functions_eagerly(False)
        try:
            return report(model, x[:8], names, 20, **kwargs)
        finally:
            tf.config.run_functions_eagerly(True)

    monkeypatch.setattr(keras_concrete, "gradient_report", report_few)
    pages.export_encoders_only(monkeypatch)
    known = dict(estimators.registry._ESTIMATORS)
    monkeypatch.setattr(estimators.registry, "_ESTIMATORS", known)
    keras.config.set_max_epochs(1)
    keras.config.set_max_steps_per_epoch(3)
    yield
    keras.config.set_max_epochs(None)
    keras.config.set_max_steps_per_epoch(None)


@pytest.mark.filterwarnings("ignore:Limiting:UserWarning")  # that is what we ask for
@pytest.mark.filterwarnings("ignore:The temperature 10 is above 1")
@pytest.mark.usefixtures("eagerly", "few_steps")
@pytest.mark.parametrize(
    "page", [p for p in pages.PAGES if pages.programs(p)], ids=pages.name_of
)
def test_programs_run_one_after_another_and_print_what_is_said(page, capsys):
    names = {}
    for number, program in enumerate(pages.programs(page)):
        capsys.readouterr()
        exec(compile(program.code, f"{page.name}, program {number}", "exec"), names)
        if program.printed is not None:
            assert capsys.readouterr().out == program.printed


def _files_of(command):
    """Files of this repository that a command names."""
    words = shlex.split(command)
    for before, word in zip(["", *words], words, strict=False):
        if before == "-m" and word.split(".")[0] in ("benchmarks", "keras_concrete"):
            module = ROOT / word.replace(".", "/")
            yield module / "__main__.py" if module.is_dir() else module.with_suffix(".py")
        elif word.startswith(("benchmarks/", "notebooks/", "docs/")):
            if "/.envs/" not in word:
                yield ROOT / word


def test_commands_name_files_options_and_extras_that_there_are():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    assert len(COMMANDS) > 15
    for command, page in COMMANDS.items():
        missing = [file for file in _files_of(command) if not file.exists()]
        assert missing == [], page
        extras = re.findall(r"(?:\.|keras_concrete)\[(.*?)\]", command)
        assert set(extras) <= set(config["options.extras_require"]), page
        program, *arguments = shlex.split(command.rstrip("&"))
        if program.endswith("keras-concrete") and arguments != ["--help"]:
            # With --help options are read, but no command is run.
            answer = CliRunner().invoke(command_line.app, [*arguments, "--help"])
            assert answer.exit_code == 0, f"{page}: {command}\n{answer.output}"


@pytest.mark.usefixtures("eagerly")
def test_the_commands_of_a_run_work_in_their_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    generator = np.random.default_rng(0)
    parts = [generator.integers(0, 2, (20, 784)).astype("uint8") for _ in range(3)]
    data = datasets.Dataset("binarized_mnist", *parts)
    monkeypatch.setitem(datasets.DATASETS, "binarized_mnist", lambda: data)
    block = pages.blocks_of_commands(ROOT / "docs" / "guides" / "command-line.md")[0]
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
    [command] = [
        block.strip()
        for block in pages.blocks_of_commands(README)
        if block.strip().endswith("pytest")
    ]
    assert command in (ROOT / ".ci" / "run").read_text().splitlines()


def test_the_readme_is_two_screens():
    assert len(README.read_text().splitlines()) <= 120


def _writer():
    spec = importlib.util.spec_from_file_location("w", ROOT / "results/write_readme.py")
    writer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(writer)
    return writer


@pytest.mark.parametrize("page", _writer().PAGES, ids=pages.name_of)
def test_the_tables_are_those_of_the_committed_results(page):
    text = page.read_text()
    assert text.count(": begin -->") == text.count(": end -->") >= 1
    assert _writer().updated(text) == text


def test_the_table_of_estimators_is_complete():
    page = (ROOT / "docs" / "choosing.md").read_text()
    section = page.split("## All estimators")[1].split("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == estimators.names()


def test_the_quick_help_lists_all_commands():
    listed = re.findall(r"^  (\w+)  ", keras_concrete_command.HELP, re.MULTILINE)
    registered = [
        *(command.callback.__name__ for command in command_line.app.registered_commands),
        *(group.name for group in command_line.app.registered_groups),
    ]
    assert sorted(listed) == sorted(registered)
