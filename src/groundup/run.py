"""One run, from a checked config to a results file."""

from __future__ import annotations

import errno
import gc
import logging
import random
import shutil
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import filelock
import numpy as np
import torch
import yaml
from lightning.pytorch import Callback, LightningDataModule, Trainer
from lightning.pytorch.callbacks import ProgressBar
from lightning.pytorch.loggers import Logger, TensorBoardLogger
from lightning.pytorch.profilers import PassThroughProfiler

from groundup.build import build
from groundup.callbacks.checkpoints import AtomicCheckpointIO, Checkpoints
from groundup.callbacks.interrupt import StopOnSignal
from groundup.callbacks.tensorboard import log_hparams
from groundup.checkpoint import load_weights
from groundup.data.specs import make_spec
from groundup.errors import Interrupted, RunFailed, UserError
from groundup.learning.classifier import Classifier
from groundup.learning.learner import Learner, mix_seed
from groundup.models.summary import summarize
from groundup.processes import cause_in_helper, end_helpers, is_helper, leaving_in_order
from groundup.results import git_state, versions, write_results
from groundup.resume import LOCK
from groundup.spec import DatasetSpec

log = logging.getLogger(__name__)
log_of_tracebacks = logging.getLogger("groundup.traceback")  # goes to train.log alone

PROJECT = Path(__file__).resolve().parents[2]


@dataclass
class Parts:
    """What a run consists of."""

    spec: DatasetSpec
    data: LightningDataModule
    learner: Learner
    trainer: Trainer
    checkpoints: Checkpoints | None


def run(
    config: Mapping[str, Any], run_dir: Path, resume: Path | None = None, overrides: Sequence[str] = ()
) -> dict[str, Any]:
    """Trains, tests with the chosen checkpoint, and writes the run directory.

    Args:
        config: the whole checked config, plain containers.
        run_dir: where everything is written; made if it is not there.
        resume: a checkpoint to go on from.
        overrides: what the user typed, for `results.json`.

    Returns:
        What `results.json` holds.

    Raises:
        UserError: the run cannot start.
        Interrupted: stopped by a signal; the checkpoint is written.
        RunFailed: anything else that ended it; the traceback is in `train.log`.
    """
    if is_helper():
        return _run_as_helper(config, run_dir, resume)
    results = _first_results(config, list(overrides))
    parts = None
    with _opened(run_dir), quiet(), StopOnSignal() as stop:
        try:
            _write_config(config, run_dir)
            parts = assemble(config, run_dir, stop, resume)
            _announce(parts, run_dir)
            results |= _describe(parts)
            train_and_test(parts, results, resume)
            results["status"] = "finished"
            return results
        except (Interrupted, KeyboardInterrupt) as stopped:
            results |= {"status": "interrupted", "error": str(stopped) or "stopped by Ctrl-C"}
            log.warning(f"interrupted; go on with: resume={run_dir}")
            raise
        except UserError as error:
            results |= {"status": "failed", "error": str(error)}
            raise
        except Exception as error:
            reason = cause_in_helper(error, run_dir) or one_line_cause(error, run_dir)
            results |= {"status": "failed", "error": reason}
            log_of_tracebacks.error("traceback of the failure", exc_info=error)
            raise RunFailed(reason) from error
        finally:
            _conclude(run_dir, config, parts, results)
            _release()


def _run_as_helper(config: Mapping[str, Any], run_dir: Path, resume: Path | None) -> dict[str, Any]:
    """Trains along with the first process of the run, and writes nothing but the traceback of its own failure."""
    logging.getLogger().setLevel(logging.ERROR)
    with quiet(), leaving_in_order(), StopOnSignal() as stop:
        parts = assemble(config, run_dir, stop, resume)
        train_and_test(parts, {}, resume)
    return {}


