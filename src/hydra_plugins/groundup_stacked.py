"""`hydra/launcher=stacked`, where Hydra looks for plugins. Imports little: every Hydra program looks here."""

from __future__ import annotations

from collections.abc import Sequence

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class StackedLauncher(Launcher):
    """Trains jobs that differ only in numbers at once, and the others one by one.

    Args:
        max_members: jobs that train at once, at most.
    """

    def __init__(self, max_members: int):
        self.max_members = max_members

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        from groundup.sweep.stacked.launch import launch

        return launch(self, job_overrides, initial_job_idx)
