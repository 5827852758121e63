"""`python report.py` on runs that were really made."""

from __future__ import annotations

import csv
import json
import os

import pytest


def rows(file):
    return list(csv.DictReader(file.open()))


def test_runs_on_digits(command, digits_run, tmp_path):
    done = command("report.py", str(digits_run), "out=../report")
    assert done.wait() == 0, done.stderr
    assert done.stderr == ""
    results = json.loads((digits_run / "results.json").read_text())
    assert done.stdout.splitlines()[-1] == "report: ../report/report.html"
    [row] = rows(tmp_path / "report" / "configurations.csv")
    assert float(row["test/acc"]) == results["test/acc"]
    counts = [int(row["count"]) for row in rows(tmp_path / "report" / "confusion.csv")]
    assert counts == [count for row in results["test/confusion"] for count in row]
    assert sum(counts) == 359  # every image of the test split
    curves = [row for row in rows(tmp_path / "report" / "curves.csv") if row["metric"] == "val/acc"]
    assert [row["epoch"] for row in curves] == ["1", "2", "3", "4"]


@pytest.mark.slow
@pytest.mark.real_data
def test_a_sweep_on_mnist(command, tmp_path):
    root = os.environ.get("GROUNDUP_REAL_DATA")
    if root is None:
        pytest.skip("GROUNDUP_REAL_DATA is not set")
    words = ["model=mlp,lenet", "seed=0,1", "data=mnist", f"data.root={root}", "data.limit_train=6000"]
    done = command("train.py", "-m", *words, "trainer.max_epochs=2", "trainer.accelerator=cpu", "hydra.sweep.dir=../s")
    assert done.wait() == 0, done.stderr
    done = command("report.py", "../s")
    assert done.wait() == 0, done.stderr
    report = tmp_path / "s" / "report"
    plots = ("accuracy", "curves", "pareto-parameters", "pareto-train_seconds", "classes", "confusion-1")
    assert {f"{name}.png" for name in plots} <= {path.name for path in report.iterdir()}
    sweep, ours = rows(tmp_path / "s" / "sweep.csv"), rows(report / "configurations.csv")
    assert [{**row, "number": str(number)} for number, row in enumerate(sweep, start=1)] == ours
    by_run = [json.loads(file.read_text()) for file in sorted((tmp_path / "s").glob("*/results.json"))]
    for row in rows(report / "comparison.csv"):
        of_seed = [result["test/acc"] for result in by_run if result["seed"] == int(row["seed"])]
        assert abs(float(row["difference"])) == pytest.approx(abs(of_seed[0] - of_seed[1]), abs=1e-12)
    assert sum(map(sum, by_run[0]["test/confusion"])) == 10_000
