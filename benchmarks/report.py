"""What a report costs: `python benchmarks/report.py [--runs 500] [--repeats 3] [--classes 10]`.

`sweep`: seconds of `python report.py DIR` of a sweep, the start of Python included (goal: 500 runs in 20 s). `runs`: of
the same directories without what the sweep knows of them, so that every config.yaml is read. The directories are
copies of one real run on digits, of 20 epochs, with other figures: 5 seeds of a fifth as many learning rates.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from groundup.rundir.jobs import FrozenJob, write_jobs
from groundup.rundir.names import JOBS

PROJECT = Path(__file__).resolve().parents[1]
SEEDS, EPOCHS = 5, 20


def real_run(folder: Path) -> Path:
    """One run of a small network on digits."""
    words = ["model=mlp", "model.hidden_dims=[16]", f"trainer.max_epochs={EPOCHS}", "trainer.accelerator=cpu"]
    line = [sys.executable, str(PROJECT / "train.py"), *words, f"hydra.run.dir={folder}/real"]
    subprocess.run(line, check=True, capture_output=True)
    return folder / "real"


def copies(real: Path, sweep: Path, number: int, classes: int) -> None:
    """A sweep of runs like this one, each with figures of its own."""
    draw = random.Random(0)
    config = yaml.safe_load((real / "config.yaml").read_text())
    results = json.loads((real / "results.json").read_text())
    with (real / "metrics.csv").open(newline="") as file:
        epochs = list(csv.DictReader(file))
    sweep.mkdir()
    jobs = []
    for job in range(number):
        rate, seed = 0.001 * (1 + job // SEEDS), job % SEEDS
        overrides = [f"optimizer.lr={rate:g}", f"seed={seed}"]
        own = config | {"seed": seed, "optimizer": config["optimizer"] | {"lr": rate}}
        jobs.append(FrozenJob(job, overrides, own))
        shift = draw.gauss(0, 0.02) - 0.001 * (job // SEEDS)
        changed = _shifted(results, shift, classes, draw) | {"seed": seed, "overrides": overrides}
        _write(sweep / str(job), own, changed, epochs, shift)
    write_jobs(sweep, jobs)


def _shifted(results: dict[str, Any], shift: float, classes: int, draw: random.Random) -> dict[str, Any]:
    moved = {name: min(1.0, max(0.0, results[name] + shift)) for name in ("val/acc", "test/acc")}
    moved["train_seconds"] = results["train_seconds"] * (1 + abs(shift))
    right = [draw.randrange(20, 40) for _ in range(classes)]
    rows = [[right[i] if i == j else draw.randrange(3) for j in range(classes)] for i in range(classes)]
    per_class = {f"class {i}": row[i] / sum(row) for i, row in enumerate(rows)}
    return results | moved | {"test/confusion": rows, "test/per_class": per_class}


def _write(folder: Path, config: Any, results: Any, epochs: list[dict[str, str]], shift: float) -> None:
    folder.mkdir()
    (folder / "config.yaml").write_text(yaml.safe_dump(config, sort_keys=False))
    (folder / "results.json").write_text(json.dumps(results))
    with (folder / "metrics.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, epochs[0])
        writer.writeheader()
        writer.writerows(row | {"val/acc": float(row["val/acc"]) + shift} for row in epochs)


def seconds(*words: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, str(PROJECT / "report.py"), *words], check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--classes", type=int, default=10)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copies(real_run(folder), folder / "sweep", asked.runs, asked.classes)
        copies(folder / "real", folder / "runs", asked.runs, asked.classes)
        (folder / "runs" / JOBS).unlink()
        for kind in ("sweep", "runs"):
            took = sorted(seconds(f"{folder}/{kind}", f"out={folder}/report") for _ in range(asked.repeats))
            size = (folder / "report" / "report.html").stat().st_size / 2**20
            median = took[len(took) // 2]
            print(f"{asked.runs} runs, {kind}, s  {median:.1f} ({took[0]:.1f} to {took[-1]:.1f}), page {size:.1f} MiB")


if __name__ == "__main__":
    main()
