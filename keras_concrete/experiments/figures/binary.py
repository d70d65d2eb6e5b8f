"""Figure 3: a binary unit as a function of its noisy logit, discrete and relaxed."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from keras import ops

from keras_concrete.experiments import drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["input_density", "output_density", "output_masses", "save_binary_concrete"]

_WIDEST = 7.0  # Noisy logits are drawn within this distance of 0.
_DENSEST = 3.0  # Output densities are drawn up to this value.


def save_binary_concrete(
    folder: str | os.PathLike,
    alpha: float = 2.0,
    temperatures: Sequence[float] = (0.0, 0.5, 1.0, 2.0),
) -> list[Path]:
    """Draws the paper's figure 3: the binary unit and its relaxations.

    Each panel shows the state as a function of the noisy logit log alpha + L, the
    density of the noisy logit below, and the distribution of the state at the side:
    masses of 0 and 1 at temperature 0, the Binary Concrete density elsewhere
    (cut off where it exceeds 3: below temperature 1 it has no bound).

    Args:
        folder: Where `figure-3-binary-concrete.pdf`, `.svg` and `.png` are written.
        alpha: Odds of state 1.
        temperatures: A panel for each; 0 stands for the discrete unit.

    Returns:
        Paths of the files.
    """
    with drawing.new_figure(3.4 * len(temperatures), 4.8) as figure:
        panels = len(temperatures)
        grid = figure.add_gridspec(
            2, 2 * panels, width_ratios=[3, 1] * panels, height_ratios=[3, 1]
        )
        for i, temperature in enumerate(temperatures):
            state = figure.add_subplot(grid[0, 2 * i])
            _draw_state(state, alpha, temperature)
            state.set_title(drawing.panel_title(i, temperature))
            _draw_output(figure.add_subplot(grid[0, 2 * i + 1]), alpha, temperature)
            noisy_logit = figure.add_subplot(grid[1, 2 * i])
            _draw_input(noisy_logit, alpha)
            if i == 0:
                state.set_ylabel("state")
                noisy_logit.set_ylabel("density")
        figure.suptitle(f"BinConcrete$(\\alpha, \\lambda)$,  $\\alpha$ = {alpha:g}")
        return drawing.save_figure(figure, folder, "figure-3-binary-concrete")


def input_density(noisy_logits: np.ndarray, alpha: float) -> np.ndarray:
    """Density of the noisy logit log alpha + L, a node at temperature 1.

    Args:
        noisy_logits: float32 array.
        alpha: Odds of state 1.

    Returns:
        float32 array of the same shape.
    """
    from keras_concrete.distributions import LogitBinaryConcrete

    node = LogitBinaryConcrete(1.0, logits=np.log(alpha))
    return np.exp(ops.convert_to_numpy(node.log_prob(noisy_logits)))


def output_density(states: np.ndarray, alpha: float, temperature: float) -> np.ndarray:
    """Density of `BinaryConcrete` at states in (0, 1).

    Args:
        states: float32 array.
        alpha: Odds of state 1.
        temperature: Positive number.

    Returns:
        float32 array of the same shape.

    Example:
    >>> output_density(np.float32([0.2, 0.7]), alpha=1.0, temperature=1.0).round(3)
    array([1., 1.], dtype=float32)
    """
    from keras_concrete.distributions import BinaryConcrete

    concrete = BinaryConcrete(temperature, logits=np.log(alpha))
    return np.exp(ops.convert_to_numpy(concrete.log_prob(states)))


def output_masses(alpha: float) -> np.ndarray:
    """Masses of the states 0 and 1 under `Bernoulli`.

    Args:
        alpha: Odds of state 1.

    Returns:
        float32 array of two masses, with sum 1.

    Example:
    >>> output_masses(2.0).round(3)
    array([0.333, 0.667], dtype=float32)
    """
    from keras_concrete.distributions import Bernoulli

    states = np.array([0.0, 1.0], "float32")
    return np.exp(ops.convert_to_numpy(Bernoulli(np.log(alpha)).log_prob(states)))


def _draw_state(axes: "Axes", alpha: float, temperature: float) -> None:
    from keras_concrete.distributions.units import BinaryUnit

    unit = BinaryUnit()
    logit = np.log(alpha)
    noisy_logits = np.linspace(-_WIDEST, _WIDEST, 701, dtype="float32")
    if temperature == 0:
        state = unit.discrete_state(noisy_logits)
    else:
        node = unit.node(logit, noisy_logits - np.float32(logit), temperature)
        state = unit.relaxed_state(node)
    axes.plot(noisy_logits, ops.convert_to_numpy(state), color=_colour(temperature))
    axes.set(xlim=(-_WIDEST, _WIDEST), ylim=(-0.05, 1.05))
    axes.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
    axes.tick_params(labelbottom=False)


def _draw_output(axes: "Axes", alpha: float, temperature: float) -> None:
    colour = _colour(temperature)
    axes.set(ylim=(-0.05, 1.05), yticks=[])
    axes.set_title("mass" if temperature == 0 else "density", fontsize=13)
    if temperature == 0:
        masses = output_masses(alpha)
        axes.barh([0, 1], masses, height=0.05, color=colour)
        axes.text(0.05, 0.06, f"{masses[0]:.2f}", va="bottom")
        axes.text(0.05, 0.94, f"{masses[1]:.2f}", va="top")
        axes.set(xlim=(0, 1), xticks=[0, 1])
        return
    # Dense towards 0 and 1, where the density turns sharply.
    states = 1 / (1 + np.exp(-np.linspace(-12, 12, 601))).astype("float32")
    density = output_density(states, alpha, temperature)
    axes.fill_betweenx(states, 0, density, color=colour, alpha=0.35, linewidth=0)
    axes.plot(density, states, color=colour)
    axes.set(xlim=(0, _DENSEST), xticks=[0, _DENSEST])


def _draw_input(axes: "Axes", alpha: float) -> None:
    noisy_logits = np.linspace(-_WIDEST, _WIDEST, 301, dtype="float32")
    density = input_density(noisy_logits, alpha)
    axes.fill_between(noisy_logits, 0, density, color=drawing.NOISE, alpha=0.5)
    axes.plot(noisy_logits, density, color=drawing.NOISE)
    axes.set(xlim=(-_WIDEST, _WIDEST), ylim=(0, 0.3))
    axes.set_yticks([0, 0.3], ["0", "0.3"])
    axes.set_xlabel("noisy logit  $\\log\\alpha + L$")


def _colour(temperature: float) -> str:
    return drawing.DISCRETE if temperature == 0 else drawing.RELAXED
