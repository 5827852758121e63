"""`python train.py` as a user starts it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from launch import PROJECT


def test_train_runs_from_anywhere_and_its_log_has_what_the_terminal_showed(tmp_path):
    words = ["model=mlp", "model.hidden_dims=[16]", "trainer.max_epochs=2", "trainer.accelerator=cpu"]
    line = [sys.executable, str(PROJECT / "train.py"), *words, "hydra.run.dir=here/run"]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, env=os.environ | {"COLUMNS": "80"})
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    run_dir = tmp_path / "here" / "run"
    results = json.loads((run_dir / "results.json").read_text())
    assert results["status"] == "finished"
    assert results["overrides"] == words
    assert results["test/acc"] > 0.6
    assert "epoch   2/2" in done.stdout
    assert f"{results['test/acc']:.4f}" in done.stdout
    log = (run_dir / "train.log").read_text()
    assert all(shown in log for shown in done.stdout.splitlines())
    assert [path.name for path in tmp_path.iterdir()] == ["here"]  # nothing is written but the run directory
