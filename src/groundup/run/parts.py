"""From a checked config to the parts of a run: data, network, learner, Trainer."""

from __future__ import annotations

import logging
import random
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping

from groundup.callbacks.checkpoints import AtomicCheckpointIO, Checkpoints
from groundup.callbacks.early_stop import EarlyStopHolds
from groundup.callbacks.interrupt import StopOnSignal
from groundup.callbacks.prune import Judge, Prune
from groundup.config.image_sizes import look_at_images
from groundup.config.own_code import CODE, code_of, warn_of_other_code
from groundup.config.rooms import are_ours, options_of
from groundup.data.module import ImageData
from groundup.errors import UserError
from groundup.learning.captured_classifier import CapturedClassifier, not_captured
from groundup.learning.classifier import Classifier
from groundup.learning.companion import Companion
from groundup.learning.continued import Continued
from groundup.learning.learner import Learner
from groundup.learning.numpy_net import NumPyNet
from groundup.learning.predictor import Predictor
from groundup.learning.pretrained import begin_pretrained
from groundup.models.backbone import Backbone
from groundup.run import kinds
from groundup.run.accompany import accompany
from groundup.run.begin import begin_from, keep_frozen
from groundup.run.callbacks import build_callbacks
from groundup.run.learners import build_learner, build_predictor
from groundup.run.loggers import Loggers
from groundup.run.resume_from import checkpoint_of
from groundup.run.schedules import try_scheduler
from groundup.run.trainer import build_trainer, trainer_options
from groundup.run.trials import check_output, try_network, try_state
from groundup.rundir.identity import NETWORK, identity_in, network_of, new_identity
from groundup.seeds import mix_seed
from groundup.spec import DatasetSpec

log = logging.getLogger(__name__)


@dataclass
class Parts:
    """What a run consists of."""

    spec: DatasetSpec
    data: LightningDataModule
    module: LightningModule
    course: Learner | Companion  # what is known of its training: of a Learner, itself
    trainer: Trainer
    checkpoints: Checkpoints | None
    loggers: Loggers
    compile: bool
    identity: str
    first_step: int  # steps that were taken before this part of the run
    prune: Prune | None  # of a study that gives runs up
    rebuild: Callable[[], Predictor | LightningModule] | None  # as evaluate.py does; None where model and loss are ours

    @property
    def learner(self) -> Learner:
        """The module, where it is a Learner."""
        assert isinstance(self.module, Learner), "asked of learners alone"
        return self.module


def assemble(
    config: Mapping[str, Any],
    run_dir: Path,
    stop: StopOnSignal,
    resume: Path | None = None,
    spec: DatasetSpec | None = None,
    judge: Judge | None = None,
) -> Parts:
    """Builds data, network, learner and trainer of a config; its `spec` too, where nobody has made it before."""
    seed = config["seed"]
    spec, read = kinds.measured(config["data"], spec or look_at_images(config), seed)
    seed_everything(seed)
    learner = build_learner(config, spec)
    is_ours = options_of("model", config["model"]) is not None
    data = kinds.data(config["data"], spec, seed, learner.passes if isinstance(learner, Learner) else 1)
    if isinstance(data, ImageData):
        data.splits |= read
    _try(config, learner, spec, is_ours)
    if config["trainer"].get("capture") and not isinstance(learner, CapturedClassifier):
        log.warning(not_captured(f"model={config['model']['name']} has a step of its own"))
    _refuse_empty_test(config, spec)
    callbacks = build_callbacks(config)
    course = learner if isinstance(learner, Learner) else accompany(learner, spec, config, callbacks)
    if isinstance(learner, Learner) and not are_ours(config):
        callbacks.insert(0, Continued(seed))
    if any(isinstance(callback, EarlyStopping) for callback in callbacks):
        callbacks.append(EarlyStopHolds())
    prune = Prune(judge) if judge else None
    callbacks += [prune] if prune else []
    backbone = getattr(learner, "net", None)
    backbone = backbone if isinstance(backbone, Backbone) else None
    callbacks += keep_frozen(learner, [*(config.get("freeze") or []), *(backbone.frozen if backbone else [])])
    checkpoint = checkpoint_of(learner, spec, resume, config) if resume else None
    if checkpoint is None:
        if backbone is not None:
            begin_pretrained(backbone, spec)
        given = begin_from(learner, config, spec)
        if isinstance(learner, Learner):
            learner.weights_given = given
    if checkpoint and isinstance(data, ImageData):  # Lightning does it too, but when the run's results are at stake
        data.load_state_dict(checkpoint.get(type(data).__qualname__, {}))
    first_step = checkpoint["global_step"] if checkpoint else 0
    identity = identity_in(checkpoint or {}) or new_identity(config)
    loggers = Loggers(config, run_dir, first_step, goes_on=resume is not None)
    options = trainer_options(config, learner)
    trainer = build_trainer(options, run_dir, [*callbacks, stop], loggers.of_trainer(), identity)
    _mark_checkpoints(trainer, config)
    if checkpoint and resume:
        warn_of_other_code(checkpoint, config, resume)
    if trainer.world_size > 1:
        _refuse_several_processes(config, spec, data, course)
    _check_space(run_dir, learner)
    if trainer.world_size > 1:
        stop.hold()
    checkpoints = next((callback for callback in callbacks if isinstance(callback, Checkpoints)), None)
    if checkpoints is not None and resume and checkpoint:
        checkpoints.go_on(resume, checkpoint, checkpoints.folder(trainer))
    compiled = config["trainer"]["compile"]
    all_ours = is_ours and options_of("loss", config["loss"]) is not None
    rebuild = None if all_ours else partial(build_predictor, config, spec)
    return Parts(
        spec, data, learner, course, trainer, checkpoints, loggers, compiled, identity, first_step, prune, rebuild
    )


