"""What `results.json` says of the code that a run has trained."""

from __future__ import annotations

import subprocess

import pytest

from groundup.rundir.results import git_state


@pytest.fixture
def checkout(tmp_path):
    """A checkout with one committed file."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "net.py").write_text("width = 1\n")
    who = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    for words in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "first"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    return tmp_path


@pytest.mark.parametrize(
    ("file", "dirty"), [(None, False), ("notes.txt", False), ("src/net.py", True), ("src/new.py", True)]
)
def test_a_checkout_is_dirty_if_its_commit_would_not_repeat_the_run(checkout, file, dirty):
    if file is not None:
        (checkout / file).write_text("width = 2\n")
    state = git_state.__wrapped__(checkout)
    assert state["dirty"] is dirty
    assert len(state["commit"]) == 40


def test_outside_of_a_checkout_nothing_is_said(tmp_path):
    assert git_state.__wrapped__(tmp_path) is None
