"""Figure 2: a discrete distribution of three states and its relaxations, as triangles."""

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from keras import ops

from keras_concrete.experiments import drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.tri import TriContourSet

__all__ = ["density_on", "save_simplex_densities", "simplex_grid", "vertex_masses"]

# Corners of the triangle in the plane, in the order of the states.
_CORNERS = np.array([[0.5, math.sqrt(3) / 2], [0.0, 0.0], [1.0, 0.0]])
_LEVELS = [0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0]
_COLOURS = "viridis"
_LARGEST_DISK = 0.32  # Radius of a disk of mass 1; sides of the triangle are 1.


def save_simplex_densities(
    folder: str | os.PathLike,
    alpha: Sequence[float] = (2.0, 0.5, 1.0),
    temperatures: Sequence[float] = (0.0, 0.5, 1.0, 2.0),
) -> list[Path]:
    """Draws the paper's figure 2: Concrete densities on the simplex of three states.

    At temperature 0 the distribution is discrete: the areas of the disks are the masses
    of the vertices. Elsewhere the colour is the density, on one scale for all triangles.

    Args:
        folder: Where `figure-2-simplex-densities.pdf`, `.svg` and `.png` are written.
        alpha: Unnormalised probabilities of the three states.
        temperatures: A triangle for each; 0 stands for the discrete distribution.

    Returns:
        Paths of the files.
    """
    with drawing.new_figure(3 * len(temperatures) + 0.8, 4.2) as figure:
        row = np.ravel(figure.subplots(1, len(temperatures), squeeze=False))
        filled = None
        for i, (axes, temperature) in enumerate(zip(row, temperatures, strict=True)):
            if temperature == 0:
                masses = vertex_masses(alpha)
                _draw_masses(axes, masses)
                _frame(axes, [disk_radius(mass) for mass in masses])
            else:
                filled = _draw_density(axes, alpha, temperature)
                _frame(axes, [0.0, 0.0, 0.0])
            axes.set_title(drawing.panel_title(i, temperature))
        if filled is not None:
            bar = figure.colorbar(filled, ax=row, shrink=0.75, ticks=_LEVELS)
            bar.ax.set_yticklabels([f"{level:g}" for level in _LEVELS])
            bar.set_label("density over $(y_1, y_2)$")
        odds = ", ".join(f"{a:g}" for a in alpha)
        figure.suptitle(f"Concrete$(\\alpha, \\lambda)$,  $\\alpha$ = ({odds})")
        return drawing.save_figure(figure, folder, "figure-2-simplex-densities")


def simplex_grid(divisions: int) -> np.ndarray:
    """Centres of equal small triangles that tile the simplex of three states.

    The mean of a function over the centres, times 1/2, is its integral over the first two
    coordinates by the midpoint rule.

    Args:
        divisions: Number of small triangles along a side.

    Returns:
        float32 points `(divisions**2, 3)` with positive coordinates that sum to 1.

    Example:
    >>> simplex_grid(1).round(3)
    array([[0.333, 0.333, 0.333]], dtype=float32)
    >>> simplex_grid(120).shape
    (14400, 3)
    """
    first, second = np.mgrid[:divisions, :divisions].reshape(2, -1)
    third = divisions - 1 - first - second
    upright = np.stack([first, second, third], -1)[third >= 0] + 1 / 3
    hanging = np.stack([first, second, third - 1], -1)[third >= 1] + 2 / 3
    return (np.concatenate([upright, hanging]) / divisions).astype("float32")


def density_on(
    points: np.ndarray, alpha: Sequence[float], temperature: float
) -> np.ndarray:
    """Density of `Concrete` at points of the simplex, over all but the last coordinate.

    Args:
        points: float32 `(num_points, num_states)`.
        alpha: Unnormalised probabilities of the states.
        temperature: Positive number.

    Returns:
        float32 `(num_points,)`.

    Example:
    >>> density_on(simplex_grid(1), alpha=[1, 1, 1], temperature=1.0).round(3)
    array([2.], dtype=float32)
    """
    from keras_concrete.distributions import Concrete

    concrete = Concrete(temperature, logits=np.log(alpha))
    return np.exp(ops.convert_to_numpy(concrete.log_prob(points)))


def vertex_masses(alpha: Sequence[float]) -> np.ndarray:
    """Masses of the vertices of the simplex under `Discrete`.

    Args:
        alpha: Unnormalised probabilities of the states.

    Returns:
        float32 `(num_states,)`, with sum 1.

    Example:
    >>> vertex_masses([2, 0.5, 1]).round(3)
    array([0.571, 0.143, 0.286], dtype=float32)
    """
    from keras_concrete.distributions import Discrete

    vertices = np.eye(len(alpha), dtype="float32")
    return np.exp(ops.convert_to_numpy(Discrete(np.log(alpha)).log_prob(vertices)))


def disk_radius(mass: float) -> float:
    """Radius of a disk whose area is proportional to a mass, in sides of the triangle."""
    return _LARGEST_DISK * math.sqrt(mass)


def _draw_masses(axes: "Axes", masses: np.ndarray) -> None:
    from matplotlib.patches import Circle

    style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 12}
    for corner, mass in zip(_CORNERS, masses, strict=True):
        disk = Circle(corner, disk_radius(mass), facecolor="white", edgecolor=drawing.INK)
        axes.add_patch(disk).set(zorder=3, linewidth=1.5)
        axes.text(corner[0], corner[1], f"{mass:.2f}", zorder=4, **style)
    axes.text(0.5, 0.3, "area = mass", color="white", **style)


def _draw_density(
    axes: "Axes", alpha: Sequence[float], temperature: float
) -> "TriContourSet":
    from matplotlib.colors import BoundaryNorm

    points = simplex_grid(120)
    density = density_on(points, alpha, temperature)
    across, up = (points @ _CORNERS).T
    filled = axes.tricontourf(
        across,
        up,
        density,
        levels=_LEVELS,
        cmap=_COLOURS,
        norm=BoundaryNorm(_LEVELS, 256, extend="max"),
        extend="max",
    )
    filled.set_edgecolor("face")  # No hairlines between the bands in a PDF viewer.
    return filled


def _frame(axes: "Axes", radii: Sequence[float]) -> None:
    """Draws the triangle's outline and names its corners, beyond disks of some radii."""
    from matplotlib import colormaps
    from matplotlib.patches import Polygon

    nothing = colormaps[_COLOURS](0.0)
    axes.add_patch(Polygon(_CORNERS, facecolor=nothing, zorder=0))
    outline = Polygon(_CORNERS, fill=False, edgecolor=drawing.INK, linewidth=1.5)
    axes.add_patch(outline).set(zorder=2, joinstyle="miter")
    for state, (corner, radius) in enumerate(zip(_CORNERS, radii, strict=True), start=1):
        away = (radius + 0.12) * (1 if corner[1] > 0 else -1)
        axes.text(
            corner[0], corner[1] + away, f"$y_{state} = 1$", ha="center", va="center"
        )
    axes.set(aspect="equal", xlim=(-0.2, 1.2), ylim=(-0.34, 1.3))
    axes.axis("off")
