from __future__ import annotations

import os
from pathlib import Path

import pytest

from groundup.data.folder import image_files, image_files_below, scan, scan_split
from groundup.errors import UserError


def touch(root: Path, *places: str) -> None:
    for place in places:
        path = root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def names(root: Path, paths: list[str]) -> list[str]:
    return [os.path.relpath(path, root) for path in paths]


def test_hidden_names_folders_and_other_files_are_no_images(tmp_path):
    touch(tmp_path, "b.png", "a.JPG", "._a.png", ".hidden/c.png", "x.png/inside.png", "notes.txt", "sub/d.gif")
    assert names(tmp_path, image_files(tmp_path)) == ["a.JPG", "b.png"]
    assert names(tmp_path, image_files_below(tmp_path)) == ["a.JPG", "b.png", "sub/d.gif", "x.png/inside.png"]


def test_what_is_not_read_is_listed_images_beside_the_class_folders_too(tmp_path):
    touch(tmp_path, "train/a/1.png", "train/a/notes.txt", "train/a/more/2.png", "train/3.png", "train/.hidden.png")
    assert names(tmp_path / "train", scan_split(tmp_path, "train").passed_over) == ["3.png", "a/more", "a/notes.txt"]


def test_what_is_named_as_an_image_and_is_no_file_is_listed_not_lost(tmp_path):
    (tmp_path / "dead.png").symlink_to(tmp_path / "nowhere")
    (tmp_path / "round.png").symlink_to(tmp_path / "round.png")
    os.mkfifo(tmp_path / "pipe.png")
    assert names(tmp_path, image_files(tmp_path)) == ["dead.png", "pipe.png", "round.png"]


def test_links_are_followed_and_a_ring_of_them_ends(tmp_path):
    touch(tmp_path, "elsewhere/1.png", "here/2.png")
    (tmp_path / "here/3.png").symlink_to(tmp_path / "elsewhere/1.png")
    (tmp_path / "here/linked").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "here/up").symlink_to(tmp_path / "here")
    (tmp_path / "here/folder.png").symlink_to(tmp_path / "elsewhere")
    assert names(tmp_path / "here", image_files(tmp_path / "here")) == ["2.png", "3.png"]
    # a folder that two links lead to is one folder
    assert names(tmp_path / "here", image_files_below(tmp_path / "here")) == ["2.png", "3.png", "folder.png/1.png"]


def test_a_name_that_is_no_utf_8_is_a_name(tmp_path):
    path = os.fsencode(tmp_path) + b"/caf\xe9.png"
    Path(os.fsdecode(path)).write_bytes(b"")
    assert [os.fsencode(name) for name in image_files(tmp_path)] == [path]


def test_a_folder_that_cannot_be_listed_is_named(tmp_path, monkeypatch):
    def denied(folder):
        raise PermissionError(13, "Permission denied", os.fspath(folder))

    monkeypatch.setattr(os, "scandir", denied)
    with pytest.raises(UserError, match=rf"{tmp_path}: cannot be listed: Permission denied"):
        image_files(tmp_path)


@pytest.mark.parametrize("split", ["val", "test"])
def test_a_split_that_is_no_folder_is_not_the_same_as_none(split, tmp_path):
    touch(tmp_path, "train/a/1.png", "train/b/1.png")
    assert scan(tmp_path).split(split).images == {}
    (tmp_path / split).symlink_to(tmp_path / "a disk that is not mounted")
    with pytest.raises(UserError, match=rf"{split}: is no folder"):
        scan(tmp_path)


def test_a_class_must_be_named_in_utf_8(tmp_path):
    touch(tmp_path, "train/a/1.png", "train/\udce9t\udce9/1.png")
    with pytest.raises(UserError, match=r"train: the name of a class is not UTF-8: \\udce9t\\udce9"):
        scan(tmp_path)


def test_the_home_folder_is_written_with_a_tilde(tmp_path, monkeypatch):
    touch(tmp_path, "photos/train/a/1.png", "photos/train/b/1.png")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert scan("~/photos").class_names == ("a", "b")


def test_many_links_between_folders_are_walked_in_no_time(tmp_path):
    """Of 12 folders that all lead to one another there are 12! ways through."""
    for number in range(12):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "a.png").touch()
        for other in range(12):
            (tmp_path / str(number) / f"to{other}").symlink_to(tmp_path / str(other))
    expected = sorted(f"{number}/a.png" for number in range(12))
    assert names(tmp_path, image_files_below(tmp_path)) == expected
    assert len(image_files_below(tmp_path / "0")) == 12
