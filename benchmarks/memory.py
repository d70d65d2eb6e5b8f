"""Whether memory stays flat, through 10,000 steps of training and a long evaluation."""

import gc
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import keras
import typer
from rich.console import Console

import keras_concrete as kc
from benchmarks import charts, claims
from benchmarks.resident import watched

__all__ = ["growth"]

_BATCH = 64
_LIMIT = 50  # MB of a million bytes.

Curve = list[tuple[float, float]]


def growth(curve: Sequence[tuple[float, float]]) -> float:
    """By how much memory rose above its peak in the first fifth, which is to warm up.

    Peaks: an evaluation takes tens of MB for each chunk of samples, and returns them.

    Args:
        curve: Pairs of seconds and bytes.

    Returns:
        MB of a million bytes, below 0 if the first peak was the highest.

    Example:
    >>> growth([(float(second), 100e6 + second // 5 * 1e6) for second in range(20)])
    3.0
    """
    return (max(memory for _, memory in curve[len(curve) // 5 :]) - _warm(curve)) / 1e6


def _warm(curve: Sequence[tuple[float, float]]) -> float:
    return max(memory for _, memory in curve[: len(curve) // 5])


def main(
    out: Annotated[Path, typer.Option(help="JSON to write; the chart beside it.")] = (
        claims.FOLDER / "memory.json"
    ),
    network: Annotated[str, typer.Option(help="In the paper's notation.")] = "20H~784V",
    steps: Annotated[int, typer.Option(help="Of training, after as many / 10.")] = 10_000,
    num_samples: Annotated[int, typer.Option(help="K of the evaluation.")] = 50_000,
    images: Annotated[int, typer.Option(help="Evaluated.")] = 100,
) -> None:
    """Watches the memory of fit, and of evaluate_bound, once each is warm."""
    data = kc.load_dataset("mnist5k")
    model = kc.SigmoidBeliefNetwork(network, num_samples=5, seed=0)
    model.compile(keras.optimizers.Adam(1e-3), jit_compile=True)
    steps_per_epoch = len(data.train) // _BATCH
    x = data.train[: steps_per_epoch * _BATCH]
    epochs = math.ceil(steps / steps_per_epoch)

    def train(epochs: int) -> None:
        validation = (data.validation,)
        model.fit(
            x, batch_size=_BATCH, epochs=epochs, validation_data=validation, verbose=0
        )

    def evaluate() -> None:
        kc.evaluate_bound(model, data.test[:images], num_samples, verbose=False)

    console = Console(highlight=False)
    curves = {}
    with console.status("training"):
        train(math.ceil(epochs / 10))
        gc.collect()
        with watched() as curves[f"{epochs * steps_per_epoch:,} steps of training"]:
            train(epochs)
    with console.status("evaluation"):
        evaluate()
        gc.collect()
        with watched() as curves[f"{images} images by {num_samples:,} samples"]:
            evaluate()
    rows = {
        f"MB that {what} grew by": (f"below {_LIMIT}", round(growth(curve), 1))
        for what, curve in curves.items()
    }
    claims.write(
        out,
        name=f"memory stays flat, {network}",
        command="python -m benchmarks.memory",
        rows=rows,
        curves={what: _thinned(curve) for what, curve in curves.items()},
    )
    drawn = {
        what: [(seconds, (memory - _warm(curve)) / 1e6) for seconds, memory in curve]
        for what, curve in curves.items()
    }
    charts.draw_memory(out, drawn, _LIMIT)
    for what, (_, measured) in rows.items():
        console.print(f"{what}: {measured}", soft_wrap=True)
    console.print(f"Written: {out}, its chart and the page of {out.parent}")


def _thinned(curve: Curve, points: int = 200) -> Curve:
    step = math.ceil(len(curve) / points)
    return [(round(s, 1), round(memory / 1e6, 1)) for s, memory in curve[::step]]


if __name__ == "__main__":
    typer.run(main)
