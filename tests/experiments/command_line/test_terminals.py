"""What is printed is what is meant, whatever a path holds and a terminal can show."""

import shlex
import subprocess
import sys

import pytest
from made_results import made_result
from tiny_runs import invoke, six_pixels

from keras_concrete.experiments import run_callbacks
from keras_concrete.experiments.advice import resume_command
from keras_concrete.experiments.command_line.console import (
    console,
    plain,
    print_table,
)
from keras_concrete.experiments.new_network import new_network
from keras_concrete.experiments.run_folder import RunFolder
from keras_concrete.experiments.training_config import TrainingConfig

pytestmark = pytest.mark.usefixtures("_six_pixels")

NAMES = ("[b]x[/b]:smile:", "[/] it's é", "long " * 30 + "x")


@pytest.fixture
def folder(tmp_path, request):
    """A run whose folder has a name."""
    folder = RunFolder(tmp_path / request.param)
    config = TrainingConfig("3H-6V", "tiny", epochs=1, batch_size=4, num_samples=1)
    folder.create(config)
    network = new_network(config, six_pixels())
    network.optimizer.build(network.trainable_variables)
    network.save(folder.model_file)
    return folder


@pytest.mark.parametrize("folder", NAMES, indirect=True)
def test_a_path_is_printed_as_it_is(folder, monkeypatch):
    result = invoke("evaluate", folder.path, "--num-samples", 1)
    assert f"Run folder: {folder.path}\n" in result.output
    result = invoke("sample", folder.path)
    assert f"Wrote {folder.path}/samples-seed-0.png\n" in result.output
    assert (folder.path / "samples-seed-0.png").exists()

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(run_callbacks.Stopwatch, "on_epoch_begin", stop)
    result = invoke("train", "--resume", folder.path)
    assert result.exit_code == 130
    *_, hint = result.output.splitlines()
    command = ["keras-concrete", "train", "--resume", str(folder.path)]
    assert shlex.split(hint) == command
    assert shlex.split(resume_command(folder.path)) == command


@pytest.mark.parametrize("folder", ["run"], indirect=True)
def test_a_picture_is_written_where_it_is_said(folder, tmp_path):
    (tmp_path / "folder").mkdir()
    for name, message in (
        ("folder", "folder is a folder. Name one in it, such as .*folder/samples.png"),
        ("other", "must end in .png, .pdf, .svg. Received: .*other"),
        ("a.txt", "must end in .png"),
    ):
        result = invoke("sample", folder.path, "--to", tmp_path / name)
        with pytest.raises(ValueError, match=message):
            raise result.exception
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder", "run"]
    result = invoke("sample", folder.path, "--to", tmp_path / "new/a.pdf")
    assert result.output.endswith("new/a.pdf\n")
    assert (tmp_path / "new/a.pdf").read_bytes().startswith(b"%PDF")


def test_terminals_show_control_characters_and_do_not_obey_them():
    for text, shown in {
        "a\x1b]0;title\x07b": r"a\x1b]0;title\x07b",
        "a\r\x08b\x9bc": r"a\r\x08b\x9bc",
        "\u202eevil\udcff": r"\u202eevil\udcff",
        "é ± [b]:smile:[/b]\n": "é ± [b]:smile:[/b]\n",
    }.items():
        assert str(plain(text)) == shown


def test_the_title_of_a_table_is_broken_between_words(monkeypatch, capsys):
    monkeypatch.setattr(console, "width", 30)
    print_table("A title that is longer than a line", ["model"], [["a"]])
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines[:2] == ["A title that is longer than a", "line"]


def test_an_ascii_terminal_is_told_everything(tmp_path):
    (tmp_path / "é" / "table1").mkdir(parents=True)
    made_result().write(tmp_path / "é" / "table1" / "a.json")
    process = subprocess.run(
        [sys.executable, "-m", "keras_concrete", "reproduce", "report", "é"],
        env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "1", "PATH": ""},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    assert "95.00 +- 0.25" in process.stdout
    assert r"Wrote \xe9/curves-table1-binarized_mnist-2000.png" in process.stdout


def test_an_error_shows_its_path_as_it_is(tmp_path):
    for name in NAMES:
        result = invoke("evaluate", tmp_path / name)
        assert f"{tmp_path / name} is not the folder of a run" in str(result.exception)
