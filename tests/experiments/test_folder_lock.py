"""One process at a time in a folder."""

import re
import subprocess
import sys

import pytest

from keras_concrete.experiments.folder_lock import locked


def test_the_lock_is_there_within_and_gone_after(tmp_path):
    with locked(tmp_path, "mine"):
        assert (tmp_path / "mine").exists()
    assert list(tmp_path.iterdir()) == []
    assert tmp_path.exists()


def test_a_folder_that_was_made_goes_again_unless_something_was_put_into_it(tmp_path):
    with locked(tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b").is_dir()
    assert list(tmp_path.iterdir()) == []
    with locked(tmp_path / "a" / "b"):
        (tmp_path / "a" / "b" / "file").touch()
    assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["file"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_within_gives_the_folder_back(error, tmp_path):
    with pytest.raises(error):
        with locked(tmp_path / "a"):
            raise error
    assert list(tmp_path.iterdir()) == []
    with locked(tmp_path / "a"):
        pass


def test_a_second_holder_is_refused_and_the_first_one_keeps_its_lock(tmp_path):
    with locked(tmp_path):
        for _ in range(2):
            with pytest.raises(BlockingIOError, match=re.escape(f"in {tmp_path}, and")):
                with locked(tmp_path):
                    pass
        with locked(tmp_path, "another"), locked(tmp_path / "inside"):
            pass
        assert (tmp_path / "lock").exists()
    with locked(tmp_path):
        pass


DIE = """
import os, sys
from pathlib import Path
from keras_concrete.experiments.folder_lock import locked
with locked(Path(sys.argv[1])):
    os.kill(os.getpid(), 9)
"""


def test_the_file_that_a_dead_process_left_is_no_lock(tmp_path):
    subprocess.run([sys.executable, "-c", DIE, tmp_path], check=False)
    assert (tmp_path / "lock").exists()
    with locked(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_told_by_its_name(tmp_path):
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "run"
    message = rf"{path} cannot be written \(Not a directory\).*Name another folder"
    with pytest.raises(OSError, match=message):
        with locked(path):
            pass
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
