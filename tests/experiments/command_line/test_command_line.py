"""The command line as a whole: its help, its errors, its refusals."""

import pytest
import typer
from tiny_runs import invoke

from keras_concrete.experiments import command_line

pytestmark = pytest.mark.usefixtures("_tiny")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train", "4H~9V", "--data", "tiny"), "must end in 16V"),
        (("train", "4H~16", "--data", "tiny"), "at position 5"),
        (("train", "4H~16V", "--data", "tiny", "--batch-size", 65), "at most 64"),
        (("train", "4H~16V", "--data", "nothing"), "must be one of 'mnist5k'"),
        (("train", "--epochs", 0), "`epochs` must be a positive integer"),
        (("train", "--learning-rate", -1), "`learning_rate` must be a positive number"),
        (("train", "--learning-rate-schedule", "warm"), "one of 'cosine', 'constant'"),
        (("train", "--recipe", "paper "), "`recipe` must be one of 'cosine', 'paper'"),
        (
            ("train", "--weight-decay", -1),
            "`weight_decay` must be a number from 0 upward",
        ),
        (("train", "--estimator", "magic"), "`estimator` must be one of 'concrete'"),
        (("train", "--arity", 4, "--estimator", "gaussian"), "is for binary units"),
        (("train", "9V-4H~9V", "--data", "tiny"), "must end in 7V"),
        (("train", "--resume", "nowhere"), "not the folder of a run"),
        (("train", "--resume", "nowhere", "--epochs", 3), "Leave out: epochs"),
        (("evaluate", "nowhere"), "not the folder of a run"),
        (("export", "nowhere", "--to", "a", "--format", "h5"), "'saved_model', 'onnx'"),
        (
            ("export", "nowhere", "--to", "a", "--format", "onnx", "--jit-compile"),
            "are for --format saved_model",
        ),
        (("evaluate", "nowhere", "--split", "all"), "'train', 'validation', 'test'"),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(
    arguments, message, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    result = invoke(*arguments)
    assert result.exit_code != 0
    assert message in str(result.exception)
    assert list(tmp_path.iterdir()) == []
    assert result.output == ""


def test_errors_are_one_paragraph_and_exit_with_one(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["keras-concrete", "evaluate", "nowhere"])
    with pytest.raises(SystemExit) as stopped:
        command_line.main()
    assert stopped.value.code == 1
    error = capsys.readouterr().err
    assert error.startswith("Error: nowhere is not the folder of a run")
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize("command", ["train", "evaluate", "sample", "export"])
def test_help_explains_every_option(command):
    assert invoke(command, "--help").exit_code == 0
    options = typer.main.get_command(command_line.app).commands[command].params
    assert options and [option.name for option in options if not option.help] == []
