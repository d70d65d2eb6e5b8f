"""Rows of tables as Markdown."""

from collections.abc import Iterable

__all__ = ["rows"]


def rows(cells: Iterable[Iterable[str]]) -> str:
    """Writes rows, the header and the marks below it among them.

    Args:
        cells: Those of each row.

    Example:
    >>> print(rows([["a", "b"], ["---", "---:"], ["x", "1"]]), end="")
    | a | b |
    | --- | ---: |
    | x | 1 |
    """
    return "".join("| " + " | ".join(row) + " |\n" for row in cells)
