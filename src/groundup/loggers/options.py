"""The options of the loggers in `conf/logger`: ours, and Lightning's, which take more keys. Imports no torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from groundup.options import Logger, Positive, Text, split_url


def _without_password(address: str) -> str:
    if "://" in address and split_url(address).password is not None:
        raise PydanticCustomError(
            "secret", "must hold no password, because it would be written down; use MLFLOW_TRACKING_PASSWORD"
        )
    return address


class TensorBoard(Logger):
    target: Literal["groundup.loggers.tensorboard.TensorBoard"] = Field(alias="_target_")
    partial: Literal[True] = Field(alias="_partial_")


class CSV(Logger):
    model_config = ConfigDict(extra="allow")
    reaches_out = True

    target: Literal["lightning.pytorch.loggers.CSVLogger"] = Field(alias="_target_")
    flush_logs_every_n_steps: Positive = 100


class WandB(Logger):
    model_config = ConfigDict(extra="allow")
    package = "wandb"
    reaches_out = True

    target: Literal["lightning.pytorch.loggers.WandbLogger"] = Field(alias="_target_")
    project: Text | None = None
    entity: Text | None = None
    group: Text | None = None
    tags: list[Text] | None = None
    log_model: bool = False


class MLflow(Logger):
    model_config = ConfigDict(extra="allow")
    package = "mlflow"
    reaches_out = True

    target: Literal["lightning.pytorch.loggers.MLFlowLogger"] = Field(alias="_target_")
    experiment_name: Text = "lightning_logs"
    tracking_uri: Annotated[Text, AfterValidator(_without_password)] | None = None
