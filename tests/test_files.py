"""Files are written whole or not at all."""

import os

import pytest

from groundup.files import plain_cell, remove_unfinished, whole, write_csv, write_whole


def test_a_file_that_fails_half_way_leaves_what_was_there(tmp_path):
    file = tmp_path / "results.json"
    write_whole(file, "before")

    def fail_half_way():
        with whole(file) as stream:
            stream.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert file.read_text() == "before"
    assert os.listdir(tmp_path) == ["results.json"]


def test_until_it_is_whole_nothing_is_seen(tmp_path):
    file = tmp_path / "results.json"
    with whole(file) as stream:
        stream.write(b"all")
        stream.flush()
        assert not file.exists()
    assert file.read_bytes() == b"all"


def test_a_link_in_its_place_is_replaced_and_not_followed(tmp_path):
    outside = tmp_path / "profile"
    outside.write_text("mine")
    (tmp_path / "run").mkdir()
    link = tmp_path / "run" / "results.json"
    link.symlink_to(outside)
    write_whole(link, "new")
    assert outside.read_text() == "mine"
    assert not link.is_symlink()
    assert link.read_text() == "new"


def test_what_killed_processes_left_is_removed_and_nothing_else(tmp_path):
    for name in (".last.ckpt.0a1b2c3d.partial", "notes.partial", "last.ckpt"):
        (tmp_path / name).touch()
    remove_unfinished(tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["last.ckpt", "notes.partial"]


def test_data_are_on_the_disk_before_the_name_is_given(tmp_path, monkeypatch):
    done = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: done.append("sync"))
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: (done.append("rename"), replace(a, b)))
    write_whole(tmp_path / "a", "x")
    assert done == ["sync", "rename", "sync"]  # the content, its name, the folder that holds the name


@pytest.mark.parametrize("cell", ["=1+1", "+cmd", "-cmd", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_cell_is_no_formula(cell):
    assert plain_cell(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["-0.5", "+1e-3", "-inf", "cat", "", -1, 0.5, None])
def test_numbers_and_words_stay_as_they_are(cell):
    assert plain_cell(cell) == cell


def test_csv(tmp_path):
    write_csv(tmp_path / "a.csv", [["class", "acc"], ["=cat", "-0.5"]])
    assert (tmp_path / "a.csv").read_bytes() == b"class,acc\r\n'=cat,-0.5\r\n"
