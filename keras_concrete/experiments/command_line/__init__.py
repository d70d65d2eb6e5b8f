"""The command `keras-concrete`."""

import typer
from rich.console import Console

from keras_concrete.datasets import DatasetUnavailableError
from keras_concrete.experiments.command_line.reproduce import figures, reproduce
from keras_concrete.experiments.command_line.train import report_table, train
from keras_concrete.experiments.command_line.trained_runs import evaluate, export, sample
from keras_concrete.experiments.reproduction import CellsFailedError

__all__ = ["app", "main", "report_table"]

app = typer.Typer(
    help="Train, evaluate and serve belief networks of discrete latent units, and "
    "reproduce the paper that they come from.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # Plain help: boxes of three columns cut the names of options.
    rich_markup_mode=None,
)
for command in (train, evaluate, sample, export, figures):
    app.command()(command)
app.add_typer(reproduce, name="reproduce")


def main() -> None:
    """Runs the command line; errors that a user can mend are one paragraph."""
    try:
        app()
    except (ValueError, OSError, DatasetUnavailableError, CellsFailedError) as error:
        Console(stderr=True, highlight=False).print(
            f"Error: {error}", markup=False, soft_wrap=True
        )
        raise SystemExit(1) from None
