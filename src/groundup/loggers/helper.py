"""What stands in the place of a logger in the helpers of a run on several devices, which write nothing."""

from __future__ import annotations

from lightning.pytorch.loggers import Logger
from lightning.pytorch.loggers.logger import DummyLogger

from groundup.loggers.keeper import Keeper


class InHelper(DummyLogger):
    """Takes anything, and writes nothing. The logger itself is made in the first process alone.

    Args:
        pictures: whether the logger itself takes them: what is drawn is computed by all processes together.
    """

    def __init__(self, pictures: bool):
        super().__init__()
        self.pictures = pictures


class InHelperKeeper(Keeper):
    """Of those."""

    def takes_pictures(self, logger: Logger | type) -> bool:
        return isinstance(logger, InHelper) and logger.pictures
