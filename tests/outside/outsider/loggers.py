"""Loggers: what a run tells of itself, written down."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities.rank_zero import rank_zero_only


class Diary(Logger):
    """Writes a line of JSON for everything that it is told, to `diary.jsonl`.

    Args:
        save_dir: the folder of the file.
        tears_at: the step at which the paper is used up.
    """

    def __init__(self, save_dir: str, tears_at: int | None = None):
        super().__init__()
        self.file = Path(save_dir) / "diary.jsonl"
        self.tears_at = tears_at

    @property
    def name(self) -> str:
        return "diary"

    @property
    def version(self) -> str:
        return ""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        if self.tears_at is not None and (step or 0) >= self.tears_at:
            raise OSError(28, "no paper left")
        self._write(metrics=dict(metrics), step=step)

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        self._write(params=dict(params) if isinstance(params, Mapping) else vars(params))

    @rank_zero_only
    def log_image(self, key: str, images: list[Any], step: int | None = None) -> None:
        """As WandbLogger has it."""
        self._write(image=key, sizes=[image.size for image in images], step=step)

    @rank_zero_only
    def after_save_checkpoint(self, checkpoint_callback: ModelCheckpoint) -> None:
        self._write(best=checkpoint_callback.best_model_path)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        self._write(ended=status)

    def _write(self, **line: Any) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("a") as file:
            file.write(json.dumps(line) + "\n")
