"""Folders that hold the whole of an export, or what they held before."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import tensorflow as tf

from keras_concrete.files import PARTIAL, make_folder, remove_leftovers

__all__ = ["written_whole"]


@contextlib.contextmanager
def written_whole(folder: Path, earlier: Iterable[str]) -> Iterator[Path]:
    """A folder to write to, whose contents move to another's once all are written.

    Args:
        folder: Where they move to. What an export that was killed left there is removed.
        earlier: Paths in the folder that an earlier export may have written, which are
            removed where the new one does not have them.

    Raises:
        OSError: If the folder cannot be made, or the disk is full: it then holds what it
            held before.
    """
    make_folder(folder)
    remove_leftovers(folder)
    with tempfile.TemporaryDirectory(prefix=PARTIAL, dir=folder) as partial:
        new = Path(partial)
        try:
            yield new
        except (OSError, tf.errors.OpError) as error:
            reason = getattr(error, "strerror", None) or str(error).rpartition("; ")[2]
            raise OSError(
                f"The model cannot be written to {folder} ({reason}), which is as it "
                "was. Free the disk, or name a folder on another."
            ) from error
        for name in earlier:
            if not (new / name).exists():
                (folder / name).unlink(missing_ok=True)
        # A SavedModel is one once it has its saved_model.pb: the old one goes first, the
        # new one comes last.
        for path in new.iterdir():
            if path.is_file():
                (folder / path.name).unlink(missing_ok=True)
        for path in sorted(new.iterdir(), key=lambda p: (p.is_file(), p.name)):
            if path.is_dir() and (folder / path.name).exists():
                shutil.rmtree(folder / path.name)
            os.replace(path, folder / path.name)