@contextmanager
def _opened(run_dir: Path) -> Iterator[None]:
    """The run directory, there and ours alone."""
    lock = filelock.FileLock(run_dir / LOCK)
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except filelock.Timeout as error:
        raise UserError(f"resume={run_dir}: this run is still going on in another process") from error
    except OSError as error:
        raise UserError(f"hydra.run.dir={run_dir}: cannot be written: {error.strerror or error}") from error
    try:
        yield
    finally:
        lock.release()


def _conclude(run_dir: Path, config: Mapping[str, Any], parts: Parts | None, results: dict[str, Any]) -> None:
    try:
        if parts is not None:
            end_helpers(parts.trainer, failed=results["status"] != "finished")
        write_results(run_dir, results)
        if parts is not None:
            _log_final_hparams(parts, config, results)
    except OSError as error:
        raise RunFailed(one_line_cause(error, run_dir)) from error


def _write_config(config: Mapping[str, Any], run_dir: Path) -> None:
    (run_dir / "config.yaml").write_text(yaml.safe_dump(dict(config), sort_keys=False))


# Building the parts


def assemble(config: Mapping[str, Any], run_dir: Path, stop: StopOnSignal, resume: Path | None = None) -> Parts:
    """Builds data, network, learner and trainer of a config."""
    seed = config["seed"]
    spec = make_spec(config["data"])
    _seed_everything(seed)
    data = build(config["data"], spec=spec, seed=seed)
    learner = build_learner(config, spec)
    callbacks = [build(node) for node in config["callbacks"].values() if node]
    first_step = _first_step(learner, resume) if resume else 0
    loggers = [build(node)(run_dir, first_step=first_step) for node in config["logger"].values() if node]
    trainer = build_trainer(config["trainer"], run_dir, [*callbacks, stop], loggers)
    if config["trainer"]["compile"]:
        learner.net.compile()  # in place: torch.compile(net) would rename the parameters in checkpoints
    _check_space(run_dir, learner)
    if trainer.world_size > 1:
        stop.hold()
    return Parts(spec, data, learner, trainer, next((c for c in callbacks if isinstance(c, Checkpoints)), None))


def _first_step(learner: Learner, resume: Path) -> int:
    checkpoint = load_weights(learner, resume)  # Lightning loads them too, but what does not fit is said here
    if missing := {"epoch", "global_step", "loops", "optimizer_states", "progress"} - checkpoint.keys():
        raise UserError(f"resume={resume}: not a checkpoint of a run in training (no {', '.join(sorted(missing))})")
    return checkpoint["global_step"]


def build_learner(config: Mapping[str, Any], spec: DatasetSpec) -> Learner:
    """The network with its way of learning. A model that is a Learner itself brings its own."""
    parts = {
        "spec": spec,
        "loss": build(config["loss"]),
        "optimizer": build(config["optimizer"]),
        "schedule": build(config["scheduler"]),
        "seed": config["seed"],
    }
    net = build(config["model"], in_channels=spec.channels, image_size=spec.image_size, num_classes=spec.num_classes)
    # convolutions are up to 1.5 times as fast with channels last; batches follow the weights by themselves
    return Classifier(net.to(memory_format=torch.channels_last), **parts)


class NoProfiler(PassThroughProfiler):
    """Lightning's own one that measures nothing makes a generator for each of some 50 actions a step."""

    _nothing = nullcontext()

    def profile(self, action_name: str) -> AbstractContextManager:  # type: ignore[override]
        return self._nothing


