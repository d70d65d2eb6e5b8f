"""A device's answers beside the reference ones."""

from typing import Any

import numpy as np

__all__ = ["compared"]


def compared(answers: dict[str, Any], arrays: dict[str, Any]) -> dict[str, Any]:
    """Sets a device's answers beside the reference ones.

    Args:
        answers: Outputs by their names.
        arrays: The references as `out_NAME`; and `out_margin_i`, how far each unit of
            layer i is from a tie, infinite where it is far.

    Returns:
        For codes, how many there are, how many differ in layer 1 or in rows whose layer
        below is equal, and the greatest margin of one that does, where margins are
        known. For other outputs the greatest absolute difference, in such rows.

    Example:
    >>> compared({"codes_1": [[1.0, -1.0]]}, {"out_codes_1": [[1, 1]]})
    {'codes_1': {'count': 2, 'differ': 1}}
    """
    found: dict[str, Any] = {}
    equal = np.ones(len(next(iter(answers.values()))), bool)
    for name in sorted(answers, key=_order):
        theirs = np.asarray(arrays[f"out_{name}"])
        kept = equal[: len(theirs)]
        ours = np.asarray(answers[name])[: len(theirs)][kept]
        theirs = theirs[kept]
        if not name.startswith("codes"):
            found[name] = float(np.abs(ours - theirs).max(initial=0.0))
            continue
        differ = ours != theirs
        found[name] = {"count": differ.size, "differ": int(differ.sum())}
        margins = arrays.get(f"out_margin{name.removeprefix('codes')}")
        if margins is not None:
            greatest = margins[kept][differ].max(initial=0.0)
            found[name]["greatest_margin"] = float(greatest)
        equal[np.flatnonzero(kept)[differ.any(axis=1)]] = False
    return found


def _order(name: str) -> tuple[str, bool]:
    """Each output after those that it depends on, layer by layer."""
    kind, _, layer = name.partition("_")
    return layer, (kind == "codes") == bool(layer)
