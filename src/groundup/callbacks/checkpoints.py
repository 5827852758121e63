"""`checkpoints/last.ckpt` after every epoch, `checkpoints/best.ckpt` of the best, each written whole or not at all."""

from __future__ import annotations

import logging
import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import torch
from lightning.fabric.utilities.apply_func import apply_to_collection
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO

from groundup.callbacks.best_weights import Choice
from groundup.errors import UserError, chain
from groundup.files import whole
from groundup.learning.checkpoint import load_checkpoint
from groundup.learning.companion import course_of, put_checkpoint
from groundup.rundir.identity import KEY, STACKED
from groundup.rundir.names import BEST, CHECKPOINTS, LAST
from groundup.rundir.ranks import is_helper

log = logging.getLogger(__name__)

# Where Lightning puts those of a module and of its data, and of what class they are
HYPERPARAMETERS = {"hyper_parameters", "datamodule_hyper_parameters", "hparams_type"}


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes beside the target and renames, so that a killed process never leaves half a checkpoint; reads it checked.

    Args:
        identity: of the run, see `groundup.rundir.identity`.

    Attributes:
        marks: what every checkpoint says of its run.
    """

    def __init__(self, identity: str):
        self.marks: dict[str, Any] = {KEY: identity, STACKED: False}

    def load_checkpoint(self, path: Any, *_: Any, **__: Any) -> dict[str, Any]:
        """As `groundup.learning.checkpoint` has it, whatever Lightning asks for."""
        return load_checkpoint(Path(path))

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        path = Path(path)
        checkpoint = apply_to_collection(_without_objects(checkpoint), torch.Tensor, _alone) | self.marks
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole(path) as file:  # opened here: a full disk is then an OSError, not torch's own riddle
            _save(checkpoint, file)


def _without_objects(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """Without hyperparameters that are networks or functions, which `save_hyperparameters` keeps unless it is told.

    A checkpoint with them could not be read back safely, and nobody needs them: the run's config has them all.
    """
    kept = {key: value for key, value in checkpoint.items() if key not in HYPERPARAMETERS}
    for key in HYPERPARAMETERS & checkpoint.keys():
        if isinstance(checkpoint[key], Mapping):
            kept[key] = {name: value for name, value in checkpoint[key].items() if _is_plain(value)}
    return kept


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(map(_is_plain, (*value, *value.values())))
    return value is None or type(value) in (bool, int, float, str, torch.Tensor)


def _save(checkpoint: dict[str, Any], file: IO[bytes]) -> None:
    """As `torch.save`, but what a signal's handler raises meanwhile comes out: torch's writer puts an error over it."""
    try:
        torch.save(checkpoint, file)
    except Exception as error:
        for cause in chain(error):
            if not isinstance(cause, Exception):
                raise cause from None
        raise


def _alone(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor that is part of a larger one, as itself: torch.save would write the larger one whole."""
    return tensor.clone() if tensor.untyped_storage().nbytes() > tensor.nbytes else tensor


