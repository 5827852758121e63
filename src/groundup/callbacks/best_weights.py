"""Which weights of a run are its best so far, and which file holds them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from groundup.learning.checkpoint import load_checkpoint


@dataclass(frozen=True)
class Choice:
    """The best weights so far: after which step of which epoch, their score, and all metrics of them.

    `step` is unknown, None, in checkpoints of version 0.1, which chose at the ends of epochs alone.
    """

    epoch: int
    score: float | None
    metrics: dict[str, float]
    step: int | None = None

    @classmethod
    def of(cls, state: Mapping[str, Any]) -> Choice | None:
        """What a checkpoint's state of `Checkpoints` says was best."""
        if state.get("epoch") is None:
            return None
        return cls(state["epoch"], state["score"], state["metrics"], state.get("step"))

    def state(self) -> dict[str, Any]:
        return asdict(self)

    def is_of(self, checkpoint: Mapping[str, Any], key: str) -> bool:
        """Whether a checkpoint was made when this was chosen; `key` is where it keeps the state of `Checkpoints`."""
        known = Choice.of(checkpoint.get("callbacks", {}).get(key, {}))
        if repr(known) != repr(self):  # not ==: a score may be NaN
            return False
        return checkpoint["epoch"] == self.epoch if self.step is None else checkpoint["global_step"] == self.step

    def find(self, files: Iterable[Path], key: str) -> Path | None:
        """The first of these files, which need not be there, that holds these weights.

        Raises:
            UserError: one of them is damaged.
        """
        return next((file for file in files if file.is_file() and self.is_of(load_checkpoint(file), key)), None)
