"""Pictures of runs: grids of images, learning curves."""

import math
import os
from collections.abc import Mapping, Sequence

import numpy as np

from keras_concrete import drawing

__all__ = [
    "save_image_grid",
    "save_learning_curve",
    "save_reconstructions",
    "tile_images",
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
    margin = 0.05 * (max(shown) - min(shown)) + 0.5
    with drawing.new_figure(7.2, 4.5) as figure:
        axes = figure.add_subplot()
        for column, label, colour in [
            ("bound", "training images, relaxed graph", drawing.RELAXED),
            ("val_bound", "validation images, discrete graph", drawing.DISCRETE),
        ]:
            axes.plot(epochs, history[column], label=label, color=colour)
        axes.set_ylim(min(shown) - margin, max(shown) + margin)
        axes.locator_params(axis="x", integer=True)
        axes.set(xlabel="epoch", ylabel=f"{num_samples}-sample bound (nats per image)")
        axes.grid()
        axes.legend(loc="lower right")
        figure.savefig(path, dpi=120)


def tile_images(grid: np.ndarray) -> np.ndarray:
    """Puts a grid of images on one canvas, with a gap between them.

    Args:
        grid: Values in [0, 1], `(rows, columns, pixels)`; images are square if the
            number of pixels is, and single rows if not.

    Returns:
        Array of shape `(height, width)`.
    """
    rows, columns, pixels = grid.shape
    side = math.isqrt(pixels)
    height, width = (side, side) if side * side == pixels else (1, pixels)
    canvas = np.full((rows * (height + 2) - 2, columns * (width + 2) - 2), 0.5)
    for row in range(rows):
        for column in range(columns):
            top, left = row * (height + 2), column * (width + 2)
            canvas[top : top + height, left : left + width] = grid[row, column].reshape(
                height, width
            )
    return canvas


def _save_rows(path: str | os.PathLike, grid: np.ndarray, title: str) -> None:
    """Draws an array (rows, columns, pixels) of images with a gap between them."""
    canvas = tile_images(grid)
    inches = min(12.0, max(6.0, canvas.shape[1] / 40))
    height_inches = inches * canvas.shape[0] / canvas.shape[1] + 0.5
    with drawing.new_figure(inches, height_inches) as figure:
        axes = figure.add_subplot()
        axes.imshow(canvas, cmap="gray_r", vmin=0, vmax=1, interpolation="nearest")
        axes.set_title(title, fontsize=11)
        axes.axis("off")
        figure.savefig(path, dpi=120)
