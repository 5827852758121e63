"""The options of the loggers in `conf/logger`: ours, and Lightning's, which take more keys. Imports no torch."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from groundup.options import Logger, Positive


class TensorBoard(Logger):
    target: Literal["groundup.loggers.tensorboard.TensorBoard"] = Field(alias="_target_")
    partial: Literal[True] = Field(alias="_partial_")


class CSV(Logger):
    model_config = ConfigDict(extra="allow")
    reaches_out = True

    target: Literal["lightning.pytorch.loggers.CSVLogger"] = Field(alias="_target_")
    flush_logs_every_n_steps: Positive = 100
