"""The options of the loggers in `conf/logger`. Imports no torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from groundup.options import Logger


class TensorBoard(Logger):
    target: Literal["groundup.loggers.tensorboard.TensorBoard"] = Field(alias="_target_")
    partial: Literal[True] = Field(alias="_partial_")
