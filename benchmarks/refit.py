"""What it costs that q was fitted to the relaxed graph: q trained on, on the discrete."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import keras
import numpy as np
import typer
from rich.console import Console

import keras_concrete as kc
from benchmarks.race import Report
from keras_concrete.checks import check_positive
from keras_concrete.evaluation import standard_error
from keras_concrete.experiments.machine import use_threads
from keras_concrete.experiments.report import Estimate
from keras_concrete.experiments.run_folder import RunFolder
from keras_concrete.shuffled_batches import shuffled_batches

__all__ = ["compare", "refit"]

# By few samples all test images are quick enough, by many not.
_SAMPLES = (1, 5, 1_000, 50_000)
_MANY = 1_000


def refit(
    model: kc.SigmoidBeliefNetwork,
    images: np.ndarray,
    steps: int,
    batch_size: int,
    estimator: str = "vimco",
    learning_rate: float = 5e-4,
    num_samples: int = 5,
    verbose: int = 1,
) -> kc.SigmoidBeliefNetwork:
    """Trains the q of a network further; its p stays.

    Args:
        model: A network for density estimation; left as it is.
        images: To train with, `(images, visible units)`.
        steps: Training steps.
        batch_size: Images in a batch.
        estimator: Of the gradient: by default on the discrete graph.
        learning_rate: First of Adam's, which decays to 0 along a half cosine.
        num_samples: m of the bound to train by.
        verbose: Of Keras's progress bar.

    Returns:
        A network with the p of `model` and another q.
    """
    settings = {"estimator": estimator, "num_samples": num_samples}
    refitted = kc.SigmoidBeliefNetwork.from_config({**model.get_config(), **settings})
    refitted.set_weights(model.get_weights())
    for layer in refitted.layers:
        layer.trainable = not layer.name.startswith(("prior_", "likelihood_"))
    decay = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
    refitted.compile(keras.optimizers.Adam(decay))
    batches = shuffled_batches(images, batch_size, seed=0)
    refitted.fit(batches, steps_per_epoch=steps, shuffle=False, verbose=verbose)
    return refitted


def compare(
    before: kc.SigmoidBeliefNetwork,
    after: kc.SigmoidBeliefNetwork,
    images: np.ndarray,
    num_samples: int,
) -> dict[str, Any]:
    """The bounds of two networks on the discrete graph, image by image.

    Args:
        before: A network.
        after: Another.
        images: To evaluate.
        num_samples: K.

    Returns:
        Dict of numbers; the `gain` from `before` to `after` has the standard error of a
        mean of differences.
    """
    old, new = (
        kc.evaluate_bound(model, images, num_samples, verbose=False)
        for model in (before, after)
    )
    gain = new.bounds - old.bounds
    return {
        "num_images": len(images),
        "before": asdict(Estimate.of_bound(old)),
        "after": asdict(Estimate.of_bound(new)),
        "gain": {"mean": float(np.mean(gain)), "standard_error": standard_error(gain)},
    }


def main(
    run: Annotated[Path, typer.Argument(help="Folder of the run to start from.")],
    out: Annotated[Path, typer.Option(help="JSON to write.")],
    steps: Annotated[int, typer.Option(help="Training steps of q alone.")] = 40_000,
    estimator: Annotated[
        str, typer.Option(help="Of their gradient: concrete is the control, relaxed.")
    ] = "vimco",
    num_samples: Annotated[
        int, typer.Option(help="Samples m of the bound that they follow.")
    ] = 5,
    images: Annotated[
        int,
        typer.Option(help="Test images, from the first; all for bounds of few samples."),
    ] = 1_000,
    threads: Annotated[int, typer.Option(help="Threads, each on a core.")] = 2,
) -> None:
    """Trains the q of a run's network further, and compares bounds on the discrete graph.

    Its p stays as it was.
    """
    trained_by = {"steps": steps, "num_samples": num_samples}
    for name, value in {**trained_by, "images": images, "threads": threads}.items():
        check_positive(name, value, int)
    use_threads(threads)
    folder = RunFolder(run)
    config, before = folder.config(), folder.model()
    report = Report(out, "refit", threads, {"estimator": estimator, **trained_by})
    data = kc.load_dataset(config.data)
    after = refit(
        before, data.train, steps, config.batch_size, estimator, num_samples=num_samples
    )
    console = Console(highlight=False)
    for samples in _SAMPLES:
        chosen = data.test if samples < _MANY else data.test[:images]
        what = f"{len(chosen):,} images by {samples:,} samples"
        with console.status(what):
            result = compare(before, after, chosen, samples)
        report.add({"network": config.architecture, "estimator": estimator, **result})
        gain = result["gain"]
        console.print(
            f"{what}: bound {result['before']['mean']:.2f}, then "
            f"{result['after']['mean']:.2f}, a gain of {gain['mean']:.2f} ± "
            f"{gain['standard_error']:.2f} nats",
            soft_wrap=True,
        )
    console.print(f"Written: {out}")


if __name__ == "__main__":
    typer.run(main)
