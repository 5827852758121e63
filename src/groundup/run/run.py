"""One run, from a checked config to a results file."""

from __future__ import annotations

import gc
import logging
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities.exceptions import MisconfigurationException

from groundup.callbacks.checkpoints import Checkpoints
from groundup.callbacks.interrupt import StopOnSignal
from groundup.config.hyperparameters import chosen, hyperparameters
from groundup.errors import Interrupted, RunFailed, UserError
from groundup.files import remove_unfinished, write_whole
from groundup.loggers.tensorboard import log_hparams
from groundup.models.summary import summarize
from groundup.paths import PROJECT
from groundup.run.failures import one_line_cause
from groundup.run.parts import Parts, assemble
from groundup.run.processes import cause_in_helper, end_helpers, is_helper, leaving_in_order
from groundup.run.quiet import log_of_tracebacks, quiet
from groundup.rundir.directory import refuse_files_of_no_run
from groundup.rundir.identity import as_comment
from groundup.rundir.links import refuse_links_out_of_run
from groundup.rundir.lock import Held, holding
from groundup.rundir.names import CONFIG, LAST, LOCK, RESULTS
from groundup.rundir.plain import write_yaml
from groundup.rundir.results import git_state, versions, write_results

log = logging.getLogger(__name__)

# In results.json from the start, null until they are known.
UNKNOWN_YET = (
    *("test/acc", "test/loss", "val/acc", "val/loss", "train/loss", "best_epoch", "epochs", "steps"),
    *("train_seconds", "samples_per_second", "parameters", "device"),
)


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
    with quiet(), StopOnSignal() as stop:
        try:
            with Recorded(config, run_dir, resume, overrides).open() as recorded:
                train_and_test(recorded.assemble(stop), recorded.results, resume)
            return recorded.results
        finally:
            release()


class Recorded:
    """A run directory while its run goes on. However the run ends, what came of it is written there.

    Args: as `run`.

    Attributes:
        parts: of the run, once they are assembled.
        results: what `results.json` will hold.
    """

    def __init__(self, config: Mapping[str, Any], run_dir: Path, resume: Path | None, overrides: Sequence[str]):
        self.config, self.run_dir, self.resume = config, run_dir, resume
        self.parts: Parts | None = None
        self.results = _first_results(config, list(overrides))

    def assemble(self, stop: StopOnSignal) -> Parts:
        """Builds the parts of the run, and writes and says what is known of it before training."""
        self.parts = assemble(self.config, self.run_dir, stop, self.resume)
        write_whole(self.run_dir / CONFIG, as_comment(self.parts.identity) + _as_yaml(self.config))
        _announce(self.parts, self.config, self.run_dir, begins=self.resume is None)
        self.results |= _describe(self.parts)
        return self.parts

    @contextmanager
    def open(self) -> Iterator[Recorded]:
        """Holds the directory, and turns what is raised inside into a result and one of the errors of `run`."""
        with _opened(self.run_dir, self.resume):
            yield from self._recording()

    def _recording(self) -> Iterator[Recorded]:
        results, run_dir = self.results, self.run_dir
        try:
            yield self
            results["status"] = "finished"
        except (Interrupted, KeyboardInterrupt, SystemExit) as stopped:
            results |= {"status": "interrupted", "error": _why_stopped(stopped)}
            log.info(f"interrupted; go on with: resume={run_dir}")  # no warning: a sweep says how to go on with all
            raise
        except UserError as error:
            results |= {"status": "failed", "error": str(error)}
            if self.parts is not None and self.parts.trainer.global_step > self.parts.first_step:  # more than a request
                raise RunFailed(str(error)) from error
            raise
        except Exception as error:
            reason = cause_in_helper(error, run_dir) or one_line_cause(error, run_dir)
            results |= {"status": "failed", "error": reason}
            log_of_tracebacks.error("traceback of the failure", exc_info=error)
            raise RunFailed(reason) from error
        finally:
            if self.parts is not None or self.resume is None:  # else what an earlier part of the run wrote stays
                _conclude(run_dir, self.config, self.parts, results)


def _why_stopped(stopped: BaseException) -> str:
    if isinstance(stopped, SystemExit):  # a cluster takes the machine back, and runs the job again
        return "stopped by its launcher"
    return str(stopped) or "stopped by Ctrl-C"


def _run_as_helper(config: Mapping[str, Any], run_dir: Path, resume: Path | None) -> dict[str, Any]:
    """Trains along with the first process of the run, and writes nothing but the traceback of its own failure."""
    logging.getLogger().setLevel(logging.ERROR)
    with quiet(), leaving_in_order(), StopOnSignal() as stop:
        parts = assemble(config, run_dir, stop, resume)
        train_and_test(parts, {}, resume)
    return {}


