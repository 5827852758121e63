"""`hydra/launcher=stacked`, and its jobs read by the other commands."""

from __future__ import annotations

import json
from pathlib import Path

from job_dirs import number_in

SMALL = ("model.hidden_dims=[8]", "data.limit_train=100", "trainer.max_epochs=2", "trainer.accelerator=cpu")


def results(sweep: Path) -> dict[str, dict]:
    return {str(number_in(file.parent)): json.loads(file.read_text()) for file in sorted(sweep.glob("*/results.json"))}


def test_a_sweep_in_stacks_says_which_jobs_are_in_them(command, tmp_path):
    sweep = tmp_path / "sweep"
    swept = ("model=mlp", "optimizer=sgd,numpy_sgd", "optimizer.lr=0.1,0.01", "seed=0,1", *SMALL)
    done = command("train.py", "-m", "hydra/launcher=stacked", *swept, f"hydra.sweep.dir={sweep}")
    assert done.process.exitcode == 0, done.stderr
    assert "4 jobs train at once: 0-3" in done.stdout
    counters = [line.split()[0] for line in done.stdout.splitlines() if line.startswith("[")]
    assert counters == [f"[{number}/8]" for number in range(1, 9)]
    assert "one by one: 4-7 (optimizer=numpy_sgd: only sgd, adam and adamw can be stacked)" in done.stdout
    found = results(sweep)
    assert list(found) == [str(number) for number in range(8)]
    assert {result["status"] for result in found.values()} == {"finished"}
    assert [result.get("stacked") for result in found.values()] == [4] * 4 + [None] * 4
    assert "optimizer.lr=0.01" in found["2"]["overrides"]

    run_dir = sweep / "3 sgd lr=0.01 seed=1"
    evaluated = command("evaluate.py", f"run={run_dir}", f"out={tmp_path / 'metrics.json'}")
    assert evaluated.process.exitcode == 0, evaluated.stderr
    again = json.loads((tmp_path / "metrics.json").read_text())
    assert again["test/acc"] == found["3"]["test/acc"]


def test_a_job_that_fails_in_a_stack_makes_the_sweep_fail(command, tmp_path):
    sweep = tmp_path / "sweep"
    swept = ("model=mlp", "optimizer.lr=0.1,1e30", "seed=0,1", *SMALL, "data.batch_size=20")
    done = command("train.py", "-m", "hydra/launcher=stacked", *swept, f"hydra.sweep.dir={sweep}")
    assert done.process.exitcode == 1
    assert [result["status"] for result in results(sweep).values()] == ["finished"] * 2 + ["failed"] * 2
