"""What an evaluation is asked for, and who gets its answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningDataModule, LightningModule, Trainer

from groundup.errors import UserError
from groundup.learning.answers import Answered
from groundup.rundir.predictions import write_predictions
from groundup.spec import DatasetSpec

Keep = Callable[[Answered, DatasetSpec, LightningDataModule], None]


@dataclass(frozen=True)
class Asked:
    """A split, and how often it is evaluated.

    Attributes:
        name: the setting that asks for the answers, for messages.
        keep: what is done with the answers; of several draws, with the first. None: nobody asks for them.
    """

    split: str
    draws: int = 1
    name: str = "predictions"
    keep: Keep | None = None

    @property
    def evaluates_as(self) -> str:
        """What the Trainer takes the split for: it knows of two that are evaluated."""
        return "val" if self.split == "val" else "test"

    def hand_on(self, answers: Answered | None, spec: DatasetSpec, data: LightningDataModule) -> None:
        """Hands on the answers to the images of `data`, whose classes are those of `spec`, where there are any."""
        if self.keep is not None and answers is not None:
            self.keep(answers, spec, data)


def into_file(file: Path, split: str) -> tuple[str, Keep]:
    """The name and what keeps answers, for an `Asked` whose answers are written to a file.

    Raises:
        UserError: when there are answers: they cannot be written.
    """

    def keep(answers: Answered, spec: DatasetSpec, data: LightningDataModule) -> None:
        try:
            write_predictions(file, answers.as_predictions(spec, split))
        except (OSError, ValueError) as error:
            cause = getattr(error, "strerror", None) or error
            raise UserError(f"predictions={file}: cannot be written: {cause}") from error

    return f"predictions={file}", keep


def run_split(trainer: Trainer, module: LightningModule, data: LightningDataModule, asked: Asked) -> dict[str, Any]:
    evaluate = trainer.validate if asked.split == "val" else trainer.test
    every = evaluate(module, datamodule=data, verbose=False)
    return {name: value for metrics in reversed(every) for name, value in metrics.items()}
