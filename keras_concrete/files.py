"""Folders and files that are made whole, and what is refused where they go."""

import os
import shutil
from pathlib import Path

__all__ = [
    "PARTIAL",
    "check_empty",
    "check_no_link",
    "check_no_links",
    "is_leftover",
    "make_folder",
    "remove_leftovers",
    "write_whole",
]

# How the names of files and folders begin that are being written, and of what a killed
# process left of them: folders may hold a user's own files too.
PARTIAL = ".keras-concrete-partial-"


def check_empty(folder: Path, advice: str, but: str = "") -> None:
    """Refuses a folder that holds something else than leftovers and a file of one name.

    Args:
        folder: It need not be there.
        advice: What to do instead, a sentence of the message.
        but: Name of the one file that may be there.

    Raises:
        FileExistsError: If there is something else.
    """
    if folder.is_dir() and any(
        entry.name != but and not is_leftover(entry) for entry in folder.iterdir()
    ):
        raise FileExistsError(f"The folder {folder} exists and is not empty. {advice}")


def remove_leftovers(folder: Path) -> None:
    """Removes what a process that was killed left half written in a folder.

    Args:
        folder: Its entries that `is_leftover` knows are removed.
    """
    for entry in [*folder.iterdir()] if folder.is_dir() else []:
        if is_leftover(entry):
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()


def is_leftover(entry: Path) -> bool:
    """Whether a name is that of a file, or a folder, that was being written.

    Args:
        entry: Its path.
    """
    return entry.name.startswith(PARTIAL)


def check_no_link(path: Path) -> None:
    """Refuses a symbolic link: what is written to it would go elsewhere.

    Args:
        path: It need not be there.

    Raises:
        ValueError: If it is a link, or neither a file nor a folder.
    """
    if path.is_symlink():
        raise ValueError(
            f"{path} is a symbolic link: to write to it could change files elsewhere, so "
            "that nothing was done. Remove it, or put a copy of what it points to in its "
            "place."
        )
    if path.exists() and not path.is_file() and not path.is_dir():
        raise ValueError(
            f"{path} is neither a file nor a folder, so that nothing was done. Remove it."
        )


def check_no_links(folder: Path) -> None:
    """Refuses a folder with symbolic links in it, at any depth.

    Args:
        folder: It need not be there, and may be a link itself.

    Raises:
        ValueError: If there is a link in it, or what is neither a file nor a folder.
    """
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            check_no_link(Path(place, name))


def make_folder(folder: Path) -> None:
    """Makes a folder, or says why not.

    Args:
        folder: With all folders above it; it may be there already.

    Raises:
        OSError: If it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(
            f"The folder {folder} cannot be made ({error.strerror}), so that nothing was "
            "written. Name another folder, or change its permissions."
        ) from error


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file, which is there whole or not at all.

    Args:
        path: File to write, or to replace.
        content: All of it.

    Raises:
        OSError: If it cannot be written; what was there is then as it was.
    """
    partial = path.with_name(f"{PARTIAL}{path.name}")
    partial.unlink(missing_ok=True)
    try:
        # Exclusively, so that no link is followed.
        with partial.open("xb") as file:
            file.write(content)
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
