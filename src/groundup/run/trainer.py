"""Lightning's Trainer, from the keys of `trainer`: on what it trains, and without habits that cost time."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ProgressBar
from lightning.pytorch.loggers import Logger
from lightning.pytorch.profilers import PassThroughProfiler
from lightning.pytorch.strategies import DDPStrategy

from groundup.callbacks.checkpoints import AtomicCheckpointIO
from groundup.config.trainer_arguments import WORKING_ARGUMENTS
from groundup.errors import UserError
from groundup.learning.numpy_net import NumPyNet
from groundup.learning.predictor import Predictor
from groundup.run.failures import one_line_cause
from groundup.run.loops import use_own_loops

log = logging.getLogger(__name__)

SANITY = 2  # batches, Lightning's own number


def trainer_options(config: Mapping[str, Any], learner: LightningModule) -> dict[str, Any]:
    """The keys of the Trainer; a hand-written network puts it on the CPU."""
    options = dict(config["trainer"])
    if not isinstance(learner, Predictor):  # what it logs, and so what can be monitored, is not known before
        options["num_sanity_val_steps"] = SANITY if (asked := options.get("num_sanity_val_steps")) is None else asked
    options["accelerator"] = accelerator_for(learner, options["accelerator"], config["model"]["name"])
    if _computes_in_numpy(learner) and isinstance(options["devices"], list):
        options["devices"] = len(options["devices"])  # CPUs have no numbers
    return options


def accelerator_for(learner: LightningModule, asked: str, name: str) -> str:
    """What computes this model: what was asked for, but the CPU for a hand-written network, with a word about it."""
    if not _computes_in_numpy(learner):
        return asked
    there_is_a_gpu = torch.cuda.is_available() or torch.backends.mps.is_available()
    if asked in ("cuda", "gpu", "mps") or (asked == "auto" and there_is_a_gpu):
        log.info(f"accelerator={asked}: NumPy computes {name} on the CPU")
    return "cpu"


def _computes_in_numpy(learner: LightningModule) -> bool:
    return isinstance(getattr(learner, "net", None), NumPyNet)


class NoProfiler(PassThroughProfiler):
    """Lightning's own one that measures nothing makes a generator for each of some 50 actions a step."""

    _nothing = nullcontext()

    def profile(self, action_name: str) -> AbstractContextManager:  # type: ignore[override]
        return self._nothing


def build_trainer(
    options: Mapping[str, Any], run_dir: Path, callbacks: list[Callback], loggers: list[Logger], identity: str
) -> Trainer:
    """Lightning's Trainer, without the habits that cost time or print noise.

    Raises:
        UserError: this machine, or Lightning, has nothing of the kind that is asked for.
    """
    _refuse_absent_device(options["accelerator"], options["devices"])
    chosen: dict[str, Any] = {"profiler": NoProfiler(), "num_sanity_val_steps": 0}
    chosen |= {key: value for key, value in options.items() if key in WORKING_ARGUMENTS}  # others ask for nothing
    if torch.cuda.is_available():
        torch.set_float32_matmul_precision("high")  # TF32, which tensor cores multiply several times as fast
        chosen.setdefault("benchmark", not chosen["deterministic"])
    try:
        trainer = Trainer(
            **chosen,
            default_root_dir=run_dir,
            callbacks=callbacks,
            logger=loggers or False,
            plugins=[AtomicCheckpointIO(identity)],
            enable_progress_bar=any(isinstance(callback, ProgressBar) for callback in callbacks),
            enable_model_summary=False,
            use_distributed_sampler=False,  # the loader itself gives every process its share
        )
    except Exception as error:  # Lightning's own checks; all but those of the machine are made before
        keys = [key for key in ("accelerator", "devices", "precision", "strategy") if key in options]
        given = " ".join(f"{key}={options[key]}" for key in keys)
        raise UserError(f"trainer.{given}: {one_line_cause(error, run_dir)}") from error
    if options.get("sync_batchnorm") and isinstance(trainer.strategy, DDPStrategy) and _on_cpu(trainer):
        raise UserError("trainer.sync_batchnorm=true: PyTorch synchronises batch norms on GPUs alone; accepted: false")
    use_own_loops(trainer)
    return trainer


def _on_cpu(trainer: Trainer) -> bool:
    return trainer.strategy.root_device.type == "cpu"


def _refuse_absent_device(accelerator: str, devices: Any) -> None:
    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    present |= {"auto": True, "cpu": True, "gpu": any(present.values())}
    if not present.get(accelerator, True):  # Lightning knows of more
        accepted = ", ".join(sorted(name for name, there in present.items() if there))
        raise UserError(f"trainer.accelerator={accelerator}: this machine has none; accepted here: {accepted}")
    if isinstance(devices, list) and (accelerator == "cpu" or not present["gpu"]):
        raise UserError(
            f"trainer.devices={devices} with trainer.accelerator={accelerator}: CPUs have no numbers; accepted: a "
            "number of processes, such as 1"
        )
