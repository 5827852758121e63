"""What a run knows of a LightningModule that knows nothing of it: its clock, its random numbers, what it has logged."""

from __future__ import annotations

import dataclasses
import logging
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.trainer.states import TrainerFn
from lightning.pytorch.utilities.model_helpers import is_overridden

from groundup.borrowed.lightning import (
    logged_for_steps_alone,
    logged_in_test,
    logged_in_training,
    logged_in_validation,
)
from groundup.borrowed.torchmetrics import counted, put_counted
from groundup.errors import UserError
from groundup.learning.checkpoint import load_checkpoint, put_weights
from groundup.learning.continued import Continued, SeededEvaluation
from groundup.learning.image_count import ImageCount, images_in
from groundup.learning.learner import Learner
from groundup.learning.predictor import Predictor, Validation
from groundup.learning.training_progress import TrainingProgress, steps_of
from groundup.spec import DatasetSpec

log = logging.getLogger(__name__)

ACCURACIES = ("train/acc", "val/acc", "test/acc")


OF_OTHER_SPLITS = {  # names that say so, by the split in which they are logged
    "train": re.compile(r"test([/_.]|$)"),  # figures of a validation may be logged at the end of an epoch
    "val": re.compile(r"(train|test)([/_.]|$)"),
    "test": re.compile(r"(train|val|valid|validation)([/_.]|$)"),
}


class Tested(SeededEvaluation):
    """Keeps what a module logs of a test.

    Attributes:
        tested: by name, what it has logged.
    """

    def __init__(self, seed: int):
        super().__init__(seed)
        self.tested: dict[str, float] = {}
        self._told: set[str] = set()

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.tested = self.own("test", logged_in_test(trainer))

    def own(self, split: str, metrics: dict[str, float]) -> dict[str, float]:
        """Metrics but for those that bear another split's name: its figures would be taken for that one's.

        A `test_step` that calls `validation_step` logs `val/acc` of test images.
        """
        others = {name for name in metrics if OF_OTHER_SPLITS[split].match(name)}
        if new := sorted(name for name in others if f"{split}: {name}" not in self._told):
            self._told |= {f"{split}: {name}" for name in new}
            log.warning(f"{', '.join(new)}: logged in {split} under the name of another split, and left out")
        return {name: value for name, value in metrics.items() if name not in others}


