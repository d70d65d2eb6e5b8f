"""The command that makes runs: train."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from keras_concrete import estimators
from keras_concrete.experiments import training
from keras_concrete.experiments.advice import resume_command
from keras_concrete.experiments.command_line.console import console, say
from keras_concrete.experiments.command_line.progress import TrainingBar, bars
from keras_concrete.experiments.recipes import recipe_settings
from keras_concrete.experiments.report import Estimate, Report
from keras_concrete.experiments.run_folder import RunFolder
from keras_concrete.experiments.training_config import TrainingConfig

__all__ = ["report_table", "speed_line", "train"]

_DEFAULT = TrainingConfig()


def train(
    context: typer.Context,
    architecture: Annotated[
        str,
        typer.Argument(
            help="Network from the top down: layers of hidden (H) and visible (V) "
            "units, joined by - for an affine map or ~ for two tanh layers. With a "
            "visible layer on the left it predicts the rest of an image from its first "
            "pixels."
        ),
    ] = _DEFAULT.architecture,
    data: Annotated[
        str,
        typer.Option(
            help="mnist5k: 5,000 digits that need no network. mnist, binarized_mnist, "
            "omniglot: through TensorFlow Datasets, from TFDS_DATA_DIR if set."
        ),
    ] = _DEFAULT.data,
    arity: Annotated[
        int, typer.Option(help="States of a latent unit, a power of 2.")
    ] = _DEFAULT.arity,
    num_samples: Annotated[
        int, typer.Option(help="Samples m of the bound that is maximised.")
    ] = _DEFAULT.num_samples,
    estimator: Annotated[
        str, typer.Option(help=f"Gradient estimator: {', '.join(estimators.names())}.")
    ] = _DEFAULT.estimator,
    prior_temperature: Annotated[
        float | None,
        typer.Option(
            help="Temperature of the prior's densities.",
            show_default="the paper's for the arity",
        ),
    ] = None,
    posterior_temperature: Annotated[
        float | None,
        typer.Option(
            help="Temperature of samples and of the posterior's densities.",
            show_default="the paper's for the arity",
        ),
    ] = None,
    temperature_decay_rate: Annotated[
        float,
        typer.Option(
            help="Factor by which both temperatures have changed at the last step, "
            "exponentially; 1 for constant ones."
        ),
    ] = _DEFAULT.temperature_decay_rate,
    first_estimator: Annotated[
        str | None,
        typer.Option(
            help="Estimator of the first half of the epochs.",
            show_default="the recipe's, or none",
        ),
    ] = None,
    first_temperature: Annotated[
        float | None,
        typer.Option(
            help="Posterior temperature of that half.",
            show_default="the recipe's, or as after it",
        ),
    ] = None,
    centering: Annotated[
        bool, typer.Option(help="Whether inference layers read centered codes.")
    ] = _DEFAULT.centering,
    encoder_units: Annotated[
        int | None,
        typer.Option(
            help="Units of the tanh layers between the image and the layer next to it.",
            show_default="those of that layer",
        ),
    ] = None,
    epochs: Annotated[
        int, typer.Option(help="Epochs: after each comes validation and a checkpoint.")
    ] = _DEFAULT.epochs,
    steps_per_epoch: Annotated[
        int | None,
        typer.Option(help="Steps of an epoch.", show_default="one pass through the data"),
    ] = None,
    batch_size: Annotated[
        int, typer.Option(help="Images in a batch.")
    ] = _DEFAULT.batch_size,
    recipe: Annotated[
        str,
        typer.Option(
            help="cosine: a learning rate that decays from 2e-3 to 0 over the run; "
            "paper: the constant rate of appendix D.5, meant for 10,000,000 steps; "
            "gumbel-softmax-first: cosine, the first half by gumbel_softmax at "
            "temperature 1/2. The three options that follow change parts of it."
        ),
    ] = "cosine",
    learning_rate: Annotated[
        float | None,
        typer.Option(help="First learning rate of Adam.", show_default="the recipe's"),
    ] = None,
    learning_rate_schedule: Annotated[
        str | None,
        typer.Option(
            help="cosine, a decay to 0; or constant.", show_default="the recipe's"
        ),
    ] = None,
    weight_decay: Annotated[
        float | None,
        typer.Option(
            help="Factor d of the L2 penalty d/2 * (sum of squared kernel weights).",
            show_default="the recipe's",
        ),
    ] = None,
    restore_best_weights: Annotated[
        bool | None,
        typer.Option(
            help="End with the weights of the best validation bound: early stopping.",
            show_default="where the paper does: without gradients through the states, "
            "and by equations 21 and 22; and by concrete_dreg",
        ),
    ] = None,
    evaluation_samples: Annotated[
        int, typer.Option(help="Samples K of the closing NLL.")
    ] = _DEFAULT.evaluation_samples,
    seed: Annotated[
        int, typer.Option(help="Seed of weights, noise and the order of the data.")
    ] = _DEFAULT.seed,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder to make.", show_default="runs/DATE-TIME"),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(help="Folder of a stopped run to go on with, as it was set up."),
    ] = None,
) -> None:
    """Train a belief network, report its bounds, and export it.

    The run folder holds config.json, model.keras, history.csv, report.json, pictures and
    saved_model/. Ctrl-C keeps all full epochs; --resume goes on from there and ends as if
    there had been no stop.
    """
    if resume is not None:
        _refuse_settings(context)
    folder = RunFolder(resume or out or Path("runs") / f"{datetime.now():%Y%m%d-%H%M%S}")
    config = None if resume else _config(context, recipe, architecture)
    try:
        with bars() as progress:
            bar = TrainingBar(folder.path, progress)
            if config:
                report = training.start(folder, config, [bar], bar.evaluate)
            else:
                report = training.resume(folder, [bar], bar.evaluate)
    except KeyboardInterrupt:
        if folder.config_file.exists():
            say(
                f"\nStopped. All full epochs are kept in {folder.path}; to go on:\n"
                f"    {resume_command(folder.path)}"
            )
        else:
            say("\nStopped before anything was written.")
        raise typer.Exit(130) from None
    console.print(report_table(report))
    say(speed_line(report))
    say(f"Report, pictures, model and SavedModel are in {folder.path}")


def _config(context: typer.Context, recipe: str, architecture: str) -> TrainingConfig:
    """The settings of the options, and those of the recipe where there is no option."""
    settings = {
        name: context.params[name] for name in TrainingConfig.__dataclass_fields__
    }
    for name, value in recipe_settings(recipe, architecture).items():
        if settings[name] is None:
            settings[name] = value
    return TrainingConfig(**settings)


def _refuse_settings(context: typer.Context) -> None:
    sources = {name: context.get_parameter_source(name) for name in context.params}
    given = [
        name
        for name, source in sources.items()
        if name != "resume" and source and source.name == "COMMANDLINE"
    ]
    if given:
        raise ValueError(
            "--resume goes on with a run as it was set up. Leave out: "
            + ", ".join(name.replace("_", "-") for name in given)
        )


def report_table(report: Report) -> Table:
    """Lays out the report of a run as `train` prints it.

    Args:
        report: Of the run.
    """
    table = Table(
        title=f"{report.num_test_images:,} test images, nats per image",
        title_justify="left",
    )
    table.add_column("quantity")
    table.add_column("samples", justify="right")
    table.add_column("mean", justify="right")
    table.add_column("standard error", justify="right")
    for label, row in {
        "bound, relaxed graph": report.relaxed_bound,
        "bound, discrete graph": report.discrete_bound,
        "gap (relaxed - discrete)": report.integrality_gap,
        "NLL, discrete graph": report.discrete_nll,
        "NLL, independent pixels at base rates": report.base_rate_nll,
    }.items():
        samples = f"{row.num_samples:,}" if isinstance(row, Estimate) else ""
        table.add_row(label, samples, f"{row.mean:.2f}", f"{row.standard_error:.2f}")
    return table


def speed_line(report: Report) -> str:
    """The line below the table.

    Args:
        report: Of the run.
    """
    if report.steps_per_second is None:
        return "How long training took was not kept."
    return f"{report.steps_per_second:.1f} training steps per second"
