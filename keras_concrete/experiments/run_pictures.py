"""Pictures of runs: grids of images, learning curves, use of the latent units."""

import math
import os
from collections.abc import Mapping, Sequence

import numpy as np

from keras_concrete.experiments import drawing
from keras_concrete.images import tile_images

__all__ = [
    "save_image_grid",
    "save_latent_usage",
    "save_learning_curve",
    "save_reconstructions",
]


def save_image_grid(path: str | os.PathLike, images: np.ndarray, title: str) -> None:
    """Draws images in a grid that is about square.

    Args:
        path: PNG file to write.
        images: Values in [0, 1], `(num_images, pixels)`; images are square if the
            number of pixels is, and single rows if not.
        title: Line above the grid.
    """
    columns = math.ceil(math.sqrt(len(images)))
    rows = math.ceil(len(images) / columns)
    blank = np.zeros((rows * columns - len(images), images.shape[1]))
    grid = np.concatenate([images, blank]).reshape(rows, columns, -1)
    _save_rows(path, grid, title)


def save_reconstructions(
    path: str | os.PathLike, images: np.ndarray, reconstructions: np.ndarray, title: str
) -> None:
    """Draws images above their reconstructions.

    Args:
        path: PNG file to write.
        images: Values in [0, 1], `(num_images, pixels)`.
        reconstructions: Probabilities of the pixels, of the same shape.
        title: Line above them.
    """
    _save_rows(path, np.stack([images, reconstructions]), title)


def save_learning_curve(
    path: str | os.PathLike, history: Mapping[str, Sequence[float]], num_samples: int
) -> None:
    """Draws the relaxed bound on training data and the discrete one on validation data.

    Args:
        path: PNG file to write.
        history: Columns of `history.csv`.
        num_samples: Number of samples m of both bounds.
    """
    epochs = np.asarray(history["epoch"]) + 1
    # In a long run the first epochs would flatten all that follows.
    start = len(epochs) // 20
    shown = [*history["bound"][start:], *history["val_bound"][start:]]
    with drawing.new_figure(7.2, 4.5) as figure:
        axes = figure.add_subplot()
        for column, label, colour in [
            ("bound", "training images, relaxed graph", drawing.RELAXED),
            ("val_bound", "validation images, discrete graph", drawing.DISCRETE),
        ]:
            axes.plot(epochs, history[column], label=label, color=colour)
        drawing.fit_height(axes, shown)
        axes.locator_params(axis="x", integer=True)
        axes.set(xlabel="epoch", ylabel=f"{num_samples}-sample bound (nats per image)")
        axes.grid()
        axes.legend(loc="lower right")
        figure.savefig(path, dpi=120)


def save_latent_usage(
    path: str | os.PathLike,
    probabilities: Sequence[np.ndarray],
    codes: np.ndarray,
    prior_codes: np.ndarray | None = None,
) -> None:
    """Draws how often each bit is on, and what the units say about the images.

    A unit whose entropy given an image is that over all images says nothing about them.

    Args:
        path: PNG file to write.
        probabilities: For each latent layer, from the image upward, those of state 1,
            `(num_images, units)`, or of all states, `(num_images, units, num_states)`.
        codes: Of layer 1, values in {-1, 1}, `(num_images, bits)`.
        prior_codes: The same, drawn from the prior, or None to leave out the comparison.
    """
    panels = len(probabilities) + (prior_codes is not None)
    with drawing.new_figure(4.6 * panels, 4.4) as figure:
        row = list(figure.subplots(1, panels, squeeze=False)[0])
        if prior_codes is not None:
            axes = row.pop(0)
            axes.plot([0, 1], [0, 1], color=drawing.MUTED, linewidth=1)
            axes.scatter(
                (prior_codes > 0).mean(axis=0),
                (codes > 0).mean(axis=0),
                s=16,
                color=drawing.DISCRETE,
                alpha=0.6,
                linewidths=0,
            )
            axes.set(
                xlim=(-0.02, 1.02),
                ylim=(-0.02, 1.02),
                aspect="equal",
                xlabel="share of 1, samples of the prior",
                ylabel="share of 1, test images",
            )
            axes.set_title("bits of layer 1", loc="left")
        for number, (axes, layer) in enumerate(zip(row, probabilities, strict=True), 1):
            states = layer if layer.ndim == 3 else np.stack([layer, 1 - layer], axis=-1)
            over_all, given = _entropy(states.mean(axis=0)), _entropy(states).mean(axis=0)
            order = np.argsort(given - over_all, kind="stable")
            units = np.arange(1, len(order) + 1)
            axes.fill_between(
                units,
                given[order],
                over_all[order],
                color=drawing.NOISE,
                alpha=0.25,
                linewidth=0,
                label="between: what a unit says",
            )
            for values, label, colour in [
                (over_all, "over all test images", drawing.RELAXED),
                (given, "given an image", drawing.DISCRETE),
            ]:
                axes.plot(units, values[order], label=label, color=colour)
            largest = math.log(states.shape[-1])
            axes.set(xlabel="unit, the most telling first", ylabel="entropy (nats)")
            axes.set_ylim(0, 1.4 * largest)
            axes.locator_params(axis="x", integer=True)
            axes.set_title(f"units of layer {number}", loc="left")
            axes.legend(loc="upper right", fontsize=11)
        figure.savefig(path, dpi=120)


def _entropy(probabilities: np.ndarray) -> np.ndarray:
    """Entropy in nats over the last axis."""
    positive = np.where(probabilities > 0, probabilities, 1.0)
    return -np.sum(probabilities * np.log(positive), axis=-1)


def _save_rows(path: str | os.PathLike, grid: np.ndarray, title: str) -> None:
    """Draws an array (rows, columns, pixels) of images with a gap between them."""
    canvas = tile_images(grid)
    inches = min(12.0, max(6.0, canvas.shape[1] / 40))
    height_inches = inches * canvas.shape[0] / canvas.shape[1] + 0.5
    with drawing.new_figure(inches, height_inches) as figure:
        axes = figure.add_subplot()
        axes.imshow(canvas, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
        axes.set_title(title, loc="left", fontsize=11)
        axes.axis("off")
        figure.savefig(path, dpi=120)
