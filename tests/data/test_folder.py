from __future__ import annotations

import os
from pathlib import Path

import pytest

from groundup.data.copies import warn_of_copies
from groundup.data.folder import cut_test, image_files, image_files_below, scan, scan_test
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
    touch(tmp_path, "train/b/4.png", "train/__MACOSX/a/._1.png", "train/a/.ipynb_checkpoints/1-checkpoint.png")
    train = scan(tmp_path).train
    assert names(tmp_path / "train", train.passed_over) == ["3.png", "a/notes.txt"]
    assert names(tmp_path / "train", train.images["a"]) == ["a/1.png", "a/more/2.png"]


def test_a_link_to_a_folder_around_makes_no_images_of_another_class(tmp_path):
    touch(tmp_path, "photos/cat/1.png", "photos/cat/more/2.png", "photos/dog/1.png", "elsewhere/3.png")
    root = tmp_path / "photos"
    (root / "cat" / "loop").symlink_to("..")
    (root / "cat" / "more" / "itself").symlink_to("..")
    (root / "cat" / "linked").symlink_to(tmp_path / "elsewhere")
    found = names(root, scan(root).train.images["cat"])
    assert found == ["cat/1.png", "cat/linked/3.png", "cat/more/2.png"]


def test_a_folder_within_that_cannot_be_listed_stands_for_its_images(tmp_path, monkeypatch):
    touch(tmp_path, "a/1.png", "a/locked/2.png")
    scandir = os.scandir

    def refusing(folder="."):
        if os.fspath(folder).endswith("locked"):
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refusing)
    assert names(tmp_path, image_files_below(tmp_path)) == ["a/1.png", "a/locked"]
    with pytest.raises(UserError, match="locked: cannot be listed: Permission denied"):
        image_files_below(tmp_path / "a" / "locked")


def test_equal_images_of_two_classes_are_said(tmp_path, caplog):
    touch(tmp_path, "cat/1.png", "cat/2.png", "dog/1.png")
    for name, content in (("cat/1", b"one"), ("cat/2", b"two"), ("dog/1", b"one")):
        (tmp_path / f"{name}.png").write_bytes(content)
    folder = scan(tmp_path)
    warn_of_copies(folder.train, folder.val, folder.test)
    assert [record.getMessage() for record in caplog.records] == [
        f"1 training images are of two classes, byte by byte: {tmp_path}/cat/1.png and {tmp_path}/dog/1.png; a network "
        "cannot learn both"
    ]
    caplog.clear()
    (tmp_path / "dog/1.png").write_bytes(b"six")
    warn_of_copies(folder.train, folder.val, folder.test)
    assert not caplog.records


def test_folders_beside_those_of_splits_are_named(tmp_path):
    touch(tmp_path, "train/a/1.png", "train/b/1.png", "dev/a/1.png", "cat/1.png", "notes/x.txt", ".git/x")
    assert scan(tmp_path).beside == ("cat", "dev", "notes")


def test_class_folders_need_no_split_folders(tmp_path):
    touch(tmp_path, "cat/1.png", "dog/deep/2.png", "__MACOSX/cat/1.png", "list.csv")
    folder = scan(tmp_path)
    assert folder.is_flat
    assert folder.class_names == ("cat", "dog")
    assert names(tmp_path, folder.train.images["dog"]) == ["dog/deep/2.png"]
    assert names(tmp_path, folder.train.passed_over) == ["list.csv"]


@pytest.mark.parametrize(
    "called", [("train", "val", "test"), ("Train", "valid", "TEST"), ("training", "Validation", "Test")]
)
def test_split_folders_are_called_as_people_call_them(called, tmp_path):
    touch(tmp_path, *(f"{split}/{label}/{split}.png" for split in called for label in "ab"))
    folder = scan(tmp_path)
    found = [names(tmp_path, split.images["b"]) for split in (folder.train, folder.val, folder.test)]
    assert found == [[f"{split}/b/{split}.png"] for split in called]
    assert not folder.is_flat


