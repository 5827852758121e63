"""From a checked config to the parts of a run: data, network, learner, Trainer."""

from __future__ import annotations

import logging
import random
import shutil
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback, LightningDataModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping, ProgressBar
from lightning.pytorch.loggers import Logger
from lightning.pytorch.profilers import PassThroughProfiler
from lightning.pytorch.strategies import DDPStrategy
from torch import nn

from groundup.callbacks.checkpoints import AtomicCheckpointIO, Checkpoints
from groundup.callbacks.early_stop import EarlyStopHolds
from groundup.callbacks.interrupt import StopOnSignal
from groundup.config.build import build, computes_in_numpy
from groundup.config.image_sizes import look_at_images
from groundup.config.trainer_arguments import WORKING_ARGUMENTS
from groundup.data.classes import refuse_others
from groundup.data.module import ImageData
from groundup.errors import UserError
from groundup.learning.captured_classifier import CapturedClassifier, not_captured
from groundup.learning.checkpoint import load_checkpoint, put_weights, spec_in
from groundup.learning.classifier import Classifier
from groundup.learning.learner import Learner
from groundup.learning.numpy_net import NumPyNet
from groundup.learning.training_progress import KEYS
from groundup.run import kinds
from groundup.run.callbacks import build_callbacks
from groundup.run.failures import one_line_cause
from groundup.run.loops import use_own_loops
from groundup.rundir.identity import NETWORK, identity_in, network_of, new_identity, refuse_another_network
from groundup.seeds import mix_seed
from groundup.spec import DatasetSpec

log = logging.getLogger(__name__)


@dataclass
class Parts:
    """What a run consists of."""

    spec: DatasetSpec
    data: LightningDataModule
    learner: Learner
    trainer: Trainer
    checkpoints: Checkpoints | None
    compile: bool
    identity: str
    first_step: int  # steps that were taken before this part of the run


def assemble(
    config: Mapping[str, Any],
    run_dir: Path,
    stop: StopOnSignal,
    resume: Path | None = None,
    spec: DatasetSpec | None = None,
) -> Parts:
    """Builds data, network, learner and trainer of a config; its `spec` too, where nobody has made it before."""
    seed = config["seed"]
    spec = spec or look_at_images(config)
    seed_everything(seed)
    data = kinds.data(config["data"], spec, seed)
    learner = build_learner(config, spec)
    if not kinds.brings_its_learner(config["model"]):
        kinds.check_output(config["model"], learner.net, spec)
    data.passes = learner.passes
    if config["trainer"].get("capture") and not isinstance(learner, CapturedClassifier):
        log.warning(not_captured(f"model={config['model']['name']} has a step of its own"))
    _refuse_empty_test(config, spec)
    callbacks = build_callbacks(config)
    if any(isinstance(callback, EarlyStopping) for callback in callbacks):
        callbacks.append(EarlyStopHolds())
    checkpoint = _checkpoint(learner, resume, config) if resume else None
    if checkpoint and isinstance(data, ImageData):  # Lightning does it too, but when the run's results are at stake
        data.load_state_dict(checkpoint.get(type(data).__qualname__, {}))
    first_step = checkpoint["global_step"] if checkpoint else 0
    identity = identity_in(checkpoint or {}) or new_identity(config)
    nodes = {f"logger.{name}": node for name, node in config["logger"].items() if node}
    loggers = [kinds.logger(place, node, run_dir, first_step) for place, node in nodes.items()]
    trainer = build_trainer(trainer_options(config), run_dir, [*callbacks, stop], loggers, identity)
    assert isinstance(trainer.strategy.checkpoint_io, AtomicCheckpointIO)
    trainer.strategy.checkpoint_io.marks[NETWORK] = network_of(config)
    _check_space(run_dir, learner)
    if trainer.world_size > 1:
        stop.hold()
    checkpoints = next((callback for callback in callbacks if isinstance(callback, Checkpoints)), None)
    if checkpoints is not None and resume and checkpoint:
        checkpoints.go_on(resume, checkpoint, checkpoints.folder(trainer))
    return Parts(spec, data, learner, trainer, checkpoints, config["trainer"]["compile"], identity, first_step)