class Checkpoints(Checkpoint):
    """Keeps the weights of the last epoch, and the best ones by a metric of the validation data.

    Every validation can win, in the middle of an epoch too. `last.ckpt` is written first, with the choice in it, and
    `best.ckpt` is a copy of it: whatever ends the process in between, the copy is made when the run goes on.

    Lightning's ModelCheckpoint serialises the state twice for this, renames what it finds in its folder and depends
    on the path it was first used with; a run directory here may be moved and resumed in place.

    Args:
        monitor: the metric; without validation data the last epoch counts as the best.
        mode: `max` or `min`.

    Attributes:
        best: what `best.ckpt` holds; None before anything was chosen.
    """

    def __init__(self, monitor: str = "val/acc", mode: str = "max"):
        if mode not in ("max", "min"):
            raise ValueError(f"callbacks.checkpoints.mode={mode}: must be max or min")
        self.monitor, self.mode = monitor, mode
        self.best: Choice | None = None
        self._begins_anew = False

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        course = course_of(trainer, pl_module)
        if trainer.sanity_checking or self.monitor not in course.val_metrics_now:
            return
        if trainer.fit_loop.epoch_loop.done:
            return  # the epoch ends here, and its end saves
        choice = self._choice(trainer, course.train_metrics() | course.val_metrics_now)
        if choice.score is not None and self._is_better(choice):
            self._save(trainer, choice)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        course = course_of(trainer, pl_module)
        choice = self._choice(trainer, course.trained | course.val_metrics_now)
        if self._is_better(choice):
            self._save(trainer, choice)
        else:
            trainer.save_checkpoint(self.folder(trainer) / LAST.name)

    def _choice(self, trainer: Trainer, metrics: dict[str, float]) -> Choice:
        score = metrics.get(self.monitor)
        if score is None and any(name.startswith("val/") for name in metrics):
            raise ValueError(
                f"callbacks.checkpoints.monitor={self.monitor}: no such metric; there are {', '.join(sorted(metrics))}"
            )
        return Choice(trainer.current_epoch, score, metrics, trainer.global_step)

    def _is_better(self, choice: Choice) -> bool:
        if self.best is None or self.best.score is None:
            return True
        if choice.score is None:
            return False
        if math.isnan(self.best.score):
            return True
        return choice.score > self.best.score if self.mode == "max" else choice.score < self.best.score

    def _save(self, trainer: Trainer, choice: Choice) -> None:
        """Saves the weights as they are as the last and as the best."""
        before, self.best = self.best, choice
        last = self.folder(trainer) / LAST.name
        try:
            trainer.save_checkpoint(last)
            if trainer.is_global_zero:
                _copy(last, last.with_name(BEST.name))
        except BaseException:
            self.best = before  # which best.ckpt still holds: results.json shall not say another
            raise
        trainer.strategy.barrier("best.ckpt")  # before any process reads it

    @staticmethod
    def folder(trainer: Trainer) -> Path:
        return Path(trainer.default_root_dir) / CHECKPOINTS

    # Going on

    def state_dict(self) -> dict[str, Any]:
        return {"monitor": self.monitor, "mode": self.mode} | (self.best.state() if self.best else {})

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        if not self._begins_anew:
            self.best = Choice.of(state_dict)

    def go_on(self, resume: Path, checkpoint: dict[str, Any], folder: Path) -> None:
        """Sees to it that `best.ckpt` in `folder` holds the weights that a checkpoint to go on from names as best.

        They may lack there because the process was ended before they were copied, or because the run is a new one. If
        they are nowhere, a new run chooses anew, and says so.

        Raises:
            UserError: that run chose by another measure, or its own `best.ckpt` is missing or holds others.
        """
        state = checkpoint.get("callbacks", {}).get(self.state_key, {})
        self._refuse_another_measure(state, resume)
        best = Choice.of(state)
        if best is None:
            return
        is_its_own = best.is_of(checkpoint, self.state_key)
        source = resume if is_its_own else best.find([folder / BEST.name, resume.with_name(BEST.name)], self.state_key)
        if source is None:
            self._choose_anew(best, resume, folder)
        elif source != folder / BEST.name and not is_helper():
            _copy(source, folder / BEST.name)

    def _refuse_another_measure(self, state: dict[str, Any], resume: Path) -> None:
        for key, now in (("monitor", self.monitor), ("mode", self.mode)):
            before = state.get(key, now)  # version 0.1 did not note it
            if before != now:
                raise UserError(
                    f"callbacks.checkpoints.{key}={now} with resume={resume}: that run chose its best by "
                    f"{key}={before}; accepted: the same"
                )

    def _choose_anew(self, best: Choice, resume: Path, folder: Path) -> None:
        if folder.resolve() == resume.parent.resolve():
            found = "holds other weights" if (folder / BEST.name).exists() else "is missing"
            raise UserError(
                f"resume={resume}: {BEST.name} beside it {found}; the best weights so far are those of epoch "
                f"{best.epoch + 1}; accepted: that file in its place, or a copy of {resume.name} elsewhere; a new run "
                "then chooses its best anew"
            )
        self._begins_anew = True
        log.warning(
            f"resume={resume}: the weights of its best epoch, {best.epoch + 1}, are not beside it as {BEST.name}; "
            "the best epoch is chosen among those trained from here on"
        )

    def load(self, learner: LightningModule, folder: Path) -> None:
        """Puts the best weights into `learner`.

        Raises:
            UserError: there are none, or `best.ckpt` no longer holds them.
        """
        if self.best is None:
            raise UserError("resume: that run has nothing left to train, and its best weights are not there")
        checkpoint = load_checkpoint(folder / BEST.name)
        put_checkpoint(learner, checkpoint, folder / BEST.name)
        if not self.best.is_of(checkpoint, self.state_key):
            raise UserError(f"{folder / BEST.name}: holds other weights than this run has saved there")


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with source.open("rb") as original, whole(target) as copy:
        shutil.copyfileobj(original, copy)