@pytest.mark.parametrize(
    ("places", "words"),
    [
        (["val/a/1.png", "valid/a/1.png", "train/a/1.png"], "val/ and valid/ are both called as the val split"),
        (
            ["photos/train/a/1.png", "photos/train/b/1.png"],
            "its only folder holds the splits; accepted: data.root=.*photos",
        ),
        (["a/1.png"], r"it holds one class \(a\); at least 2 are needed"),
        (
            ["one/cat/1.png", "one/dog/1.png", "two/cat/1.png", "two/dog/1.png"],
            "one, two all hold the folders cat, dog",
        ),
        (
            ["train/a/1.png", "train/b/1.png", "test/A/1.png"],
            "test/ has a class that train/ lacks: A; train/ has a, and",
        ),
        (["val/a/1.png", "a/1.png", "b/1.png"], "it holds val/ as the val split, and no train/; .* Is val a class"),
        (["train/1.png", "bus/1.png"], "train holds no class folders; .* Is train a class"),
        (["1.png"], ": it holds no class folders; accepted: train/CLASS"),
        (["photos/a/1.png", "photos/b/1.png"], "only folder holds the folders a, b; .*: data.root=.*photos"),
        (["train/a/1.png", "train/b/x.txt"], "no images in .*/train/b; accepted: .png"),
    ],
)
def test_a_folder_that_can_be_read_in_two_ways_or_none_is_refused(places, words, tmp_path):
    touch(tmp_path, *places)
    with pytest.raises(UserError, match=words):
        scan(tmp_path)


def test_a_class_folder_that_is_empty_in_test_or_val_is_no_reason_to_stop(tmp_path):
    touch(tmp_path, "train/a/1.png", "train/b/1.png", "test/a/2.png")
    for split in ("test", "val"):
        (tmp_path / split / "b").mkdir(parents=True)
    folder = scan(tmp_path)
    assert (folder.test.empty, folder.test.count, folder.val.empty) == (["b"], 1, ["b"])


def test_what_is_an_image_is_told_by_content_where_the_name_does_not_say(tmp_path):
    touch(tmp_path, "empty.jfif", "readme.txt")
    (tmp_path / "IMG_1.jpg_large").write_bytes(b"\xff\xd8\xff\xe0" + bytes(12))
    (tmp_path / "no ending").write_bytes(b"RIFF\0\0\0\0WEBPVP8 ")
    (tmp_path / "BMW.txt").write_bytes(b"BM and other words")
    os.mkfifo(tmp_path / "pipe")
    assert names(tmp_path, image_files(tmp_path)) == ["IMG_1.jpg_large", "empty.jfif", "no ending"]


def flat(root: Path, **counts: int) -> Path:
    touch(root, *(f"{label}/{number:03}.png" for label, count in counts.items() for number in range(count)))
    return root


def test_a_test_split_is_cut_class_by_class_by_seed_and_wherever_the_folder_lies(tmp_path):
    one, other = (flat(tmp_path / name, a=20, b=10, c=1, d=2) for name in ("one", "other"))
    cut = cut_test(scan(one), 0.2, 0)
    assert {label: len(paths) for label, paths in cut.test.images.items()} == {"a": 4, "b": 2, "c": 0, "d": 1}
    for label, paths in scan(one).train.images.items():
        assert sorted(cut.train.images[label] + cut.test.images[label]) == paths
    tested = names(one, cut.test.images["a"])
    assert names(other, cut_test(scan_test(other), 0.2, 0).test.images["a"]) == tested
    assert names(one, cut_test(scan(one), 0.2, 1).test.images["a"]) != tested
    assert tested == ["a/001.png", "a/004.png", "a/010.png", "a/014.png"]  # as sha256sum ranks 0/a/000.png and so on


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