def _checkpoint(learner: Learner, resume: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    checkpoint = load_checkpoint(resume)
    if "spec" in checkpoint:  # else it is none of a run in training, which is said below
        classes = spec_in(checkpoint, resume).class_names
        advice = "put the data back as they were, or begin a new run without resume"
        refuse_others(learner.spec.class_names, classes, f"resume={resume} with data={learner.spec.name}", advice)
    refuse_another_network(checkpoint, config, resume, groups=("model", "loss", "optimizer"))
    put_weights(learner, checkpoint, resume)  # Lightning does it too, but what does not fit is said here
    missing = {"epoch", "global_step", "loops", "optimizer_states", "progress"} - checkpoint.keys()
    missing |= KEYS - checkpoint.get("progress", {}).keys()
    if missing:
        raise UserError(
            f"resume={resume}: not a checkpoint of a run in training, or of another version of this project "
            f"(no {', '.join(sorted(missing))})"
        )
    epochs = checkpoint["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"]
    progress, batch_size = checkpoint["progress"], config["data"].get("batch_size")
    if 0 < config["trainer"]["max_epochs"] < epochs + bool(progress["batch"]):
        begun = " and a part of the next" if progress["batch"] else ""
        raise UserError(
            f"trainer.max_epochs={config['trainer']['max_epochs']} with resume={resume}: that run has trained {epochs} "
            f"epochs{begun}; accepted: at least as many"
        )
    steps, max_steps = checkpoint["global_step"], config["trainer"].get("max_steps", -1)
    if 0 < max_steps < steps:
        raise UserError(
            f"trainer.max_steps={max_steps} with resume={resume}: that run has taken {steps} steps; accepted: at least "
            "as many"
        )
    if progress["batch"] and progress["batch_size"] != batch_size:
        raise UserError(
            f"data.batch_size={batch_size} with resume={resume}: that run was stopped within an epoch of batches of "
            f"{progress['batch_size']}; accepted: the same"
        )
    return checkpoint


def build_learner(config: Mapping[str, Any], spec: DatasetSpec) -> Learner:
    """The network with its way of learning. A model that is a Learner itself brings its own."""
    parts = {
        "spec": spec,
        "loss": kinds.loss(config["loss"], spec.num_classes),
        "optimizer": kinds.optimizer(config["optimizer"]),
        "lr_schedule": kinds.schedule(config["scheduler"]),
        "seed": config["seed"],
    }
    model = config["model"]
    if kinds.brings_its_learner(model):
        learner = build(model, **parts)
        learner.net.to(memory_format=torch.channels_last)
    else:
        way = CapturedClassifier if config["trainer"].get("capture") else Classifier  # a run made before has no key
        learner = way(build_net(model, spec, config["seed"]), **parts)
    if config["trainer"]["precision"] == "64-true":
        learner.double()  # before weights are loaded: Lightning would do it after, when they are rounded already
    return learner


def build_net(model: Mapping[str, Any], spec: DatasetSpec, seed: int) -> nn.Module:
    """The network of a model's node, for images of this kind."""
    sizes = {"in_channels": spec.channels, "image_size": spec.image_size, "num_classes": spec.num_classes}
    if computes_in_numpy(model):
        return NumPyNet(build(model, **sizes, rng=np.random.default_rng(seed)))
    net = kinds.network(model, lambda: build(model, **sizes), spec)
    # convolutions are up to 1.5 times as fast with channels last; batches follow the weights by themselves
    return net.to(memory_format=torch.channels_last)


def trainer_options(config: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of the Trainer; a hand-written network puts it on the CPU."""
    options = dict(config["trainer"])
    options["accelerator"] = accelerator_for(config["model"], options["accelerator"])
    if computes_in_numpy(config["model"]) and isinstance(options["devices"], list):
        options["devices"] = len(options["devices"])  # CPUs have no numbers
    return options


def accelerator_for(model: Mapping[str, Any], asked: str) -> str:
    """What computes this model: what was asked for, but the CPU for a hand-written network, with a word about it."""
    if not computes_in_numpy(model):
        return asked
    there_is_a_gpu = torch.cuda.is_available() or torch.backends.mps.is_available()
    if asked in ("cuda", "gpu", "mps") or (asked == "auto" and there_is_a_gpu):
        log.info(f"accelerator={asked}: NumPy computes {model['name']} on the CPU")
    return "cpu"


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
            f"trainer.devices={devices} with trainer.accelerator={accelerator}: CPUs have no numbers; accepted: how "
            "many processes, such as 1"
        )


def _refuse_empty_test(config: Mapping[str, Any], spec: DatasetSpec) -> None:
    """Lightning does, when everything has been trained."""
    share, data = config["trainer"].get("limit_test_batches"), config["data"]
    if not isinstance(share, float) or share == 0 or not spec.test_size:
        return
    images = min(spec.test_size, data.get("limit_test") or spec.test_size)
    batches = -(-images // data.get("eval_batch_size", images))
    if share * batches < 1:
        raise UserError(
            f"trainer.limit_test_batches={share}: of {batches} batches of data.eval_batch_size that leaves none; "
            f"accepted: at least {1 / batches:.2g}, or a number of batches"
        )


def seed_everything(seed: int) -> None:
    torch.manual_seed(mix_seed(seed))
    random.seed(seed)
    np.random.seed(seed)


def _check_space(run_dir: Path, learner: Learner) -> None:
    weights = sum(p.numel() * p.element_size() for p in learner.parameters())
    needed = 3 * 3 * weights + 20 * 2**20  # weights and two moments; last, best and one being written; logs
    free = shutil.disk_usage(run_dir).free
    if free < needed:
        raise UserError(f"{run_dir}: {free / 2**20:.0f} MiB free, this run needs about {needed / 2**20:.0f} MiB")
