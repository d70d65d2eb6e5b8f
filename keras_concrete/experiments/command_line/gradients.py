"""The command that compares the estimators of a run's gradient."""

import csv
import io
from dataclasses import asdict
from typing import Annotated

import typer

from keras_concrete import datasets
from keras_concrete.checks import check_choice, check_positive
from keras_concrete.estimators import names as estimator_names
from keras_concrete.experiments.command_line.arguments import listed
from keras_concrete.experiments.command_line.console import print_table, say
from keras_concrete.experiments.command_line.progress import bars, counter
from keras_concrete.experiments.command_line.trained_runs import Run, Seed
from keras_concrete.experiments.figures import save_gradient_plane
from keras_concrete.experiments.folder_lock import locked
from keras_concrete.experiments.json_files import write_json
from keras_concrete.experiments.run_folder import RunFolder
from keras_concrete.files import check_no_link, write_whole
from keras_concrete.gradients import GradientReport, gradient_report
from keras_concrete.networks.notation import parse_architecture

__all__ = ["gradients"]

_HEADER = ("estimator", "bias", "at most", "variance", "cosine", "one step", "SNR", "ms")


def gradients(
    run: Run,
    estimators: Annotated[
        str | None,
        typer.Option(
            help="Estimators, a,b,....",
            show_default="all that are for the network",
        ),
    ] = None,
    num_draws: Annotated[int, typer.Option(help="Gradients of each, from 40.")] = 1_000,
    num_images: Annotated[
        int, typer.Option(help="Images of the batch, the first of training.")
    ] = 64,
    seed: Seed = 0,
) -> None:
    """Measure bias, noise and cost of estimators on a run's network and training images.

    Prints a table, and writes gradients.json, gradients.csv (layer by layer) and
    gradients.png in the run folder. Bias and variance are in lengths of the reference;
    `at most` ends the 95% interval of the bias, and the files have all errors.
    """
    check_positive("num_draws", num_draws, int)
    check_positive("num_images", num_images, int)
    names = listed(estimators) if estimators else None
    for name in names or ():
        check_choice("estimators", name, estimator_names())
    folder = RunFolder(run)
    config, model = folder.config(), folder.model()
    paths = {end: folder.path / f"gradients.{end}" for end in ("json", "csv", "png")}
    for path in paths.values():
        check_no_link(path)
    images = datasets.load_dataset(config.data).train[:num_images]
    x = parse_architecture(config.architecture).split(images)
    # Taken first, so that no work ends at a folder that cannot be written.
    with locked(folder.path, "lock-gradients"), bars() as progress:
        count = counter(progress, "measuring", "estimators")
        report = gradient_report(model, x, names, num_draws, seed, progress=count)
    title = (
        f"{config.architecture}, m = {report.num_samples}: {report.num_draws:,} "
        f"gradients of {len(images)} images, seed {seed}"
    )
    settings = {"num_images": len(images), "data": config.data, "seed": seed}
    content = asdict(report)
    write_json(paths["json"], {**settings, **content})
    write_whole(paths["csv"], _csv(report).encode())
    if seen := [row for row in report.part("all") if row.reference_norm > 0]:
        save_gradient_plane(paths["png"], seen, title)
    else:
        del paths["png"]
    for part in ("all", "posterior", "prior and likelihood"):
        if rows := _table(report, part):
            print_table(f"{title}; {part}", _HEADER, rows)
    for objective, reference in report.references.items():
        against = [r.estimator for r in report.part() if r.objective == objective]
        say(f"Against the {objective} ({reference}): {', '.join(against)}")
    for name, reason in report.skipped.items():
        say(f"Left out {name}: {reason}")
    say(f"Wrote {', '.join(map(str, paths.values()))}")


def _table(report: GradientReport, part: str) -> list[list[str]]:
    """Cells of the rows of a part, lengths in units of the reference."""
    return [
        [
            row.estimator,
            _relative(row.bias, row.reference_norm, ".3f"),
            _relative(row.bias_high, row.reference_norm, ".3f"),
            _relative(row.variance, row.reference_norm**2, ".3g"),
            f"{row.mean_cosine:.3f}",
            f"{row.draw_cosine:.3f}",
            f"{row.signal_to_noise:.3f}",
            f"{row.milliseconds:.2f}",
        ]
        for row in report.part(part)
    ]


def _relative(value: float, unit: float, form: str) -> str:
    """A length in units of the reference, which has none where noise hides it."""
    return format(value / unit, form) if unit > 0 else "-"


def _csv(report: GradientReport) -> str:
    file = io.StringIO()
    rows = [asdict(row) for row in report.rows]
    writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()
