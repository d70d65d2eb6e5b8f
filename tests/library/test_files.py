"""Folders and files: made whole, or refused by name."""

import os

import pytest

from keras_concrete import files


def test_a_folder_is_made_with_those_above_it_and_may_be_there(tmp_path):
    for _ in range(2):
        files.make_folder(tmp_path / "a" / "b")
        assert (tmp_path / "a" / "b").is_dir()


def test_a_folder_that_cannot_be_made_is_told_by_its_name(tmp_path):
    (tmp_path / "file").touch()
    for path, reason in (("file", "File exists"), ("file/a", "Not a directory")):
        message = rf"{tmp_path / path} cannot be made \({reason}\).*Name another folder"
        with pytest.raises(OSError, match=message):
            files.make_folder(tmp_path / path)


def test_only_what_is_allowed_may_be_in_an_empty_folder(tmp_path):
    files.check_empty(tmp_path / "missing", "Do this.")
    files.check_empty(tmp_path, "Do this.")
    (tmp_path / "lock").touch()
    files.check_empty(tmp_path, "Do this.", but="lock")
    with pytest.raises(FileExistsError, match=rf"{tmp_path} exists .*not empty. Do this"):
        files.check_empty(tmp_path, "Do this.")
    (tmp_path / "model.keras").touch()
    with pytest.raises(FileExistsError, match="not empty"):
        files.check_empty(tmp_path, "Do this.", but="lock")


def test_what_a_killed_process_left_is_no_obstacle_and_is_removed(tmp_path):
    (tmp_path / f"{files.PARTIAL}model.keras").touch()
    (tmp_path / f"{files.PARTIAL}export").mkdir()
    (tmp_path / f"{files.PARTIAL}export" / "file").touch()
    files.check_empty(tmp_path, "Do this.")
    for mine in ("partial-thesis", "partial.csv"):
        (tmp_path / mine).touch()
    files.remove_leftovers(tmp_path)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"partial-thesis", "partial.csv"}
    with pytest.raises(FileExistsError, match="not empty"):
        files.check_empty(tmp_path, "Do this.")
    files.remove_leftovers(tmp_path / "missing")


def test_what_a_leftover_link_points_to_stays(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").touch()
    (tmp_path / f"{files.PARTIAL}link").symlink_to(tmp_path / "folder")
    files.remove_leftovers(tmp_path)
    assert not os.path.lexists(tmp_path / f"{files.PARTIAL}link")
    assert (tmp_path / "folder" / "file").exists()


def test_a_file_is_written_and_replaced_whole(tmp_path):
    for content in (b"one", b"another"):
        files.write_whole(tmp_path / "file", content)
        assert (tmp_path / "file").read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_file_that_cannot_be_written_stays_as_it_was(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"before")

    def fail(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="No space left"):
        files.write_whole(tmp_path / "file", b"after")
    assert (tmp_path / "file").read_bytes() == b"before"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_file_is_not_written_through_a_link_of_a_leftover(tmp_path):
    (tmp_path / "elsewhere").write_bytes(b"theirs")
    (tmp_path / f"{files.PARTIAL}file").symlink_to(tmp_path / "elsewhere")
    files.write_whole(tmp_path / "file", b"ours")
    assert (tmp_path / "elsewhere").read_bytes() == b"theirs"
    assert (tmp_path / "file").read_bytes() == b"ours"


def test_links_and_devices_are_refused_at_any_depth(tmp_path):
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    (folder / "file").touch()
    for path in (folder, folder / "file", folder / "missing"):
        files.check_no_link(path)
    files.check_no_links(tmp_path)
    files.check_no_links(tmp_path / "missing")
    (folder / "link").symlink_to(folder / "missing")
    for check, path in (
        (files.check_no_link, folder / "link"),
        (files.check_no_links, tmp_path),
    ):
        with pytest.raises(ValueError, match=rf"{folder / 'link'} is a symbolic link"):
            check(path)
    (folder / "link").unlink()
    os.mkfifo(folder / "pipe")
    with pytest.raises(ValueError, match=r"pipe is neither a file nor a folder"):
        files.check_no_links(tmp_path)
