"""CSV files with a row for each epoch, of which a full disk may leave half a row."""

import csv
from pathlib import Path

from keras_concrete.files import write_whole

__all__ = ["EpochTable"]


class EpochTable:
    """A CSV file with a row of numbers for each epoch.

    Only whole rows are read: lines that end as lines, with as many numbers as there are
    columns, infinite ones and NaN among them.

    Args:
        path: The file, which need not be there.
        columns: Names of columns, beside `epoch`, that its header must have.
    """

    def __init__(self, path: Path, *columns: str) -> None:
        self.path = path
        self._needed = {"epoch", *columns}

    def columns(self) -> dict[str, list[float]]:
        """Reads the columns; empty if there is no whole row.

        Raises:
            OSError: If the file cannot be read.
        """
        names, rows = self._parse(self._whole_lines())
        columns = zip(*rows.values(), strict=True)
        return {name: list(column) for name, column in zip(names, columns, strict=False)}

    def keep(self, num_epochs: int) -> bool:
        """Drops rows of later epochs, and what is no row.

        Args:
            num_epochs: Epochs to keep.

        Returns:
            Whether the file was damaged: something had to go that was neither the row of
            a later epoch nor half a row at the end. It is then kept as `damaged-NAME`.

        Raises:
            OSError: If the file cannot be read or written.
        """
        if not self.path.exists():
            return False
        lines = self._whole_lines()
        names, rows = self._parse(lines)
        header = lines[:1] if names else []
        epoch = names.index("epoch") if names else 0
        kept = [lines[i] for i, values in rows.items() if values[epoch] < num_epochs]
        is_damaged = len(lines) > len(header) + len(rows)
        if is_damaged:
            content = self.path.read_bytes()
            write_whole(self.path.with_name(f"damaged-{self.path.name}"), content)
        write_whole(self.path, b"".join([*header, *kept]))
        return is_damaged

    def _whole_lines(self) -> list[bytes]:
        """The lines with their ends; the last is none if it has no end."""
        content = self.path.read_bytes() if self.path.exists() else b""
        lines = content.splitlines(keepends=True)
        return [line for line in lines if line.endswith(b"\n")]

    def _parse(self, lines: list[bytes]) -> tuple[list[str], dict[int, list[float]]]:
        """The names of the columns, and the numbers of each row by the row's line."""
        names = _fields(lines[0]) if lines else []
        if not self._needed <= set(names) or len(set(names)) < len(names):
            return [], {}
        rows = {i: _numbers(lines[i], names) for i in range(1, len(lines))}
        return names, {i: values for i, values in rows.items() if values}


def _numbers(line: bytes, names: list[str]) -> list[float]:
    """The numbers of a row; none of what is no row."""
    try:
        values = [float(field) for field in _fields(line)]
    except ValueError:
        return []
    if len(values) != len(names):
        return []
    epoch = values[names.index("epoch")]
    return values if epoch.is_integer() and epoch >= 0 else []


def _fields(line: bytes) -> list[str]:
    try:
        return next(csv.reader([line.decode("ascii")]), [])
    except (UnicodeDecodeError, csv.Error):
        return []
