"""The look that all pictures share, and how a figure becomes files.

Colours are those of Okabe and Ito, which people with any common colour vision tell
apart. The relaxed graph is blue and the discrete graph vermilion in every picture.
Nothing here but `use_style` touches pyplot: no global figures, no window system,
nothing to close.
"""

import contextlib
import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from keras_concrete.files import check_no_link

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "CYCLE",
    "DISCRETE",
    "INK",
    "MUTED",
    "NOISE",
    "RELAXED",
    "fit_height",
    "new_figure",
    "panel_title",
    "save_figure",
    "use_style",
]

RELAXED = "#0072B2"  # blue
DISCRETE = "#D55E00"  # vermilion
NOISE = "#56B4E9"  # sky blue
INK, MUTED = "#222222", "#595959"
# Colours of lines that have no meaning of their own, in their order.
CYCLE = (RELAXED, DISCRETE, "#009E73", "#CC79A7", "#E69F00", NOISE, INK)

_STYLE = {
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.prop_cycle": f"cycler('color', {list(CYCLE)})",
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 14,
    "figure.constrained_layout.h_pad": 0.1,
    "figure.constrained_layout.w_pad": 0.1,
    "figure.titlesize": 16,
    "font.size": 13,
    "grid.color": "#DDDDDD",
    "legend.frameon": False,
    "lines.linewidth": 2,
    "pdf.fonttype": 42,  # Letters stay letters: the text can be searched.
    "svg.hashsalt": "keras_concrete",  # Equal names inside equal files.
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}

# What would otherwise put the time of writing, or a version, into the file.
_UNDATED: dict[str, dict[str, None]] = {
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
}


@contextlib.contextmanager
def new_figure(width: float, height: float) -> Iterator["Figure"]:
    """Makes an empty figure in the style of this package.

    The style holds inside the `with` block alone, whatever the user's settings, and is
    read both when things are drawn and when the file is written: do both inside.

    Args:
        width: In inches.
        height: In inches.

    Yields:
        The figure, whose layout leaves room for all labels.

    Example:
    >>> with new_figure(4, 3) as figure:
    ...     axes = figure.add_subplot(xlabel="temperature")
    """
    import matplotlib.style
    from matplotlib.figure import Figure

    with matplotlib.style.context(["default", _STYLE]):
        yield Figure(figsize=(width, height), layout="constrained")


def use_style() -> None:
    """Gives the pyplot of a notebook the look of this package.

    Example:
    >>> import matplotlib
    >>> with matplotlib.rc_context():  # which restores your own settings
    ...     use_style()
    """
    import matplotlib.pyplot

    notebook = {"figure.constrained_layout.use": True, "figure.dpi": 130}
    matplotlib.pyplot.style.use(["default", _STYLE, notebook])


def fit_height(axes: "Axes", values: Iterable[float]) -> None:
    """Cuts axes to what matters of curves in nats, and a margin.

    Args:
        axes: Where the curves are.
        values: What must be seen of them. Those that are not finite are passed over, and
            without any the axes stay as they are.
    """
    finite = [value for value in values if math.isfinite(value)]
    if finite:
        margin = 0.05 * (max(finite) - min(finite)) + 0.5
        axes.set_ylim(min(finite) - margin, max(finite) + margin)


def panel_title(index: int, temperature: float) -> str:
    """Title of a panel: its letter, as in the paper, and its temperature.

    Args:
        index: Position of the panel, from 0.
        temperature: Shown to six digits at most.

    Returns:
        Text for matplotlib.
    """
    return f"({chr(ord('a') + index)})  $\\lambda$ = {temperature:g}"


def save_figure(figure: "Figure", folder: str | os.PathLike, name: str) -> list[Path]:
    """Writes a figure as PDF, SVG and PNG. Equal figures make equal bytes.

    Args:
        figure: Made by `new_figure`, whose `with` block is still open.
        folder: Made if it does not exist.
        name: Name of the files, without an ending.

    Returns:
        Paths of the three files.

    Raises:
        ValueError: If a link is in the place of a file.
    """
    paths = {ending: Path(folder) / f"{name}.{ending}" for ending in _UNDATED}
    for path in paths.values():
        check_no_link(path)
    Path(folder).mkdir(parents=True, exist_ok=True)
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # Things are placed once, for all three files.
    for ending, path in paths.items():
        figure.savefig(path, dpi=200, metadata=_UNDATED[ending])
    return list(paths.values())
