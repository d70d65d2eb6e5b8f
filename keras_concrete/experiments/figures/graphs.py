"""Figure 1: how a unit of three states is sampled, discrete and relaxed."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from keras import ops

from keras_concrete import noise
from keras_concrete.experiments import drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["UnitDraw", "draw_unit", "save_sampling_graphs"]

# Heights of the rows of a graph, from the parameters up to the state.
_INPUTS, _SUMS, _QUOTIENTS, _CHOICE, _STATE = 0.0, 1.5, 2.85, 4.1, 5.25
_SPACING, _APART, _RADIUS, _HALF = 2.8, 0.62, 0.47, 0.38
_CENTRED: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": 14, "zorder": 4}


class UnitDraw(NamedTuple):
    """One draw of a unit, in both graphs. Each is a float32 array `(num_states,)`.

    Attributes:
        logits: log alpha.
        noise: Gumbel noise.
        noisy_logits: Their sum.
        discrete: State of the discrete graph.
        relaxed: State of the relaxed graph.
    """

    logits: np.ndarray
    noise: np.ndarray
    noisy_logits: np.ndarray
    discrete: np.ndarray
    relaxed: np.ndarray


def save_sampling_graphs(
    folder: str | os.PathLike,
    alpha: Sequence[float] = (2.0, 0.5, 1.0),
    temperature: float = 0.5,
    seed: int = 38,
) -> list[Path]:
    """Draws the paper's figure 1: the graphs that sample a unit, with one draw in both.

    Args:
        folder: Where `figure-1-sampling-graphs.pdf`, `.svg` and `.png` are written.
        alpha: Unnormalised probabilities of the states; three fit best.
        temperature: Of the relaxed graph.
        seed: Of the noise, which both graphs share.

    Returns:
        Paths of the files.
    """
    drawn = draw_unit(alpha, temperature, seed)
    with drawing.new_figure(12.8, 6.2) as figure:
        left, right = figure.subplots(1, 2)
        _draw_graph(left, drawn, None)
        _draw_graph(right, drawn, temperature)
        odds = ", ".join(f"{a:g}" for a in alpha)
        left.set_title(f"(a)  Discrete$(\\alpha)$,  $\\alpha$ = ({odds})")
        right.set_title(
            f"(b)  Concrete$(\\alpha, \\lambda)$,  $\\lambda$ = {temperature:g}"
        )
        _draw_key(figure)
        return drawing.save_figure(figure, folder, "figure-1-sampling-graphs")


def draw_unit(alpha: Sequence[float], temperature: float, seed: int) -> UnitDraw:
    """Draws a unit of this package once, and shows what the layers keep to themselves.

    Args:
        alpha: Unnormalised probabilities of the states.
        temperature: Of the relaxed graph.
        seed: Of the noise.

    Returns:
        Parameters, noise and both states.

    Example:
    >>> drawn = draw_unit([2.0, 0.5, 1.0], temperature=0.5, seed=0)
    >>> int(drawn.discrete.argmax()) == int(drawn.relaxed.argmax())
    True
    """
    from keras_concrete.distributions.units import CategoricalUnit

    unit = CategoricalUnit()
    logits = np.log(alpha).astype("float32")
    gumbel = unit.noise(logits.shape, noise.key_from_seed(seed))
    node = unit.node(logits, gumbel, temperature)
    states = unit.discrete_state(node), unit.relaxed_state(node)
    tensors = (logits, gumbel, logits + gumbel, *states)
    return UnitDraw(*(np.asarray(ops.convert_to_numpy(t), "float32") for t in tensors))


def _draw_graph(axes: "Axes", drawn: UnitDraw, temperature: float | None) -> None:
    """Draws the discrete graph, or the relaxed one if a temperature is given."""
    is_discrete = temperature is None
    states = drawn.discrete if is_discrete else drawn.relaxed
    centres = _SPACING * np.arange(len(states))
    for k, x in enumerate(centres):
        name = f"_{k + 1}$"
        _node(axes, x - _APART, _INPUTS, "$\\log\\alpha" + name, drawn.logits[k])
        _node(axes, x + _APART, _INPUTS, "$G" + name, drawn.noise[k], random=True)
        _node(axes, x, _SUMS, "+", drawn.noisy_logits[k])
        _arrow(axes, (x - _APART, _INPUTS), (x, _SUMS), _RADIUS, _RADIUS)
        _arrow(axes, (x + _APART, _INPUTS), (x, _SUMS), _RADIUS, _RADIUS)
        top = _SUMS
        if not is_discrete:
            top = _QUOTIENTS
            _node(axes, x, top, "$\\div\\lambda$", drawn.noisy_logits[k] / temperature)
            _arrow(axes, (x, _SUMS), (x, top), _RADIUS, _RADIUS)
        _arrow(axes, (x, top), (x, _CHOICE), _RADIUS, _HALF)
        _arrow(axes, (x, _CHOICE), (x, _STATE), _HALF, _HALF)
    name = "argmax, one-hot" if is_discrete else "softmax"
    middle = float(centres.mean())
    _box(axes, middle, _CHOICE, centres[-1] + 1.6, is_discrete)
    axes.text(middle, _CHOICE, name, **_CENTRED)
    for x, state in zip(centres, states, strict=True):
        _box(axes, x, _STATE, 1.2, is_discrete, brightness=float(state))
        text = f"{state:.0f}" if is_discrete else f"{state:.2f}"
        colour = "white" if state < 0.5 else drawing.INK
        axes.text(x, _STATE, text, color=colour, **_CENTRED)
    axes.set(aspect="equal", xlim=(-1.5, centres[-1] + 1.5), ylim=(-1, _STATE + 0.6))
    axes.axis("off")


def _node(
    axes: "Axes", x: float, y: float, name: str, value: float, random: bool = False
) -> None:
    """Draws a circle with the operation inside and its value beside it."""
    from matplotlib.patches import Circle

    colour = drawing.NOISE if random else "white"
    axes.add_patch(Circle((x, y), _RADIUS, facecolor=colour, edgecolor=drawing.INK))
    axes.patches[-1].set(zorder=3, linewidth=1.5)
    axes.text(x, y, name, **_CENTRED)
    is_input = y == _INPUTS
    place = (x, y - _RADIUS - 0.28) if is_input else (x + _RADIUS + 0.12, y)
    side = "center" if is_input else "left"
    axes.text(*place, f"${value:.2f}$", ha=side, va="center", color=drawing.MUTED)


def _box(
    axes: "Axes",
    x: float,
    y: float,
    width: float,
    is_discrete: bool,
    brightness: float = 1.0,
) -> None:
    """Draws a box, with square corners for discrete values and round for continuous."""
    from matplotlib.patches import FancyBboxPatch

    corners = "square,pad=0" if is_discrete else "round,pad=0,rounding_size=0.3"
    corner = (x - width / 2, y - _HALF)
    box = FancyBboxPatch(corner, width, 2 * _HALF, boxstyle=corners)
    box.set(facecolor=str(brightness), edgecolor=drawing.INK, linewidth=1.5, zorder=3)
    axes.add_patch(box)


def _arrow(
    axes: "Axes",
    start: tuple[float, float],
    end: tuple[float, float],
    leave: float,
    reach: float,
) -> None:
    """Draws an arrow between two centres, leaving out what their shapes cover."""
    step = np.subtract(end, start)
    unit = step / np.linalg.norm(step)
    style = {"arrowstyle": "-|>", "color": drawing.INK, "shrinkA": 0, "shrinkB": 0}
    tip, tail = np.subtract(end, (reach + 0.03) * unit), np.add(start, leave * unit)
    axes.annotate("", tuple(tip), tuple(tail), arrowprops=style)


def _draw_key(figure: "Figure") -> None:
    """Says what colours and shapes mean, below both graphs."""
    from matplotlib.lines import Line2D

    style: dict[str, Any] = {"ls": "none", "ms": 13, "mec": drawing.INK}
    meanings = [
        ("o", drawing.NOISE, "stochastic"),
        ("o", "white", "deterministic, continuous"),
        ("s", "white", "deterministic, discrete"),
        ("s", "0.7", "brightness of a state: its value"),
    ]
    handles = [
        Line2D(
            [],
            [],
            marker=marker,
            markerfacecolor=colour,
            markeredgecolor=drawing.INK,
            label=meaning,
            **style,
        )
        for marker, colour, meaning in meanings
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
