"""How many jobs have ended, from results written by hand."""

from __future__ import annotations

import json

from groundup.sweep import tally
from groundup.sweep.tally import Tally


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
