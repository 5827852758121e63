"""One run, from a checked config to a results file."""

from __future__ import annotations

import gc
import logging
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.utilities.exceptions import MisconfigurationException
from lightning.pytorch.utilities.model_helpers import is_overridden

from groundup.callbacks.checkpoints import Checkpoints
from groundup.callbacks.interrupt import StopOnSignal
from groundup.callbacks.lr_range import LRRange
from groundup.callbacks.prune import Judge
from groundup.config.range_test import is_range_test
from groundup.errors import UserError
from groundup.learning.learner import Learner
from groundup.learning.meter import Diverged
from groundup.run.allocator import keep_freed_memory
from groundup.run.answers import keep_answers, test_answers, validation_answers
from groundup.run.costs import PeakMemory
from groundup.run.figures import take_test, training_figures
from groundup.run.parts import Parts, assemble
from groundup.run.processes import is_helper, leaving_in_order
from groundup.run.quiet import quiet
from groundup.run.recorded import Recorded
from groundup.run.reread import use_what_is_read_back
from groundup.rundir.state import LR_RANGE
from groundup.spec import DatasetSpec


def run(
    config: Mapping[str, Any],
    run_dir: Path,
    resume: Path | None = None,
    overrides: Sequence[str] = (),
    spec: DatasetSpec | None = None,
    judge: Judge | None = None,
) -> dict[str, Any]:
    """Trains, tests with the chosen checkpoint, and writes the run directory.

    Args:
        config: the whole checked config, plain containers.
        run_dir: where everything is written; made if it is not there.
        resume: a checkpoint to go on from.
        overrides: what the user typed, for `results.json`.
        spec: of the images, where the check of the config has made it; None makes it.
        judge: says after each epoch whether a study gives the run up; it is then not tested.

    Returns:
        What `results.json` holds.

    Raises:
        UserError: the run cannot start.
        Interrupted: stopped by a signal; the checkpoint is written.
        RunFailed: anything else that ended it; the traceback is in `train.log`.
    """
    keep_freed_memory()
    if is_helper():
        return _run_as_helper(config, run_dir, resume, spec)
    with quiet(), StopOnSignal(saves=not is_range_test(config)) as stop:
        try:
            with Recorded(config, run_dir, resume, overrides).open() as recorded:
                train_and_test(recorded.assemble(stop, spec, judge), recorded.results, resume)
            return recorded.results
        finally:
            release()


def _run_as_helper(
    config: Mapping[str, Any], run_dir: Path, resume: Path | None, spec: DatasetSpec | None
) -> dict[str, Any]:
    """Trains along with the first process of the run, and writes nothing but the traceback of its own failure."""
    logging.getLogger().setLevel(logging.ERROR)
    with quiet(), leaving_in_order(), StopOnSignal(saves=not is_range_test(config)) as stop:
        parts = assemble(config, run_dir, stop, resume, spec)
        train_and_test(parts, {}, resume)
    return {}


def train_and_test(parts: Parts, results: dict[str, Any], resume: Path | None) -> None:
    """Fits, then tests the chosen checkpoint once. Fills `results` as figures come in.

    Raises:
        Pruned: the run is given up, and not tested.
    """
    trainer, module = parts.trainer, parts.module
    memory = PeakMemory(trainer.strategy.root_device)
    if parts.compile:  # in place: torch.compile(net) would rename the parameters in checkpoints
        (module.net if isinstance(module, Learner) else module).compile()
    try:
        trainer.fit(module, datamodule=parts.data, ckpt_path=resume, weights_only=True)
    except Diverged:
        if range_test_of(parts) is None:  # which goes on until then
            raise
    except (MisconfigurationException, ValueError, ImportError) as error:
        if parts.course.total_steps or not _is_lightnings(error):  # training has begun
            raise
        raise UserError(f"Lightning's Trainer: {' '.join(str(error).split())}") from error
    finally:
        results |= training_figures(parts) | {"peak_memory": memory.read()}
    if trainer.global_step == 0:
        raise UserError("no training step was taken: see trainer.max_steps, max_time and limit_train_batches")
    if (test := range_test_of(parts)) is not None:
        results |= {"kind": LR_RANGE, "suggested_lr": test.conclude(trainer)}
        return
    if parts.prune is not None:
        parts.prune.leave()
    if parts.checkpoints is not None:
        parts.checkpoints.load(module, Checkpoints.folder(trainer))
    network = getattr(module, "net", None)
    if parts.rebuild is not None:
        use_what_is_read_back(module, parts.rebuild, parts.spec)
    is_tested = parts.spec.test_size and is_overridden("test_step", module)
    tested = trainer.test(module, datamodule=parts.data, verbose=False) if is_tested else []
    take_test(parts, results, {name: value for metrics in reversed(tested) for name, value in metrics.items()})
    is_another = network is not getattr(module, "net", None)
    validated = validation_answers(parts, is_another)
    keep_answers(parts, results, validated, test_answers(parts, results) if is_tested else None)


def range_test_of(parts: Parts) -> LRRange | None:
    """The learning-rate range test that a run is; None where it is a training."""
    return next((callback for callback in parts.trainer.callbacks if isinstance(callback, LRRange)), None)  # type: ignore[attr-defined]


def _is_lightnings(error: Exception) -> bool:
    """Whether Lightning itself has raised it, not what it called."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return frame.f_globals.get("__name__", "").split(".")[0] == "lightning"


def release() -> None:
    """Leaves nothing behind for the next job of the same process."""
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
