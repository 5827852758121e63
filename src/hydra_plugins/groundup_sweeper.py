"""`hydra/sweeper=groundup`, which Hydra finds by itself. Hydra looks for plugins only in this namespace.

Imported at every start of every Hydra program in the environment, so the work is imported when a sweep begins.
"""

from __future__ import annotations

from typing import Any

from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class GroundupSweeper(Sweeper):
    """See `groundup.sweep.sweeper`.

    Args:
        params: settings of the sweep in a file, see `groundup.sweep.params`.
    """

    def __init__(self, params: Any = None):
        self.params = params

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self._command = hydra_context, task_function, config

    def sweep(self, arguments: list[str]) -> Any:
        from groundup.sweep.sweeper import run_sweep

        run_sweep(arguments, self.params, *self._command)
