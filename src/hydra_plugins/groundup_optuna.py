"""`hydra/sweeper=optuna`, where Hydra looks for plugins. Imports little: every Hydra program looks here."""

from __future__ import annotations

from typing import Any

from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class OptunaSweeper(Sweeper):
    """See `groundup.sweep.study`."""

    def __init__(self, **options: Any):
        self.options = options

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self._command = hydra_context, task_function, config

    def sweep(self, arguments: list[str]) -> Any:
        from groundup.config.extras import refuse_without

        refuse_without("optuna", "hydra/sweeper=optuna")
        from groundup.sweep.study import run_study

        run_study(arguments, self.options, *self._command)
