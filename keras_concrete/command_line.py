"""The command `keras-concrete`."""

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from keras_concrete import datasets, plots
from keras_concrete.evaluation import evaluate_bound
from keras_concrete.experiments import base_rate_nll
from keras_concrete.experiments import train as train_run
from keras_concrete.export import export_saved_model
from keras_concrete.runs import RunFolder, TrainingConfig

app = typer.Typer(
    help="Train, evaluate and serve belief networks of discrete latent units.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

_DEFAULT = TrainingConfig()
_console = Console(highlight=False)

Run = Annotated[
    Path, typer.Argument(help="Folder that `train` made.", show_default=False)
]
Seed = Annotated[int, typer.Option(help="Seed of the noise.")]


@app.command()
def train(
    context: typer.Context,
    architecture: Annotated[
        str,
        typer.Argument(
            help="Network from the top down: layers of hidden (H) and visible (V) "
            "units, joined by - for an affine map or ~ for two tanh layers."
        ),
    ] = _DEFAULT.architecture,
    data: Annotated[
        str,
        typer.Option(
            help="mnist5k: 5,000 digits that need no network. mnist, binarized_mnist: "
            "through TensorFlow Datasets, from TFDS_DATA_DIR if set."
        ),
    ] = _DEFAULT.data,
    num_samples: Annotated[
        int, typer.Option(help="Samples m of the bound that is maximised.")
    ] = _DEFAULT.num_samples,
    epochs: Annotated[
        int, typer.Option(help="Passes through the training images.")
    ] = _DEFAULT.epochs,
    batch_size: Annotated[
        int, typer.Option(help="Images in a batch.")
    ] = _DEFAULT.batch_size,
    learning_rate: Annotated[
        float, typer.Option(help="First learning rate of Adam, which decays to 0.")
    ] = _DEFAULT.learning_rate,
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

    The run folder holds config.json, model.keras, history.csv, report.json, three
    pictures and saved_model/. Ctrl-C keeps all full epochs; --resume goes on from there
    and ends as if there had been no stop.
    """
    if resume is None:
        config: TrainingConfig | None = TrainingConfig(
            architecture=architecture,
            data=data,
            num_samples=num_samples,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            evaluation_samples=evaluation_samples,
            seed=seed,
        )
        folder = RunFolder(out or Path("runs") / f"{datetime.now():%Y%m%d-%H%M%S}")
    else:
        _refuse_settings(context)
        config, folder = None, RunFolder(resume)
    _console.print(f"Run folder: {folder.path}")
    try:
        report = train_run(folder, config)
    except KeyboardInterrupt:
        _console.print(
            f"\nStopped. All full epochs are kept in {folder.path}; to go on:\n"
            f"    keras-concrete train --resume {folder.path}"
        )
        raise typer.Exit(130) from None
    _console.print(report_table(report))
    if report["steps_per_second"]:
        _console.print(f"{report['steps_per_second']:.1f} training steps per second")
    _console.print(f"Report, pictures, model and SavedModel are in {folder.path}")


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


def report_table(report: dict[str, Any]) -> Table:
    """Lays out the report of a run as `train` prints it."""
    table = Table(
        title=f"{report['num_test_images']} test images, nats per image",
        title_justify="left",
    )
    table.add_column("quantity")
    table.add_column("samples", justify="right")
    table.add_column("mean", justify="right")
    table.add_column("standard error", justify="right")
    for label, key in {
        "bound, relaxed graph": "relaxed_bound",
        "bound, discrete graph": "discrete_bound",
        "gap (relaxed - discrete)": "integrality_gap",
        "NLL, discrete graph": "discrete_nll",
        "NLL, independent pixels at base rates": "base_rate_nll",
    }.items():
        row = report[key]
        samples = row.get("num_samples")
        table.add_row(
            label,
            "" if samples is None else f"{samples:,}",
            f"{row['mean']:.2f}",
            f"{row['standard_error']:.2f}",
        )
    return table


@app.command()
def evaluate(
    run: Run,
    num_samples: Annotated[int, typer.Option(help="Samples K for each image.")] = 50_000,
    limit: Annotated[
        int | None,
        typer.Option(help="Number of images, from the first.", min=1, show_default="all"),
    ] = None,
    split: Annotated[
        str, typer.Option(help="Images to use: train, validation or test.")
    ] = "test",
    relaxed: Annotated[
        bool, typer.Option("--relaxed", help="Evaluate the relaxed graph instead.")
    ] = False,
    seed: Seed = 0,
) -> None:
    """Estimate the NLL of a run's network by the K-sample bound.

    Prints a table, and appends the numbers to evaluations.jsonl in the run folder.
    """
    if split not in ("train", "validation", "test"):
        raise ValueError(
            f"Option --split must be train, validation or test. Received: {split}"
        )
    folder = RunFolder(run)
    model, data = folder.model(), datasets.load_dataset(folder.config().data)
    images = getattr(data, split)[:limit]
    estimate = evaluate_bound(model, images, num_samples, training=relaxed, seed=seed)
    record = {
        "split": split,
        "num_images": len(images),
        "graph": "relaxed" if relaxed else "discrete",
        "num_samples": num_samples,
        "seed": seed,
        "nll": -estimate.mean,
        "standard_error": estimate.standard_error,
        "effective_sample_size": estimate.effective_sample_size,
        "base_rate_nll": float(np.mean(base_rate_nll(data.train, images))),
    }
    with (folder.path / "evaluations.jsonl").open("a") as file:
        file.write(json.dumps(record) + "\n")
    table = Table("quantity", "value", title=str(folder.path), title_justify="left")
    table.columns[1].justify = "right"
    for label, value in {
        "images": f"{len(images):,} of {split}",
        "graph": "relaxed" if relaxed else "discrete",
        "samples K": f"{num_samples:,}",
        "NLL by the K-sample bound (nats)": f"{record['nll']:.3f}",
        "standard error over images": f"{record['standard_error']:.3f}",
        "effective sample size": f"{record['effective_sample_size']:,.1f}",
        "NLL of independent pixels (nats)": f"{record['base_rate_nll']:.3f}",
    }.items():
        table.add_row(label, value)
    _console.print(table)


@app.command()
def sample(
    run: Run,
    num: Annotated[int, typer.Option(help="Number of images.", min=1)] = 64,
    seed: Seed = 0,
    to: Annotated[
        Path | None,
        typer.Option(help="Picture to write.", show_default="RUN/samples-seed-SEED.png"),
    ] = None,
) -> None:
    """Draw images from a run's network, as a picture of their pixels' probabilities."""
    folder = RunFolder(run)
    images = np.asarray(folder.model().sample(num, seed=seed)["probabilities"])
    path = to or folder.path / f"samples-seed-{seed}.png"
    plots.save_image_grid(path, images, f"{num} samples from the prior, seed {seed}")
    _console.print(f"Wrote {path}")


@app.command()
def export(
    run: Run,
    to: Annotated[Path, typer.Option(help="Folder to write.", show_default=False)],
) -> None:
    """Write a run's network as a TensorFlow SavedModel.

    Its endpoints encode, decode, sample and log_likelihood need TensorFlow only.
    """
    export_saved_model(RunFolder(run).model(), to)
    _console.print(f"Wrote {to}")


def main() -> None:
    """Runs the command line; errors that a user can mend are one paragraph."""
    try:
        app()
    except (ValueError, OSError, datasets.DatasetUnavailableError) as error:
        Console(stderr=True, highlight=False).print(
            f"Error: {error}", markup=False, soft_wrap=True
        )
        raise SystemExit(1) from None
