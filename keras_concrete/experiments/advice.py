"""What messages about a run folder advise: commands that can be pasted into a shell."""

import shlex
from pathlib import Path

__all__ = ["copy_command", "resume_command"]


def resume_command(folder: Path) -> str:
    """The command that goes on with a run.

    Args:
        folder: Of the run.

    Example:
    >>> resume_command(Path("my runs/1"))
    "keras-concrete train --resume 'my runs/1'"
    """
    return f"keras-concrete train --resume {shlex.quote(str(folder))}"


def copy_command(source: Path, target: Path) -> str:
    """The command that puts one file in the place of another.

    Args:
        source: File to copy.
        target: Its new place.

    Example:
    >>> copy_command(Path("run/model.keras"), Path("run/best.keras"))
    'cp run/model.keras run/best.keras'
    """
    return f"cp {shlex.quote(str(source))} {shlex.quote(str(target))}"
