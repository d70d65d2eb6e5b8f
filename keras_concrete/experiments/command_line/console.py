"""Where all commands print, and how: what stands in a path or a file is plain text."""

import codecs
import sys
from collections.abc import Sequence
from io import TextIOWrapper

from rich.console import Console
from rich.table import Table
from rich.text import Text

__all__ = [
    "console",
    "plain",
    "print_any_character",
    "print_table",
    "say",
    "say_error",
]

console = Console(highlight=False)

# Columns of words; all others are of numbers.
_WORDS = ("model", "estimator", "variant")

# For terminals that have no other characters than those of ASCII.
_ASCII = {"±": "+-", "━": "=", "…": "..."}


def say(text: str) -> None:
    """Prints a line or more to standard output, however long.

    Args:
        text: Printed as it is: no markup, no emoji codes, no line breaks of ours.
    """
    console.print(plain(text), soft_wrap=True)


def say_error(text: str) -> None:
    """Prints a line or more to standard error, as `say` does.

    Args:
        text: Printed as it is.
    """
    Console(stderr=True, highlight=False).print(plain(text), soft_wrap=True)


def plain(text: str) -> Text:
    r"""Text that a terminal shows and does not obey.

    Args:
        text: Control characters in it become escapes.

    Example:
    >>> str(plain("a[b]\x1b[2J"))
    'a[b]\\x1b[2J'
    """
    shown = (c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)
    return Text("".join(shown))


def print_table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints a table below its title.

    Args:
        title: Printed as it is, broken between words.
        header: Names of the columns.
        rows: Cells of each row, printed as they are.
    """
    console.print(plain(title))
    table = Table()
    for name in header:
        table.add_column(
            name, justify="left" if name in _WORDS else "right", overflow="fold"
        )
    for row in rows:
        table.add_row(*map(plain, row))
    console.print(table)


def print_any_character() -> None:
    """Has standard output and error replace what their encoding lacks."""
    codecs.register_error("keras_concrete", _replacement)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="keras_concrete")


def _replacement(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    shown = (_ASCII.get(c) or ascii(c)[1:-1] for c in lacking)
    return "".join(shown), error.end