def _mark_checkpoints(trainer: Trainer, config: Mapping[str, Any]) -> None:
    """Has every checkpoint say what it was made with."""
    writer, frozen = trainer.strategy.checkpoint_io, config.get("freeze")
    assert isinstance(writer, AtomicCheckpointIO)
    writer.marks[NETWORK] = network_of(config) | ({"freeze": frozen} if frozen else {})
    writer.marks[CODE] = code_of(config)


def _try(config: Mapping[str, Any], module: LightningModule, spec: DatasetSpec, is_ours: bool) -> None:
    """What it is made of, before it is trained: of parts of ours less is open."""
    node = config["model"]
    if type(module) in (Classifier, CapturedClassifier):  # another way may make logits of it otherwise
        check_output(node, module.net, spec)  # type: ignore[arg-type]
        if not is_ours and not isinstance(module.net, NumPyNet):
            try_network(node, module.net, module.loss, spec)  # type: ignore[arg-type]
    if not isinstance(module, Learner):
        return
    if not is_ours:
        try_state(node, module)
    try_scheduler(module)


def _refuse_several_processes(
    config: Mapping[str, Any], spec: DatasetSpec, data: LightningDataModule, course: Learner | Companion
) -> None:
    devices = f"trainer.devices={config['trainer']['devices']}"
    if not isinstance(data, ImageData):
        raise UserError(
            f"{devices} with data={spec.name}: every process would train on all images, for the data module gives its "
            "own loaders; accepted: 1"
        )
    if isinstance(course, Companion):
        raise UserError(f"{devices}: a LightningModule trains on one device; accepted: 1")


def _refuse_empty_test(config: Mapping[str, Any], spec: DatasetSpec) -> None:
    """Lightning does, when everything has been trained."""
    share, data = config["trainer"].get("limit_test_batches"), config["data"]
    if not isinstance(share, float) or share == 0 or not spec.test_size:
        return
    images = min(spec.test_size, data.get("limit_test") or spec.test_size)
    batches = -(-images // data.get("eval_batch_size", images))
    if share * batches < 1:
        raise UserError(
            f"trainer.limit_test_batches={share}: this share of the {batches} test batches is less than one batch; "
            f"accepted: at least {1 / batches:.2g}, or a number of batches"
        )


def seed_everything(seed: int) -> None:
    torch.manual_seed(mix_seed(seed))
    random.seed(seed)
    np.random.seed(seed)


def _check_space(run_dir: Path, learner: LightningModule) -> None:
    weights = sum(p.numel() * p.element_size() for p in learner.parameters())
    needed = 3 * 3 * weights + 20 * 2**20  # weights and two moments; last, best and one being written; logs
    free = shutil.disk_usage(run_dir).free
    if free < needed:
        raise UserError(f"{run_dir}: {free / 2**20:.0f} MiB free, this run needs about {needed / 2**20:.0f} MiB")
