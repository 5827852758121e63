"""What is watched while a network learns."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from lightning.pytorch import Callback


class Diary(Callback):
    """Writes the norm of the weights after each epoch into a file of the run, and keeps count in the checkpoint."""

    def __init__(self, file: str = "diary.txt", every: int = 1):
        self.file, self.every, self.lines = file, every, 0

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        if trainer.current_epoch % self.every:
            return
        norm = sum(float(parameter.detach().square().sum()) for parameter in pl_module.parameters()) ** 0.5
        self.lines += 1
        with (Path(trainer.default_root_dir) / self.file).open("a") as file:
            file.write(f"epoch {trainer.current_epoch}: {norm:.6f}\n")

    def state_dict(self) -> dict[str, Any]:
        return {"lines": self.lines}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.lines = state_dict["lines"]


class CtrlC(Callback):
    """Presses it, within a step."""

    def __init__(self, step: int):
        self.step = step

    def on_train_batch_start(self, trainer: Any, *_: Any) -> None:
        if trainer.global_step == self.step:
            os.kill(os.getpid(), signal.SIGINT)
