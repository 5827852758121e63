"""Weights & Biases, by Lightning's WandbLogger: a W&B run of its own for every run, ended with it."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger, WandbLogger

from groundup.errors import UserError
from groundup.loggers.keeper import Beginning, Ending, Keeper, Place
from groundup.rundir.trackers import id_of, keep_id

log = logging.getLogger(__name__)

EXIT_CODES = {"finished": 0, "pruned": 0, "failed": 1, "interrupted": 255}  # the last is what W&B itself calls killed


class WandbKeeper(Keeper):
    """A run that goes on in its directory goes on in W&B, by an id that is kept there.

    WandbLogger gives W&B the step as a figure beside the others, `trainer/global_step`, so that none is dropped for
    having come late. W&B cannot take back a step that is trained again: it is there twice.
    """

    def arguments(self, node: Mapping[str, Any], place: Place) -> dict[str, Any]:
        offered: dict[str, Any] = {"name": place.name, "settings": {"quiet": True}}
        if "dir" not in node:
            offered["save_dir"] = str(place.run_dir)
        if "version" not in node:
            its_own = id_of(place.run_dir, place.key) if place.goes_on else None
            offered["id"] = its_own or os.urandom(8).hex()
        if "offline" not in node and not _may_be_online():
            offered["mode"] = "offline"
        return offered

    def clash(self, logger: Logger, other: Logger) -> str | None:
        if isinstance(other, WandbLogger):
            return "W&B has one run in a process, and Lightning would write both into it; leave one out"
        return None

    def begin(self, logger: WandbLogger, run: Beginning, place: Place) -> None:  # type: ignore[override]
        """Begins the W&B run, or goes on with it.

        Raises:
            UserError: another is open, which WandbLogger would write into.
        """
        import wandb

        if wandb.run is not None:
            raise UserError(f"{place.key}: the W&B run {wandb.run.id} is open in this process; end it: wandb.finish()")
        if logger.save_dir:
            Path(logger.save_dir).mkdir(parents=True, exist_ok=True)  # else W&B takes another folder
        experiment: Any = logger.experiment
        try:
            logger.log_hyperparams({**run.params, "run_dir": str(place.run_dir)})
            if experiment.disabled:
                return
            keep_id(place.run_dir, place.key, experiment.id)
            folder = Path(experiment.dir).parent
            said = f"offline; upload it with: wandb sync {folder}" if experiment.offline else experiment.url
            log.info(f"{place.key}: {said}")
        except BaseException:
            experiment.finish(exit_code=1)
            raise

    def end(self, logger: WandbLogger, run: Ending) -> None:  # type: ignore[override]
        """Ends the W&B run: the next one of this process would be written into it."""
        experiment: Any = logger.experiment
        try:
            experiment.summary.update({**run.metrics, "status": run.status})
            if run.checkpoint is not None:
                logger.after_save_checkpoint(run.checkpoint)  # for `log_model`
                logger.finalize("success")
        finally:
            experiment.finish(exit_code=EXIT_CODES[run.status])

    def abandon(self, logger: WandbLogger) -> None:  # type: ignore[override]
        logger.experiment.finish(exit_code=1)  # type: ignore[union-attr]


def _may_be_online() -> bool:
    """Whether there is a key, or W&B was told by its own variable what to do. No job waits for somebody to log in."""
    import wandb

    return "WANDB_MODE" in os.environ or wandb.login(prompt=False, verify=False)
