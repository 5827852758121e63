"""How many jobs have ended, from results written by hand."""

from __future__ import annotations

import json

from groundup.rundir.jobs import FrozenJob
from groundup.sweep import tally
from groundup.sweep.tally import Tally, strays


def write(folder, status):
    folder.mkdir()
    (folder / "results.json").write_text(json.dumps({"status": status}))


def test_a_copy_of_a_job_or_a_trial_that_nobody_wrote_down_is_no_job(tmp_path):
    write(tmp_path / "0 lr=0.1 failed", "failed")  # a backup, before the sweep went on
    write(tmp_path / "0 lr=0.1", "finished")
    write(tmp_path / "1 lr=0.5", "failed")
    jobs = [FrozenJob(0, [], {}, "0 lr=0.1"), FrozenJob(1, [], {}, "1 lr=0.2")]
    found = strays(tmp_path, jobs)
    assert found == {"0 lr=0.1 failed", "1 lr=0.5"}
    counts = Tally(tmp_path, 2, found).look()
    assert (counts.ended, counts.failed) == (1, 0)


def test_a_tally_counts_what_ended_and_reads_it_once(tmp_path, monkeypatch):
    for number, status in enumerate(("finished", "failed", "interrupted")):
        (tmp_path / f"{number} seed={number}").mkdir()
        (tmp_path / f"{number} seed={number}" / "results.json").write_text(json.dumps({"status": status}))
    counts = Tally(tmp_path, 5).look()
    assert (counts.ended, counts.failed) == (2, 1)
    read = []
    monkeypatch.setattr(tally, "read_results", lambda folder: read.append(folder.name) or {})
    counts.look()
    assert read == ["2 seed=2"]
