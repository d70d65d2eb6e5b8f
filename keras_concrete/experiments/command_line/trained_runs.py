"""Commands for runs that were trained: evaluate, sample, export."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.table import Table

from keras_concrete import datasets
from keras_concrete.checks import check_choice, check_positive
from keras_concrete.evaluation import evaluate_bound
from keras_concrete.experiments import run_pictures
from keras_concrete.experiments.command_line.console import console, say
from keras_concrete.experiments.command_line.progress import bars, counter
from keras_concrete.experiments.json_files import without_nan
from keras_concrete.experiments.measurement import base_rate_nll
from keras_concrete.experiments.run_folder import RunFolder
from keras_concrete.files import check_empty, make_folder
from keras_concrete.networks.notation import parse_architecture
from keras_concrete.serving import export_onnx, export_saved_model

__all__ = [
    "Run",
    "Seed",
    "effective_sample_size_words",
    "evaluate",
    "export",
    "sample",
]

Run = Annotated[
    Path, typer.Argument(help="Folder that `train` made.", show_default=False)
]
Seed = Annotated[int, typer.Option(help="Seed of the noise.")]

_PICTURES = (".png", ".pdf", ".svg")


def evaluate(
    run: Run,
    num_samples: Annotated[int, typer.Option(help="Samples K for each image.")] = 50_000,
    num_images: Annotated[
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
    check_choice("split", split, ("train", "validation", "test"))
    check_positive("num_samples", num_samples, int)
    folder = RunFolder(run)
    config, model = folder.config(), folder.model()
    # Opened first, so that hours of work do not end at a folder that cannot be written.
    with folder.append_to("evaluations.jsonl") as file:
        data = datasets.load_dataset(config.data)
        images = getattr(data, split)[:num_images]
        architecture = parse_architecture(config.architecture)
        x = architecture.split(images)
        with bars() as progress:
            count = counter(progress, "evaluating", "batches")
            estimate = evaluate_bound(
                model, x, num_samples, training=relaxed, seed=seed, progress=count
            )
        modelled = architecture.modelled
        naive = base_rate_nll(modelled(data.train), modelled(images))
        record = _Evaluation(
            split=split,
            num_images=len(images),
            graph="relaxed" if relaxed else "discrete",
            num_samples=num_samples,
            seed=seed,
            nll=-estimate.mean,
            standard_error=estimate.standard_error,
            effective_sample_size=estimate.effective_sample_size,
            base_rate_nll=float(np.mean(naive)),
        )
        file.write(json.dumps(without_nan(asdict(record))) + "\n")
    say(f"Run folder: {folder.path}")
    console.print(record.table())
    say(effective_sample_size_words(record.effective_sample_size, num_samples))


@dataclass(frozen=True, kw_only=True)
class _Evaluation:
    """A line of evaluations.jsonl, NLLs in nats per image."""

    split: str
    num_images: int
    graph: str
    num_samples: int
    seed: int
    nll: float
    standard_error: float
    effective_sample_size: float
    base_rate_nll: float

    def table(self) -> Table:
        """What is printed of it."""
        table = Table("quantity", "value")
        table.columns[1].justify = "right"
        for label, value in {
            "images": f"{self.num_images:,} of {self.split}",
            "graph": self.graph,
            "samples K": f"{self.num_samples:,}",
            "NLL by the K-sample bound (nats)": f"{self.nll:.3f}",
            "standard error over images": _unless_nan(self.standard_error, ".3f"),
            "effective sample size": f"{self.effective_sample_size:,.1f}",
            "NLL of independent pixels (nats)": f"{self.base_rate_nll:.3f}",
        }.items():
            table.add_row(label, value)
        return table


def _unless_nan(value: float, form: str) -> str:
    return "-" if np.isnan(value) else format(value, form)


def effective_sample_size_words(size: float, num_samples: int) -> str:
    """What the effective sample size says of how far the bound is from its limit.

    The distances are those of weights whose logarithms are normal.

    Args:
        size: Effective sample size.
        num_samples: K.

    Example:
    >>> print(effective_sample_size_words(2.5, 5_000))
    Of an image's 5,000 samples, about 2.5 carry the weight: too few, so that the
    true NLL may be lower by nats. More samples (--num-samples) narrow that.
    """
    if size >= 100:
        judgement = "enough for an NLL\nwithin about a hundredth of a nat."
    else:
        distance = "some tenths of a nat" if size >= 10 else "nats"
        judgement = (
            f"too few, so that the\ntrue NLL may be lower by {distance}. More samples "
            "(--num-samples) narrow that."
        )
    return (
        f"Of an image's {num_samples:,} samples, about {size:,.1f} carry the weight: "
        f"{judgement}"
    )


def sample(
    run: Run,
    num_images: Annotated[int, typer.Option(help="Number of images.", min=1)] = 64,
    seed: Seed = 0,
    to: Annotated[
        Path | None,
        typer.Option(help="Picture to write.", show_default="RUN/samples-seed-SEED.png"),
    ] = None,
) -> None:
    """Draw images from a run's network, as a picture of their pixels' probabilities."""
    folder = RunFolder(run)
    if to is not None:
        _check_picture(to)
    path = to or folder.path / f"samples-seed-{seed}.png"
    images = np.asarray(folder.model().sample(num_images, seed=seed)["probabilities"])
    make_folder(path.parent)
    run_pictures.save_image_grid(
        path, images, f"{num_images} samples from the prior, seed {seed}"
    )
    say(f"Wrote {path}")


def _check_picture(path: Path) -> None:
    """Refuses a name that is no picture's: the picture would have another."""
    if path.is_dir():
        raise ValueError(
            f"Option --to must name a picture, and {path} is a folder. Name one in it, "
            f"such as {path / 'samples.png'}"
        )
    if path.suffix.lower() not in _PICTURES:
        raise ValueError(
            f"Option --to must end in {', '.join(_PICTURES)}. Received: {path}"
        )


def export(
    run: Run,
    to: Annotated[Path, typer.Option(help="Folder to write.", show_default=False)],
    format: Annotated[
        str,
        typer.Option(help="saved_model; or onnx, a file for each endpoint."),
    ] = "saved_model",
    jit_compile: Annotated[
        bool, typer.Option("--jit-compile", help="Have XLA compile the SavedModel.")
    ] = False,
    warmup_batch_size: Annotated[
        list[int] | None,
        typer.Option(
            help="Rows of a warm-up request for TensorFlow Serving; may be repeated.",
            show_default="none",
        ),
    ] = None,
) -> None:
    """Write a run's network as a TensorFlow SavedModel or as ONNX.

    Its endpoints encode, encode_rows, decode, sample and log_likelihood need only
    TensorFlow, or a runtime of ONNX.
    """
    check_choice("format", format, ("saved_model", "onnx"))
    if format == "onnx" and (jit_compile or warmup_batch_size):
        raise ValueError(
            "--jit-compile and --warmup-batch-size are for --format saved_model."
        )
    check_empty(to, "Name another with --to.")
    model = RunFolder(run).model()
    if format == "saved_model":
        export_saved_model(model, to, jit_compile, warmup_batch_size or ())
    else:
        export_onnx(model, to)
    say(f"Wrote {to}")