@contextmanager
def _opened(run_dir: Path, resume: Path | None) -> Iterator[None]:
    """The run directory, there and ours alone."""
    refuse_links_out_of_run(run_dir)
    with ExitStack() as stack:
        try:
            run_dir.mkdir(parents=True, exist_ok=True)
            stack.enter_context(holding(run_dir / LOCK))
        except Held as error:
            raise UserError(f"resume={run_dir}: this run is still going on in another process") from error
        except OSError as error:
            raise UserError(f"hydra.run.dir={run_dir}: cannot be written: {error.strerror or error}") from error
        if resume is None and ((run_dir / RESULTS).exists() or (run_dir / LAST).exists()):
            raise UserError(f"hydra.run.dir={run_dir}: holds a run already; go on with it by resume=, or name another")
        if resume is None:
            refuse_files_of_no_run(run_dir)
        for folder in (run_dir, (run_dir / LAST).parent):
            remove_unfinished(folder)
        yield


def _conclude(run_dir: Path, config: Mapping[str, Any], parts: Parts | None, results: dict[str, Any]) -> None:
    try:
        if parts is not None:
            end_helpers(parts.trainer, failed=results["status"] != "finished")
        write_results(run_dir, results)
        if parts is not None:
            _log_final_hparams(parts, config, results)
    except OSError as error:
        raise RunFailed(one_line_cause(error, run_dir)) from error


def _as_yaml(config: Mapping[str, Any]) -> str:
    return write_yaml(dict(config))


# Training


def train_and_test(parts: Parts, results: dict[str, Any], resume: Path | None) -> None:
    """Fits, then tests the chosen checkpoint once. Fills `results` as figures come in."""
    trainer, learner = parts.trainer, parts.learner
    if parts.compile:
        learner.net.compile()  # in place: torch.compile(net) would rename the parameters in checkpoints
    try:
        trainer.fit(learner, datamodule=parts.data, ckpt_path=resume, weights_only=True)
    except (MisconfigurationException, ValueError, ImportError) as error:
        if learner.total_steps or not _is_lightnings(error):  # training has begun
            raise
        raise UserError(f"Lightning's Trainer: {' '.join(str(error).split())}") from error
    finally:
        results |= training_figures(parts)
    if trainer.global_step == 0:
        raise UserError("no training step was taken: see trainer.max_steps, max_time and limit_train_batches")
    if parts.checkpoints is not None:
        parts.checkpoints.load(learner, Checkpoints.folder(trainer))
    tested = trainer.test(learner, datamodule=parts.data, verbose=False) if parts.spec.test_size else []
    take_test(parts, results, tested[0] if tested else {})


def _is_lightnings(error: Exception) -> bool:
    """Whether Lightning itself has raised it, not what it called."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return frame.f_globals.get("__name__", "").split(".")[0] == "lightning"


def take_test(parts: Parts, results: dict[str, Any], metrics: Mapping[str, float]) -> None:
    """Puts the test metrics, none if nothing was tested, into `results` and into the log."""
    if not metrics:
        log.info("no test split, or none of it asked for: no test metrics")
        return
    results |= metrics
    results["test/per_class"] = dict(zip(parts.spec.class_names, parts.learner.per_class, strict=True))
    results["test/confusion"] = parts.learner.confusion
    if parts.trainer.is_global_zero:
        log.info("test  " + "  ".join(f"{name} {value:.4f}" for name, value in metrics.items()))


def training_figures(parts: Parts) -> dict[str, Any]:
    """What `results.json` says of the training, as far as it has come."""
    learner, trainer = parts.learner, parts.trainer
    seconds = learner.train_seconds
    figures: dict[str, Any] = {
        "epochs": trainer.fit_loop.epoch_progress.current.started,  # type: ignore[attr-defined]
        "steps": trainer.global_step,
        "train_seconds": round(seconds, 3),
        "samples_per_second": round(learner.samples_seen / seconds, 1) if seconds else None,
    }
    best = parts.checkpoints.best if parts.checkpoints else None
    return figures | best.metrics | {"best_epoch": best.epoch} if best else figures


# What is said and written about it


def _announce(parts: Parts, config: Mapping[str, Any], run_dir: Path, begins: bool) -> None:
    summary = summarize(parts.learner.net, parts.spec)
    log.info(str(summary))
    log.info(f"run directory: {run_dir}")
    for logger in parts.trainer.loggers if begins else ():
        if isinstance(logger, TensorBoardLogger):
            logger.experiment.add_text("model/layers", summary.markdown())
            logger.experiment.add_text("config", f"```yaml\n{_as_yaml(config)}```")


def _first_results(config: Mapping[str, Any], overrides: list[str]) -> dict[str, Any]:
    return dict.fromkeys(UNKNOWN_YET) | {
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
    params = {"status": results["status"]} | hyperparameters(config)
    shown = {"val/acc": "val/acc_best", "val/loss": "val/loss_best", "test/acc": "test/acc", "test/loss": "test/loss"}
    metrics = {tag: results[name] for name, tag in shown.items() if results[name] is not None}
    for logger in parts.trainer.loggers:
        if isinstance(logger, TensorBoardLogger):
            log_hparams(logger, params, chosen(results["overrides"]), metrics, parts.trainer.global_step)


def release() -> None:
    """Leaves nothing behind for the next job of the same process."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
