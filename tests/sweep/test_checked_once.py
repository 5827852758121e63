"""A job of a sweep is checked once: when its sweep begins, or, in a sweep that goes on, where it runs."""

from __future__ import annotations

import json
import os
from collections import Counter

import pytest
from outcomes import LRS, fail_at, results, statuses

from groundup.config import check as checking


@pytest.fixture
def checks(monkeypatch) -> list[int]:
    """The seeds of the configs whose values are looked at."""
    seen: list[int] = []
    look = checking.refuse_wrong_run

    def counted(config):
        seen.append(config["seed"])
        look(config)

    monkeypatch.setattr(checking, "refuse_wrong_run", counted)
    return seen


@pytest.fixture
def photos(tmp_path):
    for place in ("train/cat/1.png", "train/dog/1.png", "test/cat/1.png"):
        (tmp_path / "photos" / place).parent.mkdir(parents=True)
        (tmp_path / "photos" / place).touch()
    return tmp_path / "photos"


@pytest.fixture
def listed(photos, monkeypatch) -> Counter[str]:
    """How often each folder of the images was listed."""
    seen: Counter[str] = Counter()
    scandir = os.scandir

    def counted(folder="."):
        if str(folder).startswith(str(photos)):
            seen[os.path.relpath(folder, photos)] += 1
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", counted)
    return seen


FOLDERS = (".", "train", "train/cat", "train/dog", "test", "test/cat")


def test_a_job_of_a_sweep_is_checked_once(sweep, runs, checks):
    assert sweep("optimizer.lr=0.1,0.2", "seed=0,1") == 0
    assert len(runs.calls) == 4
    assert checks == [0, 1, 0, 1]


def test_a_run_alone_is_checked_once(train, runs, checks, tmp_path):
    assert train("trainer.accelerator=cpu", "seed=3", f"hydra.run.dir={tmp_path}/run") == 0
    assert checks == [3]


def test_no_word_of_a_command_says_that_a_run_was_checked(train, runs, tmp_path):
    words = ("+hydra.sweep.checked=true", "trainer.accelerator=cpu", "data.batch_size=abc")
    assert train(*words, f"hydra.run.dir={tmp_path}/run") == 2
    assert not runs.calls


def test_a_job_that_was_read_from_a_file_is_checked_where_it_runs(sweep, runs, checks, tmp_path):
    """Another version may have written it, or somebody edited it."""
    runs.behave = fail_at(1)
    assert sweep(*LRS) == 1
    file = tmp_path / "s" / "jobs.jsonl"
    jobs = [json.loads(line) for line in file.read_text().splitlines()]
    jobs[1]["config"]["data"]["batch_size"] = "abc"
    file.write_text("".join(json.dumps(job) + "\n" for job in jobs))
    checks.clear()
    runs.behave = lambda config, run_dir: None
    assert sweep(*LRS, f"sweep.resume={tmp_path}/s") == 1
    assert checks == [1]  # the one that had failed
    assert statuses(tmp_path) == ["finished", "failed", "finished", "finished"]
    assert results(tmp_path, 1)["error"] == "data.batch_size=abc: must be a whole number"


def test_memory_is_looked_at_where_a_job_runs(sweep, runs, monkeypatch, tmp_path):
    """The machine that a launcher sends it to may have less than that of the sweep."""
    from groundup.config import sizes

    def shrink(config, run_dir):
        monkeypatch.setattr(sizes, "memory", lambda: 1000)

    runs.behave = shrink
    assert sweep("seed=0,1") == 1
    assert statuses(tmp_path) == ["finished", "failed"]
    assert "this machine has" in results(tmp_path, 1)["error"]


def test_a_run_alone_looks_through_a_folder_once(train, runs, photos, listed, tmp_path):
    words = ("data=image_folder", f"data.root={photos}", "trainer.accelerator=cpu")
    assert train(*words, f"hydra.run.dir={tmp_path}/run") == 0
    assert listed == dict.fromkeys(FOLDERS, 1)


def test_a_sweep_looks_through_a_folder_once_for_all_checks_and_once_for_every_job(sweep, runs, photos, listed):
    seen = []
    runs.behave = lambda config, run_dir: seen.append(dict(listed))
    assert sweep("data=image_folder", f"data.root={photos}", "seed=0,1,2") == 0
    assert seen == [dict.fromkeys(FOLDERS, 1 + number) for number in (1, 2, 3)]


def test_a_job_sees_what_is_in_the_folder_when_it_begins(sweep, runs, photos, tmp_path):
    def remove(config, run_dir):
        (photos / "train/dog/1.png").unlink(missing_ok=True)

    runs.behave = remove
    assert sweep("data=image_folder", f"data.root={photos}", "seed=0,1") == 1
    assert statuses(tmp_path) == ["finished", "failed"]
    assert "no images in" in results(tmp_path, 1)["error"]
