"""A whole evaluation, once: every test image by 50,000 samples, to the last pair."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

import keras_concrete as kc
from benchmarks.memory import growth
from benchmarks.race import Report
from benchmarks.resident import watched
from keras_concrete.checks import check_positive
from keras_concrete.experiments.machine import use_threads
from keras_concrete.experiments.report import Estimate
from keras_concrete.experiments.run_folder import RunFolder

__all__ = ["evaluate_whole"]


def evaluate_whole(
    folder: RunFolder, num_samples: int, num_images: int | None = None
) -> dict[str, Any]:
    """Evaluates a run's network in one call, and says what that took.

    Args:
        folder: Of the run.
        num_samples: K.
        num_images: Test images, from the first; None for all.

    Returns:
        The bound in nats; wall and CPU seconds with the compilation in them, and by
        pairs of image and sample in microseconds; and by how many MB memory grew.
    """
    config, model = folder.config(), folder.model()
    images = kc.load_dataset(config.data).test[:num_images]
    wall, cpu = time.perf_counter(), time.process_time()
    with watched(seconds=1.0) as curve:
        estimate = kc.evaluate_bound(model, images, num_samples)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    pairs = len(images) * num_samples
    return {
        "network": config.architecture,
        "data": config.data,
        "num_images": len(images),
        "bound": asdict(Estimate.of_bound(estimate)),
        "wall_seconds": wall,
        "cpu_seconds": cpu,
        "wall_us_per_pair": 1e6 * wall / pairs,
        "cpu_us_per_pair": 1e6 * cpu / pairs,
        "grew_by_mb": growth(curve),
    }


def main(
    run: Annotated[Path, typer.Argument(help="Folder of the run to evaluate.")],
    out: Annotated[Path, typer.Option(help="JSON to write.")] = Path(
        "results/speed/whole.json"
    ),
    num_samples: Annotated[
        int, typer.Option("--samples", help="Samples K for each image.")
    ] = 50_000,
    images: Annotated[
        int | None, typer.Option(help="Test images, from the first.", show_default="all")
    ] = None,
    threads: Annotated[int, typer.Option(help="Threads, each on a core.")] = 2,
) -> None:
    """Evaluates all test images in one call, and writes its bound, time and memory."""
    check_positive("threads", threads, int)
    use_threads(threads)
    report = Report(out, "whole", threads, {})
    result = evaluate_whole(RunFolder(run), num_samples, images)
    report.add(result)
    console = Console(highlight=False)
    console.print(
        f"{result['num_images']:,} images by {num_samples:,} samples in "
        f"{result['wall_seconds'] / 60:,.1f} minutes: NLL {-result['bound']['mean']:.3f}"
    )
    console.print(f"Written: {out}")


if __name__ == "__main__":
    typer.run(main)
