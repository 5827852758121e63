"""Nothing is written or deleted through a link that leads out of the directory of a run or a sweep."""

from __future__ import annotations

import logging
import os

import pytest

from groundup.errors import UserError
from groundup.rundir.links import LogFile, leads_out, refuse_links_out_of_run, refuse_links_out_of_sweep


@pytest.fixture
def own(tmp_path):
    """A folder of the user's, with a file; beside it is the stranger's directory."""
    (tmp_path / "own" / "checkpoints").mkdir(parents=True)
    (tmp_path / "own" / "checkpoints" / "last.ckpt").write_text("mine")
    (tmp_path / "run").mkdir()
    return tmp_path / "own"


@pytest.mark.parametrize("name", ["checkpoints", "metrics.csv", "train.log", ".lock"])
def test_a_run_with_a_link_that_leads_out_is_refused(own, tmp_path, name):
    refuse_links_out_of_run(tmp_path / "run")
    (tmp_path / "run" / name).symlink_to("../own/not there yet")
    with pytest.raises(UserError, match=r"a link that leads to .*own/not there yet"):
        refuse_links_out_of_run(tmp_path / "run")


def test_a_link_that_stays_inside_and_one_above_are_no_matter(own, tmp_path):
    (tmp_path / "run" / "0").mkdir()
    (tmp_path / "run" / "checkpoints").symlink_to("0")
    (tmp_path / "by another name").symlink_to("run")
    assert not leads_out(tmp_path / "by another name", "checkpoints")
    refuse_links_out_of_run(tmp_path / "by another name")


@pytest.mark.parametrize("name", ["0", "study.db", ".processes", "1/checkpoints"])
def test_a_sweep_with_a_link_that_leads_out_is_refused(own, tmp_path, name):
    (tmp_path / "run" / "1").mkdir()
    refuse_links_out_of_sweep(tmp_path / "run")
    (tmp_path / "run" / name).symlink_to(own)
    with pytest.raises(UserError, match="a link that leads to"):
        refuse_links_out_of_sweep(tmp_path / "run")


def test_a_log_goes_into_a_file_and_through_no_link(tmp_path):
    def write(file):
        handler = LogFile(file, encoding="utf-8")
        handler.emit(logging.makeLogRecord({"msg": "a line with " + os.fsdecode(b"\xe9")}))
        handler.close()

    for _ in range(2):
        write(tmp_path / "train.log")
    assert (tmp_path / "train.log").read_text() == "a line with \\udce9\n" * 2
    (tmp_path / "profile").write_text("mine")
    (tmp_path / "link.log").symlink_to("profile")
    with pytest.raises(UserError, match=r"link\.log: a link"):
        write(tmp_path / "link.log")
    assert (tmp_path / "profile").read_text() == "mine"
