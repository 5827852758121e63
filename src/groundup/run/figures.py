"""What `results.json` says of a run, as it comes to be known."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import torch
from lightning.pytorch.utilities.model_helpers import is_overridden

from groundup.data.module import ImageData
from groundup.learning.answers import OF_ANSWERS
from groundup.learning.companion import Companion
from groundup.learning.learner import Learner
from groundup.models.summary import ModelSummary
from groundup.paths import find_checkout, home
from groundup.run.costs import macs_of, size_on_disk
from groundup.run.parts import Parts
from groundup.rundir.results import git_state, versions

log = logging.getLogger(__name__)

# In results.json from the start, null until they are known.
UNKNOWN_YET = (
    *("test/acc", "test/loss", "val/acc", "val/loss", "train/loss", "best_epoch", "epochs", "steps"),
    *("train_seconds", "samples_per_second", "parameters", "macs", "size_on_disk", "peak_memory", "device"),
)

ENTRIES = {  # that are no metrics
    *(name for name in UNKNOWN_YET if "/" not in name),
    *("status", "reason", "model", "data", "seed", "overrides", "versions", "git", "error", "devices", "stacked"),
    *("init_from", "run_dir", "kind", "suggested_lr", "test/per_class", "test/confusion", "temperature"),
    "normalisation",
}


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


def describe(parts: Parts, layers: ModelSummary) -> dict[str, Any]:
    """What is known once the run is assembled."""
    device = parts.trainer.strategy.root_device
    measured = isinstance(parts.data, ImageData) and parts.data.measures
    used = {"mean": list(parts.spec.mean), "std": list(parts.spec.std)}
    return ({"normalisation": used} if measured else {}) | {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "devices": parts.trainer.num_devices,
        "parameters": sum(p.numel() for p in parts.module.parameters()),
        "macs": macs_of(parts.module, parts.spec, layers),
    }


def training_figures(parts: Parts) -> dict[str, Any]:
    """What `results.json` says of the training, as far as it has come."""
    course, trainer = parts.course, parts.trainer
    seconds = course.progress.seconds
    samples = course.progress.samples(trainer)
    figures: dict[str, Any] = {
        "epochs": trainer.fit_loop.epoch_progress.current.started,  # type: ignore[attr-defined]
        "steps": trainer.global_step,
        "train_seconds": round(seconds, 3),
        "samples_per_second": round(samples / seconds, 1) if seconds and samples else None,
        "size_on_disk": size_on_disk(parts.module),
    }
    best = parts.checkpoints.best if parts.checkpoints else None
    return figures | _metrics(parts, best.metrics) | {"best_epoch": best.epoch} if best else figures


def take_test(parts: Parts, results: dict[str, Any], metrics: Mapping[str, float]) -> None:
    """Puts the test metrics, none if nothing was tested, into `results` and into the log."""
    if isinstance(parts.course, Companion):
        metrics = parts.course.tested
    if not metrics:
        why = "no test split, none of it asked for, or nothing logged of it"
        if not is_overridden("test_step", parts.module):
            why = "the model has no test_step"
        log.info(f"{why}: no test metrics")
        return
    results |= _metrics(parts, metrics)
    if isinstance(parts.module, Learner):
        tested = parts.module.evaluated
        results["test/per_class"] = dict(zip(parts.spec.class_names, tested.per_class, strict=True))
        results["test/confusion"] = tested.confusion.tolist()
    if parts.trainer.is_global_zero:
        said = {name: value for name, value in metrics.items() if name.partition("/")[2] not in OF_ANSWERS}
        log.info("test  " + "  ".join(f"{name} {value:.4f}" for name, value in said.items()))


def _metrics(parts: Parts, metrics: Mapping[str, float]) -> dict[str, float]:
    """Metrics as results have them; what a module logs by the name of another entry is in metrics.csv alone."""
    return {name: value for name, value in parts.course.figures(dict(metrics)).items() if name not in ENTRIES}
