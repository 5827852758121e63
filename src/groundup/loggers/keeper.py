"""What a run does with a logger: gives it what its node leaves open, tells it of the run, and of its end."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import Logger
from PIL import Image


@dataclass(frozen=True)
class Place:
    """Where a logger stands.

    Attributes:
        key: of its node, as `logger.csv`.
        run_dir: of the run.
        first_step: what an earlier part of the run wrote after this step is trained again.
        goes_on: whether a part of the run has been in this directory.
    """

    key: str
    run_dir: Path
    first_step: int = 0
    goes_on: bool = False

    @property
    def name(self) -> str:
        """The run's among others: `cnn-digits/2026-11-28_12-00-00-abcdef`; of a job, its sweep's name and its own."""
        return f"{self.run_dir.parent.name}/{self.run_dir.name}"


@dataclass(frozen=True)
class Beginning:
    """What is known of a run before its first step.

    Attributes:
        params: what changes its figures, flat.
        texts: Markdown by title: the table of layers, the config.
    """

    params: Mapping[str, Any]
    texts: Mapping[str, str]


@dataclass(frozen=True)
class Ending:
    """What came of a run.

    Attributes:
        status: `finished`, `pruned`, `failed` or `interrupted`.
        params: what changes its figures, flat.
        chosen: the names of those that were set on the command line.
        metrics: of the test, and the best ones of validation; as far as there are any.
        step: the last one.
        run_dir: of the run.
        checkpoint: of a finished run, its best and last ones as Lightning's callback would have them.
    """

    status: str
    params: Mapping[str, Any]
    chosen: Collection[str]
    metrics: Mapping[str, float]
    step: int
    run_dir: Path
    checkpoint: ModelCheckpoint | None = None


class Keeper:
    """Of any logger; of kinds that want more, subclasses know."""

    def takes_pictures(self, logger: Logger | type) -> bool:
        """Whether a logger, or those of a class, can be given images."""
        return callable(getattr(logger, "log_image", None))

    def arguments(self, node: Mapping[str, Any], place: Place) -> dict[str, Any]:
        """By name, what a logger gets where its node does not say; those that it does not take are left out.

        Raises:
            UserError: what the node says would do harm.
        """
        folders = dict.fromkeys(("save_dir", "root_dir", "log_dir"), str(place.run_dir))
        return {**folders, "run_dir": place.run_dir, "first_step": place.first_step}

    def clash(self, logger: Logger, other: Logger) -> str | None:
        """What is wrong with this one beside another; None where nothing is."""
        return None

    def begin(self, logger: Logger, run: Beginning, place: Place) -> None:
        """Before the first step, in the first process alone."""
        self.write_params(logger, run.params)

    def write_params(self, logger: Logger, params: Mapping[str, Any]) -> None:
        """Settings, and at the end how it ended: again, for a run that goes on may have others."""
        logger.log_hyperparams(dict(params))

    def write_picture(self, logger: Any, tag: str, image: Image.Image, step: int) -> None:
        """As WandbLogger has it."""
        logger.log_image(key=tag, images=[image], step=step)

    def end(self, logger: Logger, run: Ending) -> None:
        """After everything, in the first process alone. Lightning has called `finalize` after training, and testing."""
        if run.checkpoint is not None:
            logger.after_save_checkpoint(run.checkpoint)  # uploaded, where it was asked for, when it is finalised
        best = {name: value for name, value in run.metrics.items() if not name.startswith("test")}  # that it has
        if best:
            logger.log_metrics(best, step=run.step)
        self.write_params(logger, {"status": run.status, **run.params})
        logger.finalize("success" if run.status in ("finished", "pruned") else "failed")

    def abandon(self, logger: Logger) -> None:
        """In place of `end`, of a logger that has failed: what the next run of this process must not find."""
