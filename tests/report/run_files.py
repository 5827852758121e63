"""Run directories, written by hand."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import yaml

CONFIG: dict[str, Any] = {
    "seed": 0,
    "resume": None,
    "data": {"_target_": "a.b", "name": "digits", "root": "/somewhere", "batch_size": 64},
    "model": {"_target_": "a.b", "name": "mlp", "hidden_dims": [16]},
    "loss": {"name": "cross_entropy"},
    "optimizer": {"name": "sgd", "lr": 0.1},
    "scheduler": {"name": "constant"},
    "trainer": {"max_epochs": 2},
}


def make_config(seed: int = 0, **groups: dict[str, Any]) -> dict[str, Any]:
    changed = {name: CONFIG[name] | values for name, values in groups.items()}
    return CONFIG | {"seed": seed} | changed


def make_results(seed: int = 0, test: float = 0.9, val: float | None = 0.9, **others: Any) -> dict[str, Any]:
    """Of a finished run on three classes of ten images."""
    results = {
        "status": "finished",
        "test/acc": test,
        "test/loss": 0.25,
        "val/acc": val,
        "train_seconds": 2.0,
        "parameters": 1000,
        "seed": seed,
        "model": "mlp",
        "data": "digits",
        "device": "cpu",
        "overrides": [f"seed={seed}"],
        "versions": {"python": "3.11.7", "torch": "2.15.0"},
        "git": {"commit": "abc123", "dirty": False},
        "test/per_class": {"ant": 1.0, "bee": 0.8, "cat": 0.9},
        "test/confusion": [[10, 0, 0], [2, 8, 0], [0, 1, 9]],
    }
    return results | {name.replace("__", "/"): value for name, value in others.items()}


def write_run(
    path: Path,
    results: dict[str, Any] | None,
    config: dict[str, Any] | None = None,
    accuracies: tuple[float, ...] = (0.5, 0.9),
) -> Path:
    """A run directory; without results, or without epochs, where none are given."""
    path.mkdir(parents=True)
    if config is not None:
        (path / "config.yaml").write_text(yaml.safe_dump(config))
    if results is not None:
        (path / "results.json").write_text(json.dumps(results))
    rows = [
        {"epoch": i, "step": 10 * i, "train/loss": 1 - a, "train/acc": a, "val/loss": 1 - a, "val/acc": a}
        for i, a in enumerate(accuracies)
    ]
    if rows:
        with (path / "metrics.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)
    return path
