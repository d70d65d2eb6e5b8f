"""JSON files, written whole or not at all, and read into dataclasses."""

import json
import math
from pathlib import Path
from typing import Annotated, Any, TypeAlias, TypeVar

import numpy as np
import pydantic
import pydantic_core

from keras_concrete.files import write_whole

__all__ = [
    "Number",
    "read_json",
    "read_record",
    "to_record",
    "without_nan",
    "write_json",
]

# A number of a record that may be NaN, for which JSON has null.
Number: TypeAlias = Annotated[
    float, pydantic.BeforeValidator(lambda value: math.nan if value is None else value)
]

Record = TypeVar("Record")


def write_json(path: Path, content: Any) -> None:
    """Writes a JSON file, which is there whole or not at all.

    Args:
        path: File to write.
        content: What `json.dumps` takes; NumPy's numbers too. What is NaN is null, and
            infinity is written as Python's `json` reads it.

    Raises:
        OSError: If the file cannot be written.
    """
    text = json.dumps(without_nan(content), indent=2, default=_plain) + "\n"
    write_whole(path, text.encode())


def without_nan(content: Any) -> Any:
    """Numbers that are not known, a cosine that noise hides, as JSON's null.

    Args:
        content: What `json.dumps` takes.
    """
    if isinstance(content, dict):
        return {name: without_nan(value) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [*map(without_nan, content)]
    return None if content != content else content


def read_json(path: Path) -> Any:
    """Reads a JSON file.

    Args:
        path: File to read.

    Returns:
        Its content, of dicts, lists, strings, numbers, booleans and None.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it is not JSON in UTF-8.
    """
    try:
        return pydantic_core.from_json(_read_bytes(path))
    except ValueError as error:
        raise ValueError(f"{path} is damaged: it is not JSON ({error}).") from error


def read_record(kind: type[Record], path: Path) -> Record:
    """Reads a JSON file into a dataclass.

    Args:
        kind: The dataclass, whose annotations say what the file must hold. Keys that it
            does not know are left out.
        path: File to read.

    Returns:
        An instance of `kind`.

    Raises:
        OSError: If the file cannot be read.
        ValueError: If it is not JSON, or does not hold what `kind` says.
    """
    return _validated(kind, _read_bytes(path), path)


def to_record(kind: type[Record], content: dict[str, Any], path: Path) -> Record:
    """Makes a dataclass of what was read from a JSON file, and checks it.

    Args:
        kind: The dataclass.
        content: Part of the file.
        path: The file, for messages.

    Returns:
        An instance of `kind`.

    Raises:
        ValueError: If the content is not what `kind` says.
    """
    return _validated(kind, pydantic_core.to_json(content), path)


def _validated(kind: type[Record], content: bytes, path: Path) -> Record:
    try:
        return pydantic.TypeAdapter(kind).validate_json(content, strict=True)
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        # Of several lines, those that follow point into an option of a command.
        message = first["msg"].removeprefix("Value error, ").splitlines()[0].rstrip(":")
        end = "" if message.endswith("?") else "."
        raise ValueError(
            f"{path} is damaged: {f'{where}: ' if where else ''}{message}{end}"
        ) from error


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise OSError(f"{path} cannot be read ({error.strerror}).") from error


def _plain(number: np.generic) -> Any:
    """A number of NumPy's as one of Python's."""
    return number.item()
