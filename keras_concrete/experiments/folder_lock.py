"""One process at a time in a folder."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import filelock

__all__ = ["is_locked", "locked"]


@contextlib.contextmanager
def locked(folder: Path, name: str = "lock") -> Iterator[None]:
    """Within this context no other process has the folder.

    The lock is the operating system's: when a process dies, its lock goes with it, and
    the file that it left is no lock any more.

    Args:
        folder: Made if it is not there; if nothing was put into it, removed at the end.
        name: Name of the lock file.

    Raises:
        BlockingIOError: If another process has the folder.
        OSError: If the folder cannot be made or written.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    lock = filelock.FileLock(folder / name, blocking=False)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except filelock.Timeout:
        raise BlockingIOError(
            f"Another process is at work in {folder}, and two would spoil the run. Wait "
            "for its end, or stop it, or name another folder."
        ) from None
    except OSError as error:
        raise OSError(
            f"The folder {folder} cannot be written ({error.strerror}), so that nothing "
            "was done. Name another folder, or change its permissions."
        ) from error
    try:
        yield
    finally:
        # While it is held, so that it is no other's. Windows keeps files that are open.
        with contextlib.suppress(PermissionError):
            (folder / name).unlink(missing_ok=True)
        lock.release()
        for path in made:
            with contextlib.suppress(OSError):
                path.rmdir()


def is_locked(folder: Path, name: str = "lock") -> bool:
    """Whether another process has a folder, which is not made to find out.

    Args:
        folder: The folder.
        name: Name of the lock file.
    """
    if not (folder / name).exists():
        return False
    try:
        with locked(folder, name):
            return False
    except BlockingIOError:
        return True