def build_trainer(
    options: Mapping[str, Any], run_dir: Path, callbacks: list[Callback], loggers: list[Logger]
) -> Trainer:
    """Lightning's Trainer, without the habits that cost time or print noise."""
    _refuse_absent_device(options["accelerator"])
    chosen: dict[str, Any] = {"profiler": NoProfiler(), "num_sanity_val_steps": 0}
    chosen |= {key: value for key, value in options.items() if key != "compile"}
    if torch.cuda.is_available():
        torch.set_float32_matmul_precision("high")  # TF32, which tensor cores multiply several times as fast
        chosen.setdefault("benchmark", not chosen["deterministic"])
    try:
        return Trainer(
            **chosen,
            default_root_dir=run_dir,
            callbacks=callbacks,
            logger=loggers or False,
            plugins=[AtomicCheckpointIO()],
            enable_progress_bar=any(isinstance(callback, ProgressBar) for callback in callbacks),
            enable_model_summary=False,
            use_distributed_sampler=False,  # the loader itself gives every process its share
        )
    except Exception as error:  # Lightning's own checks of accelerator, devices, precision: all about these keys
        keys = f"trainer.accelerator={options['accelerator']} devices={options['devices']}"
        raise UserError(f"{keys} precision={options['precision']}: {one_line_cause(error, run_dir)}") from error


def _refuse_absent_device(accelerator: str) -> None:
    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    present |= {"auto": True, "cpu": True, "gpu": any(present.values())}
    if not present.get(accelerator, True):  # Lightning knows of more
        accepted = ", ".join(sorted(name for name, there in present.items() if there))
        raise UserError(f"trainer.accelerator={accelerator}: this machine has none; accepted here: {accepted}")


def _seed_everything(seed: int) -> None:
    torch.manual_seed(mix_seed(seed))
    random.seed(seed)
    np.random.seed(seed)


def _check_space(run_dir: Path, learner: Learner) -> None:
    weights = sum(p.numel() * p.element_size() for p in learner.parameters())
    needed = 3 * 3 * weights + 20 * 2**20  # weights and two moments; last, best and one being written; logs
    free = shutil.disk_usage(run_dir).free
    if free < needed:
        raise UserError(f"{run_dir}: {free / 2**20:.0f} MiB free, this run needs about {needed / 2**20:.0f} MiB")


# Training


def train_and_test(parts: Parts, results: dict[str, Any], resume: Path | None) -> None:
    """Fits, then tests the chosen checkpoint once. Fills `results` as figures come in."""
    trainer, learner = parts.trainer, parts.learner
    try:
        trainer.fit(learner, datamodule=parts.data, ckpt_path=resume, weights_only=True)
    finally:
        results |= _training_figures(parts)
    if parts.checkpoints is not None:
        load_weights(learner, Checkpoints.folder(trainer) / "best.ckpt")
    if parts.spec.test_size == 0:
        log.info("no test split: no test metrics")
        return
    metrics = trainer.test(learner, datamodule=parts.data, verbose=False)[0]
    results |= metrics
    results["test/per_class"] = dict(zip(parts.spec.class_names, learner.per_class, strict=True))
    if trainer.is_global_zero:
        log.info("test  " + "  ".join(f"{name} {value:.4f}" for name, value in metrics.items()))


def _training_figures(parts: Parts) -> dict[str, Any]:
    learner, trainer = parts.learner, parts.trainer
    seconds = learner.train_seconds
    figures: dict[str, Any] = {
        "epochs": trainer.current_epoch,
        "steps": trainer.global_step,
        "train_seconds": round(seconds, 3),
        "samples_per_second": round(learner.samples_seen / seconds, 1) if seconds else None,
    }
    if parts.checkpoints is not None and parts.checkpoints.best_epoch is not None:
        figures |= parts.checkpoints.best_metrics | {"best_epoch": parts.checkpoints.best_epoch}
    return figures


