"""`checkpoints/last.ckpt` after every epoch and `checkpoints/best.ckpt`, each written whole or not at all."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.utilities.apply_func import apply_to_collection
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO

from groundup.checkpoint import load_checkpoint
from groundup.files import whole
from groundup.identity import KEY
from groundup.learning.learner import Learner


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes beside the target and renames, so that a killed process never leaves half a checkpoint; reads it checked.

    Args:
        identity: of the run, see `groundup.identity`.
    """

    def __init__(self, identity: str):
        self._identity = identity

    def load_checkpoint(self, path: Any, *_: Any, **__: Any) -> dict[str, Any]:
        """As `groundup.checkpoint` has it, whatever Lightning asks for."""
        return load_checkpoint(Path(path))

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        path = Path(path)
        checkpoint = apply_to_collection(checkpoint, torch.Tensor, _alone) | {KEY: self._identity}
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole(path) as file:  # opened here: a full disk is then an OSError, not torch's own riddle
            torch.save(checkpoint, file)


def _alone(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor that is part of a larger one, as itself: torch.save would write the larger one whole."""
    return tensor.clone() if tensor.untyped_storage().nbytes() > tensor.nbytes else tensor


class Checkpoints(Checkpoint):
    """Keeps the last epoch and the best one by a metric of the validation data.

    Lightning's ModelCheckpoint serialises the state twice for this, renames what it finds in its folder and depends
    on the path it was first used with; a run directory here may be moved and resumed in place.

    Args:
        monitor: the metric; without validation data the last epoch counts as the best.
        mode: `max` or `min`.
    """

    def __init__(self, monitor: str = "val/acc", mode: str = "max"):
        if mode not in ("max", "min"):
            raise ValueError(f"callbacks.checkpoints.mode={mode}: must be max or min")
        self.monitor, self.mode = monitor, mode
        self.best_score: float | None = None
        self.best_epoch: int | None = None
        self.best_metrics: dict[str, float] = {}

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Learner) -> None:  # type: ignore[override]
        logged = {name: float(value) for name, value in trainer.callback_metrics.items()}
        training = {name: value for name, value in logged.items() if name.startswith("train/")}
        is_best = self._take_score(training | pl_module.val_metrics, trainer.current_epoch)
        last = self.folder(trainer) / "last.ckpt"
        trainer.save_checkpoint(last)
        if is_best and trainer.is_global_zero:
            _copy(last, last.with_name("best.ckpt"))
        trainer.strategy.barrier("best.ckpt")  # before any process reads it

    def _take_score(self, metrics: dict[str, float], epoch: int) -> bool:
        """Notes this epoch's metrics if it is the best so far; whether it is."""
        score = metrics.get(self.monitor)
        if score is None and any(name.startswith("val/") for name in metrics):
            raise ValueError(
                f"callbacks.checkpoints.monitor={self.monitor}: no such metric; there are {', '.join(sorted(metrics))}"
            )
        if self.best_score is not None and (score is None or not self._better(score)):
            return False
        self.best_score, self.best_epoch, self.best_metrics = score, epoch, metrics
        return True

    def _better(self, score: float) -> bool:
        if self.best_score is None or math.isnan(self.best_score):
            return True
        return score > self.best_score if self.mode == "max" else score < self.best_score

    @staticmethod
    def folder(trainer: Trainer) -> Path:
        return Path(trainer.default_root_dir) / "checkpoints"

    def state_dict(self) -> dict[str, Any]:
        return {"score": self.best_score, "epoch": self.best_epoch, "metrics": self.best_metrics}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.best_score, self.best_epoch = state_dict["score"], state_dict["epoch"]
        self.best_metrics = state_dict["metrics"]


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as original, whole(target) as copy:
        shutil.copyfileobj(original, copy)
