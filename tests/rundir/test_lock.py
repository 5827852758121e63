"""Whose a directory is."""

from __future__ import annotations

import os
import threading

import pytest

from groundup.rundir.lock import Held, holding, is_held
from groundup.rundir.names import LOCK


def test_a_lock_is_seen_while_it_is_held_and_not_before_or_after(tmp_path):
    file = tmp_path / LOCK
    assert not is_held(file)
    assert not file.exists()  # a look makes nothing
    with holding(file):
        assert is_held(file)
    assert not is_held(file)
    with holding(file):  # and can be held again
        assert is_held(file)


def test_only_one_holds_a_lock(tmp_path):
    with holding(tmp_path / LOCK), pytest.raises(Held), holding(tmp_path / LOCK):
        raise AssertionError("held twice")


def test_those_who_look_see_neither_one_another_nor_hinder_who_begins(tmp_path):
    """Of 2,000 runs that began while somebody asked at every moment, 26 were refused; none may be."""
    file = tmp_path / LOCK
    file.touch()
    done = threading.Event()
    wrong: list[bool] = []

    def look() -> None:
        while not done.is_set():
            wrong.append(is_held(file))

    readers = [threading.Thread(target=look) for _ in range(3)]
    for reader in readers:
        reader.start()
    while len(wrong) < 500:
        pass
    seen_free = not any(wrong)
    for _ in range(200):
        with holding(file):
            pass
    done.set()
    for reader in readers:
        reader.join()
    assert seen_free


@pytest.mark.parametrize("kind", ["folder", "pipe", "dead link", "unreadable"])
def test_what_is_no_lock_is_held_by_nobody(tmp_path, kind):
    file = tmp_path / LOCK
    if kind == "folder":
        file.mkdir()
    elif kind == "pipe":
        os.mkfifo(file)
    elif kind == "dead link":
        file.symlink_to(tmp_path / "nowhere")
    else:
        file.touch(mode=0)
    assert not is_held(file)