@contextmanager
def quiet() -> Iterator[None]:
    """Silences what Lightning says that is no news here, for the time of this run alone."""
    logs = [logging.getLogger(f"lightning.{package}") for package in ("pytorch", "fabric")]
    levels = [lightning_log.level for lightning_log in logs]
    before = (logging.raiseExceptions, threading.excepthook)
    logging.raiseExceptions = False  # a log on a full disk: what the run itself fails to write is said once
    threading.excepthook = _log_traceback_of_thread
    for lightning_log in logs:
        lightning_log.setLevel(logging.WARNING)
    with warnings.catch_warnings():
        for message in (
            r".*does not have many workers.*",
            r".*ended before the epoch ended and your dataloader is not resumable.*",  # ours is
            r"Total length of `list` across ranks is zero.*",  # no validation data: asked for
            r".*smaller than the logging interval.*",
            r".*logging on epoch level in distributed setting.*",  # sums over all processes already
            r".*No .?val_dataloader.*|.*defined a `validation_step` but have no `val_dataloader`.*",
            r".*`isinstance\(treespec, LeafSpec\)` is deprecated.*",
        ):
            warnings.filterwarnings("ignore", message)
        try:
            yield
        finally:
            logging.raiseExceptions, threading.excepthook = before
            for lightning_log, level in zip(logs, levels, strict=True):
                lightning_log.setLevel(level)


def _log_traceback_of_thread(failed: threading.ExceptHookArgs) -> None:
    """TensorBoard's writing thread: what it fails at is raised again where the next figure is logged."""
    log_of_tracebacks.error("traceback of a thread", exc_info=failed.exc_value)


# What is said and written about it


def _announce(parts: Parts, run_dir: Path) -> None:
    summary = summarize(parts.learner.net, parts.spec)
    log.info(str(summary))
    log.info(f"run directory: {run_dir}")
    for logger in parts.trainer.loggers:
        if isinstance(logger, TensorBoardLogger):
            logger.experiment.add_text("model/layers", summary.markdown())


def _first_results(config: Mapping[str, Any], overrides: list[str]) -> dict[str, Any]:
    return {
        "status": "failed",  # until it is known better
        "model": config["model"]["name"],
        "data": config["data"]["name"],
        "seed": config["seed"],
        "overrides": overrides,
        "versions": versions(),
        "git": git_state(PROJECT),
    }


def _describe(parts: Parts) -> dict[str, Any]:
    device = parts.trainer.strategy.root_device
    return {
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        "devices": parts.trainer.num_devices,
        "parameters": sum(p.numel() for p in parts.learner.parameters()),
    }


def _log_final_hparams(parts: Parts, config: Mapping[str, Any], results: Mapping[str, Any]) -> None:
    params = {"status": results["status"], "seed": config["seed"]}
    for group in ("data", "model", "loss", "optimizer", "scheduler", "trainer"):
        params |= _flatten(group, config[group])
    chosen = {name: results[name] for name in ("val/acc", "val/loss") if name in results}
    metrics = {f"{name}_best": value for name, value in chosen.items()}
    metrics |= {name: results[name] for name in ("test/acc", "test/loss") if name in results}
    for logger in parts.trainer.loggers:
        if isinstance(logger, TensorBoardLogger):
            log_hparams(logger, params, metrics, parts.trainer.global_step)


def _flatten(prefix: str, node: Mapping[str, Any]) -> dict[str, str | float | bool]:
    flat: dict[str, str | float | bool] = {}
    for key, value in node.items():
        if isinstance(value, Mapping):
            flat |= _flatten(f"{prefix}.{key}", value)
        elif not key.startswith("_"):
            flat[f"{prefix}.{key}"] = value if isinstance(value, (bool, int, float, str)) else str(value)
    return flat


def one_line_cause(error: BaseException, run_dir: Path) -> str:
    """What went wrong and, where it is known, what to do, in one line."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"no space left on the disk of {run_dir}; make room and go on with: resume={run_dir}"
    if isinstance(error, torch.OutOfMemoryError):
        return "out of memory on the GPU: try a smaller data.batch_size or model, or trainer.precision=bf16-mixed"
    if isinstance(error, OSError) and error.errno:
        return f"{error.strerror}: {error.filename or 'while writing'}"
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__


def _release() -> None:
    """Leaves nothing behind for the next job of the same process."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
