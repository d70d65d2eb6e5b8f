"""Makes the environments of the peers from `benchmarks/requirements/*.txt`."""

import subprocess
import sys
import venv
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["NAMES", "python_of"]

_FOLDER = Path(__file__).parent
NAMES = tuple(sorted(path.stem for path in (_FOLDER / "requirements").glob("*.txt")))


def python_of(environment: str | None) -> Path:
    """The interpreter of an environment.

    Args:
        environment: Its name, or None for the one that this process runs in.

    Returns:
        The path, whether or not the environment was made.
    """
    if environment is None:
        return Path(sys.executable)
    return _FOLDER / ".envs" / environment / "bin" / "python"


def main(
    names: Annotated[
        list[str] | None, typer.Argument(help="Environments to make; all by default.")
    ] = None,
    base: Annotated[
        Path | None, typer.Option("--python", help="Interpreter to make them with.")
    ] = None,
    extra: Annotated[
        list[str] | None,
        typer.Option("--with", help="Requirement to add, such as torch==2.13.0+cpu."),
    ] = None,
) -> None:
    """Makes virtual environments for the peers below benchmarks/.envs."""
    for name in names or NAMES:
        folder = python_of(name).parent.parent
        if base is None:
            venv.create(folder, with_pip=True)
        else:
            subprocess.run([base, "-m", "venv", folder], check=True)
        requirements = _FOLDER / "requirements" / f"{name}.txt"
        pip = [python_of(name), "-m", "pip", "install", "--upgrade"]
        subprocess.run([*pip, *(extra or []), "-r", requirements], check=True)


if __name__ == "__main__":
    typer.run(main)
