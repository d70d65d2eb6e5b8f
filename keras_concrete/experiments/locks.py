"""One process at a time in a folder."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["locked"]


@contextlib.contextmanager
def locked(folder: Path, name: str = "lock") -> Iterator[None]:
    """Within this context no other process has the folder.

    The lock is the operating system's, on a file that holds the process's number: when a
    process dies, its lock goes with it, and the file that it left is taken over.

    Args:
        folder: Made if it is not there; if nothing was put into it, removed at the end.
        name: Name of the lock file.

    Raises:
        BlockingIOError: If another process has the folder.
        OSError: If the folder cannot be made or written.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / name).open("a+")
    except OSError as error:
        raise OSError(
            f"The folder {folder} cannot be written ({error.strerror}), so that nothing "
            "was done. Name another folder, or change its permissions."
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BlockingIOError(_message(folder, name)) from None
        # Between opening and locking, its former holder may have removed the file.
        if not _is_at(file.fileno(), folder / name):
            raise BlockingIOError(_message(folder, name))
        try:
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
            yield
        finally:
            (folder / name).unlink()
            for path in made:
                with contextlib.suppress(OSError):
                    path.rmdir()


def _message(folder: Path, name: str) -> str:
    try:
        holder = (folder / name).read_text().strip()
    except OSError:
        holder = ""
    return (
        f"Process {holder or '?'} is at work in {folder}, and two would spoil the run. "
        "Wait for its end, or stop it, or name another folder."
    )


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
