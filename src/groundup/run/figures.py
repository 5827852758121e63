"""What `results.json` says of a run, as it comes to be known."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import torch

from groundup.paths import find_checkout, home
from groundup.run.parts import Parts
from groundup.rundir.results import git_state, versions

log = logging.getLogger(__name__)

# In results.json from the start, null until they are known.
UNKNOWN_YET = (
    *("test/acc", "test/loss", "val/acc", "val/loss", "train/loss", "best_epoch", "epochs", "steps"),
    *("train_seconds", "samples_per_second", "parameters", "device"),
)


def first_results(config: Mapping[str, Any], overrides: list[str]) -> dict[str, Any]:
    """What is known before the run begins."""
    return dict.fromkeys(UNKNOWN_YET) | {
        "status": "failed",  # until it is known better
        "model": config["model"]["name"],
        "data": config["data"]["name"],
        "seed": config["seed"],
        "init_from": config.get("init_from"),
        "overrides": overrides,
        "versions": versions(),
        "git": git_state(home().project or find_checkout()),
    }


def describe(parts: Parts) -> dict[str, Any]:
    """What is known once the run is assembled."""
    device = parts.trainer.strategy.root_device
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "devices": parts.trainer.num_devices,
        "parameters": sum(p.numel() for p in parts.learner.parameters()),
    }


def training_figures(parts: Parts) -> dict[str, Any]:
    """What `results.json` says of the training, as far as it has come."""
    learner, trainer = parts.learner, parts.trainer
    seconds = learner.progress.seconds
    figures: dict[str, Any] = {
        "epochs": trainer.fit_loop.epoch_progress.current.started,  # type: ignore[attr-defined]
        "steps": trainer.global_step,
        "train_seconds": round(seconds, 3),
        "samples_per_second": round(learner.progress.samples(trainer) / seconds, 1) if seconds else None,
    }
    best = parts.checkpoints.best if parts.checkpoints else None
    return figures | best.metrics | {"best_epoch": best.epoch} if best else figures


def take_test(parts: Parts, results: dict[str, Any], metrics: Mapping[str, float]) -> None:
    """Puts the test metrics, none if nothing was tested, into `results` and into the log."""
    if not metrics:
        log.info("no test split, or none of it asked for: no test metrics")
        return
    results |= metrics
    tested = parts.learner.evaluated
    results["test/per_class"] = dict(zip(parts.spec.class_names, tested.per_class, strict=True))
    results["test/confusion"] = tested.confusion.tolist()
    if parts.trainer.is_global_zero:
        log.info("test  " + "  ".join(f"{name} {value:.4f}" for name, value in metrics.items()))
