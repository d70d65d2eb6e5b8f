"""Images as rows of pixels: their mean, and many as one."""

import math

import numpy as np

__all__ = ["smoothed_mean", "tile_images"]


def smoothed_mean(images: np.ndarray) -> np.ndarray:
    """Mean of each pixel, (count + 1) / (N + 2): never 0 or 1.

    Args:
        images: Images `(num_images, pixels)`, binary or of greys within [0, 1].

    Returns:
        Array of shape `(pixels,)`.

    Example:
    >>> smoothed_mean(np.array([[0, 1], [0, 1]], "uint8")).tolist()
    [0.25, 0.75]
    """
    return (images.sum(axis=0, dtype="float64") + 1.0) / (len(images) + 2.0)


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
    # Lines of light grey, which part the images and do not outshine them.
    canvas = np.full((rows * (height + 2) - 2, columns * (width + 2) - 2), 0.12)
    for row in range(rows):
        for column in range(columns):
            top, left = row * (height + 2), column * (width + 2)
            canvas[top : top + height, left : left + width] = grid[row, column].reshape(
                height, width
            )
    return canvas