class Companion(Tested, Continued, Checkpoint):
    """Keeps for a LightningModule of somebody else's what a `Learner` keeps for itself, and changes nothing of it.

    What the module logs as figures of an epoch is what is known of it: `val/acc` is what it logs by that name.

    A Checkpoint to Lightning, so that at the end of an epoch it comes after the module's own hook.

    Args:
        module: whose training this is.
        spec: the data set; stored in checkpoints.
        seed: of what a step draws, from (seed, step, process) alone: from generators of torch, NumPy and Python.
        parts: callbacks of the run by their keys, to be named where they go by a metric that there is not.

    Attributes:
        net: the module, as callbacks look at its layers.
        total_steps: of the training; 0 until it begins.
        rate: learning rate of the last step; None where there are several optimizers.
        progress: how far training is.
        trained: what the module has logged of the last epoch of training.
        validation: what it has logged of the last validation.
    """

    def __init__(self, module: LightningModule, spec: DatasetSpec, seed: int, parts: Mapping[str, Callback]):
        super().__init__(seed)
        self.net, self.spec, self._parts = module, spec, parts
        self.total_steps = 0
        self.rate: float | None = None
        self.progress = TrainingProgress(ImageCount)
        self.trained: dict[str, float] = {}
        self.validation = Validation()
        self._validated: set[str] | None = None  # names that a validation logs; None: there is none, or it is not known
        self._counted: dict[str, Any] = {}
        self._gradients: dict[str, torch.Tensor] = {}
        self._weights = set(module.state_dict())

    @property
    def val_metrics(self) -> dict[str, float]:
        """What was logged of this epoch's last validation; empty where it was not validated."""
        return self.validation.metrics if self.validation.epoch == self.net.trainer.current_epoch else {}

    @property
    def val_metrics_now(self) -> dict[str, float]:
        """Of the weights as they are; empty where a step was taken since the last validation."""
        return self.validation.metrics if self.validation.step == self.net.trainer.global_step else {}

    def train_metrics(self) -> dict[str, float]:
        """Nothing: what a module logs is a figure when the epoch has ended, see `trained`."""
        return {}

    def figures(self, metrics: dict[str, float]) -> dict[str, float]:
        """Metrics as results have them, see `fractions`."""
        return fractions(metrics, self._told)

    # Before training: what is monitored must be logged, what is saved must be readable

    def on_sanity_check_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._before_check = counted(pl_module)

    def on_sanity_check_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        put_counted(pl_module, self._before_check)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.enable_validation or not sum(trainer.num_val_batches):
            self._refuse_monitors_without_validation(trainer, pl_module)
        self.total_steps, _ = steps_of(trainer)
        self.progress.begin(trainer)
        self.progress.go_on_within_epoch(trainer)
        super().on_train_start(trainer, pl_module)
        self._refuse_late_layers(pl_module)
        self._put_gradients(pl_module)
        if not self.progress.is_resumed:
            self._try_checkpoint(trainer)

    def _refuse_late_layers(self, module: LightningModule) -> None:
        """Of layers that a hook has made, nothing that reads the run again would know."""
        if late := sorted(self._weights ^ set(module.state_dict())):
            raise UserError(
                f"model: {type(module).__name__} makes or takes away {', '.join(late[:3])} in a hook such as setup; "
                "accepted: layers made in __init__ or configure_model"
            )

    def _monitors(self, trainer: Trainer) -> Iterator[tuple[str, str]]:
        """Who goes by a metric, as a key of the config, and by which."""
        for name, callback in self._parts.items():
            if isinstance(monitor := getattr(callback, "monitor", None), str):
                yield f"callbacks.{name}.monitor", monitor
        for callback in trainer.callbacks:  # type: ignore[attr-defined]
            is_its_own = callback not in self._parts.values() and getattr(callback, "strict", True)
            if is_its_own and isinstance(monitor := getattr(callback, "monitor", None), str):
                yield f"model: monitor of its {type(callback).__name__}", monitor
        for config in trainer.lr_scheduler_configs:
            if config.reduce_on_plateau and config.monitor is not None:
                yield "model: monitor of its scheduler", config.monitor

    def _refuse_monitors(self, trainer: Trainer, logged: Collection[str]) -> None:
        for place, monitor in self._monitors(trainer):
            if monitor not in logged and monitor.startswith("val"):
                accepted = f"{place}=NAME, and mode=min beside it where less is better"
                raise UserError(
                    f"{place}={monitor}: the model logs no such metric; in validation it logs "
                    f"{', '.join(sorted(logged)) or 'nothing'}; accepted: "
                    f"{'one of these' if place.startswith('model') else accepted}"
                )

    def _try_checkpoint(self, trainer: Trainer) -> None:
        """Refuses a module whose checkpoints could not be read back, by way of its `on_save_checkpoint`, say."""
        with TemporaryDirectory(dir=trainer.default_root_dir) as folder:
            file = Path(folder) / "trial.ckpt"
            trainer.save_checkpoint(file)
            try:
                load_checkpoint(file)
            except UserError as error:
                raise UserError(
                    f"model: what its checkpoints hold could not be read back {str(error).partition('values ')[2]}; "
                    "accepted: tensors and plain containers, in state_dict and on_save_checkpoint"
                ) from error

    def _refuse_monitors_without_validation(self, trainer: Trainer, module: LightningModule) -> None:
        lacks = "the model has no validation_step" if not is_overridden("validation_step", module) else "no validation"
        for place, monitor in self._monitors(trainer):
            if not monitor.startswith("val"):
                continue
            if place != "callbacks.checkpoints.monitor":
                raise UserError(f"{place}={monitor}: {lacks}; accepted: a metric that it logs in training, or null")
            log.info(f"{lacks}: the last epoch counts as the best")

    # The course of a training

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        if self._counted:
            put_counted(pl_module, self._counted)
            self._counted = {}
        self.progress.meter.add(images_in(batch))
        groups = trainer.optimizers[0].param_groups if len(trainer.optimizers) == 1 else [{}]
        self.rate = float(groups[0]["lr"]) if "lr" in groups[0] else None
        super().on_train_batch_start(trainer, pl_module, batch, batch_idx)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        if self.progress.meter.full or trainer.is_last_batch:
            for callback in trainer.callbacks:  # type: ignore[attr-defined]
                if hook := getattr(callback, "on_steps_logged", None):
                    hook(trainer, self)
            self.progress.meter.read(trainer.global_step)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        metrics = self.own("val", logged_in_validation(trainer))
        if trainer.sanity_checking:
            self._validated = set(metrics)
            self._refuse_monitors(trainer, metrics)
            return
        self.validation = Validation(trainer.current_epoch, trainer.global_step, metrics)
        super().on_validation_end(trainer, pl_module)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        super().on_train_epoch_end(trainer, pl_module)
        self.trained = self.own("train", logged_in_training(trainer))
        if "train/loss" in logged_for_steps_alone(trainer) and "train/loss" not in self._told:
            self._told.add("train/loss")
            log.info("train/loss is logged for steps alone, so no epoch has one; log it with on_epoch=True")
        self.progress.end_epoch(trainer)
        self._refuse_what_nobody_logs(trainer)

    def _refuse_what_nobody_logs(self, trainer: Trainer) -> None:
        """What is neither a metric of training, now known, nor of validation."""
        known = {*self.trained, *(self._validated or ()), *self.validation.metrics}
        was_validated = self._validated is not None or self.validation.epoch >= 0
        for place, monitor in self._monitors(trainer):
            if monitor not in known and (was_validated or not monitor.startswith("val")):
                listed = ", ".join(sorted(known)) or "nothing"
                raise UserError(
                    f"{place}={monitor}: the model logs no such metric; it logs {listed}; accepted: one of these"
                )

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.progress.end()

    # Checkpoints

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(trainer, pl_module, checkpoint)
        checkpoint["spec"] = self.spec.plain()
        if trainer.state.fn == TrainerFn.FITTING:
            state = self.progress.state(trainer)
            within: dict[str, Any] = {}
            if state["batch"]:
                within["counted"] = self._counted or counted(pl_module)
            if not pl_module.automatic_optimization:  # which may gather them over several batches
                grads = {name: p.grad for name, p in pl_module.named_parameters() if p.grad is not None}
                within |= {"gradients": grads} if grads else {}
            validation = dataclasses.asdict(self.validation)
            checkpoint["progress"] = state | within | {"validation": validation}

    def on_load_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        state = checkpoint["progress"]
        self.progress.load(state)
        self.validation = Validation(**state.get("validation", {}))
        super().on_load_checkpoint(trainer, pl_module, checkpoint)
        self._counted = dict(state.get("counted", {}))
        self._gradients = dict(state.get("gradients", {}))

    def _put_gradients(self, module: LightningModule) -> None:
        """Those that a module which steps its optimizers itself had when it was stopped."""
        for name, parameter in module.named_parameters() if self._gradients else ():
            if name in self._gradients:
                parameter.grad = self._gradients[name].to(parameter.device)
        self._gradients = {}


