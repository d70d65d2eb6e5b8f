"""The command `keras-concrete`."""

import typer

from keras_concrete.datasets import DatasetUnavailableError
from keras_concrete.experiments.command_line.compare import compare
from keras_concrete.experiments.command_line.console import print_any_character, say_error
from keras_concrete.experiments.command_line.figures import figures
from keras_concrete.experiments.command_line.gradients import gradients
from keras_concrete.experiments.command_line.reproduce import reproduce
from keras_concrete.experiments.command_line.train import train
from keras_concrete.experiments.command_line.trained_runs import evaluate, export, sample
from keras_concrete.experiments.worker_processes import CellsFailedError

__all__ = ["app", "main"]

app = typer.Typer(
    help="Train, evaluate and serve belief networks of discrete latent units, and "
    "reproduce the paper that they come from.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # Plain help: boxes of three columns cut the names of options.
    rich_markup_mode=None,
)
for command in (train, evaluate, sample, export, gradients, compare, figures):
    app.command()(command)
app.add_typer(reproduce, name="reproduce")


# An ImportError names the extra that is missing.
_TO_MEND = (ValueError, OSError, ImportError, DatasetUnavailableError, CellsFailedError)


def main() -> None:
    """Runs the command line; errors that a user can mend are one paragraph."""
    print_any_character()
    try:
        app()
    except _TO_MEND as error:
        say_error(f"Error: {error}")
        raise SystemExit(1) from None
