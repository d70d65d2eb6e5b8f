"""Folders that are made, and folders that are full."""

from pathlib import Path

__all__ = ["check_empty", "make_folder"]


def check_empty(folder: Path, advice: str, but: str = "") -> None:
    """Refuses a folder that holds something else than a file of one name."""
    if folder.is_dir() and any(entry.name != but for entry in folder.iterdir()):
        raise FileExistsError(f"The folder {folder} exists and is not empty. {advice}")


def make_folder(folder: Path) -> None:
    """Makes a folder, or says why not."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(
            f"The folder {folder} cannot be made ({error.strerror}), so that nothing was "
            "written. Name another folder, or change its permissions."
        ) from error