def course_of(trainer: Trainer, module: LightningModule) -> Any:
    """What callbacks ask how a training goes: a `Learner` itself, or the `Companion` of another LightningModule."""
    if isinstance(module, LightningModule) and not isinstance(module, Learner):
        return next(each for each in trainer.callbacks if isinstance(each, Companion))  # type: ignore[attr-defined]
    return module


def fractions(metrics: dict[str, float], told: set[str]) -> dict[str, float]:
    """Metrics without accuracies that are no fractions of 1: 95.3 is no such figure, and 0.953 nobody has logged.

    Args:
        metrics: by name.
        told: of which this has been said; changed.
    """
    wrong = {name for name in ACCURACIES if metrics.get(name, 0.0) < 0 or metrics.get(name, 0.0) > 1}
    for name in sorted(wrong - told):
        log.warning(
            f"{name}={metrics[name]:.4g}, as the model logs it, is no fraction of 0..1; the results leave it out"
        )
    told |= wrong
    return {name: value for name, value in metrics.items() if name not in wrong}


def put_checkpoint(module: LightningModule, checkpoint: dict[str, Any], path: Path) -> None:
    """Puts what a checkpoint holds into a module, as Lightning does when it trains: its own hook sees it first.

    Raises:
        UserError: see `put_weights`.
    """
    if not isinstance(module, Predictor):  # of which the hook has the progress of training, and nothing else
        module.on_load_checkpoint(dict(checkpoint))
    put_weights(module, checkpoint, path)
