"""The checkpoint that a run goes on from: whether it is one, and of a run such as this."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule

from groundup.config.validation import shown
from groundup.data.classes import refuse_others
from groundup.errors import UserError
from groundup.learning.checkpoint import load_checkpoint, spec_in
from groundup.learning.companion import put_checkpoint
from groundup.learning.learner import Learner
from groundup.learning.torch_schedulers import TorchScheduler
from groundup.learning.training_progress import KEYS
from groundup.rundir.identity import NETWORK, refuse_another_network
from groundup.spec import DatasetSpec


def checkpoint_of(
    learner: LightningModule, spec: DatasetSpec, resume: Path, config: Mapping[str, Any]
) -> dict[str, Any]:
    """Reads the checkpoint `resume`, and puts its weights into `learner`.

    Raises:
        UserError: it is of other data, of another network or optimizer, is none of a run in training, or is further
            than this config goes.
    """
    checkpoint = load_checkpoint(resume)
    if "spec" in checkpoint:  # else it is none of a run in training, which is said below
        classes = spec_in(checkpoint, resume).class_names
        advice = "put the data back as they were, or begin a new run without resume"
        refuse_others(spec.class_names, classes, f"resume={resume} with data={spec.name}", advice)
    refuse_another_network(checkpoint, config, resume, groups=("model", "loss", "optimizer", "scheduler"))
    if isinstance(learner, Learner):
        _refuse_another_kind_of_schedule(learner, checkpoint, resume)
    _refuse_other_frozen(config, checkpoint, resume)
    put_checkpoint(learner, checkpoint, resume)  # Lightning does it too, but what does not fit is said here
    _refuse_what_is_none_in_training(checkpoint, resume)
    _refuse_less_than_was_trained(checkpoint, resume, config["trainer"])
    progress, batch_size = checkpoint["progress"], config["data"].get("batch_size")
    if progress["batch"] and progress["batch_size"] not in (None, batch_size):
        raise UserError(
            f"data.batch_size={batch_size} with resume={resume}: that run was stopped within an epoch of batches of "
            f"{progress['batch_size']}; accepted: the same"
        )
    return checkpoint


def _refuse_other_frozen(config: Mapping[str, Any], checkpoint: Mapping[str, Any], resume: Path) -> None:
    """What an optimizer remembers of each weight would be another's."""
    before, now = (checkpoint.get(NETWORK) or {}).get("freeze") or [], config.get("freeze") or []
    if before != now:
        raise UserError(f"freeze={shown(now)} with resume={resume}: that run has {shown(before)}; accepted: the same")


def _refuse_another_kind_of_schedule(learner: Learner, checkpoint: Mapping[str, Any], resume: Path) -> None:
    """A scheduler of PyTorch would begin anew in the middle, or be left out."""
    before, now = bool(checkpoint.get("lr_schedulers")), isinstance(learner.lr_schedule, TorchScheduler)
    if before != now:
        kinds = {True: "a scheduler of PyTorch", False: "a schedule that is a function of the step"}
        raise UserError(
            f"scheduler: {kinds[now]} with resume={resume}: that run has {kinds[before]}; accepted: the same"
        )


def _refuse_what_is_none_in_training(checkpoint: Mapping[str, Any], resume: Path) -> None:
    missing = {"epoch", "global_step", "loops", "optimizer_states", "progress"} - checkpoint.keys()
    missing |= KEYS - checkpoint.get("progress", {}).keys()
    if missing:
        raise UserError(
            f"resume={resume}: not a checkpoint of a run in training, or of another version of this project "
            f"(no {', '.join(sorted(missing))})"
        )


def _refuse_less_than_was_trained(checkpoint: Mapping[str, Any], resume: Path, trainer: Mapping[str, Any]) -> None:
    epochs = checkpoint["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"]
    in_mid_epoch, max_epochs = bool(checkpoint["progress"]["batch"]), trainer["max_epochs"]
    if 0 < max_epochs < epochs + in_mid_epoch:
        begun = " and a part of the next" if in_mid_epoch else ""
        raise UserError(
            f"trainer.max_epochs={max_epochs} with resume={resume}: that run has trained {epochs} epochs{begun}; "
            "accepted: at least as many"
        )
    steps, max_steps = checkpoint["global_step"], trainer.get("max_steps", -1)
    if 0 < max_steps < steps:
        raise UserError(
            f"trainer.max_steps={max_steps} with resume={resume}: that run has taken {steps} steps; accepted: at least "
            "as many"
        )
