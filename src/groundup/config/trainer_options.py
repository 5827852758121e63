"""The options of `trainer`: the arguments of Lightning's Trainer, and two of the project. Imports no torch."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, create_model
from pydantic_core import PydanticCustomError

from groundup.config.trainer_arguments import REFUSED_ARGUMENTS, Refused
from groundup.options import Count, Node, Positive, Rate


def _some_devices(given: Any) -> Any:
    if given in (-1, "-1", [-1]):  # as Lightning writes it
        raise PydanticCustomError("devices", "all there are is written trainer.devices=auto")
    if given == []:
        raise PydanticCustomError("devices", "must be a number of devices, or a list of at least one")
    return given


def _batches(given: Any) -> Any:
    whole = isinstance(given, int) and not isinstance(given, bool) and given >= 0
    if not (given is None or whole or (isinstance(given, float) and 0 <= given <= 1)):
        raise PydanticCustomError("batches", "must be a number of batches, such as 10, or a share, such as 0.5")
    return given


def _some_batches(given: Any) -> Any:
    if given == 0:
        raise PydanticCustomError("none_left", "must be greater than 0: nothing would be learnt")
    return _batches(given)


def _duration(given: Any) -> Any:
    """As Lightning writes one: DD:HH:MM:SS, or what `datetime.timedelta` takes."""
    if given is None:
        return given
    if isinstance(given, str) and re.fullmatch(r"\d+(:\d\d){3}", given) and re.search("[1-9]", given):
        return given
    if isinstance(given, dict):
        try:
            long_enough = timedelta(**given) > timedelta(0)
        except (TypeError, OverflowError):
            long_enough = False
        if long_enough:
            return given
    raise PydanticCustomError("duration", "must be a time as DD:HH:MM:SS, such as 00:01:30:00, or as {hours: 1.5}")


def _interval(given: Any) -> Any:
    if isinstance(given, str | dict):
        return _duration(given)
    whole = isinstance(given, int) and not isinstance(given, bool) and given >= 1
    if not (given is None or whole or (isinstance(given, float) and 0 < given <= 1)):
        raise PydanticCustomError(
            "interval", "must be a number of batches of at least 1, a share of an epoch, such as 0.25, or a time"
        )
    return given


def _refuse_argument(given: Any, refused: Refused) -> Any:
    if given in (None, refused.default):
        return given
    raise PydanticCustomError("refused", refused.why)  # type: ignore[arg-type]  # a literal, but for its place


Accelerator = Literal["auto", "cpu", "cuda", "gpu", "mps"]
Precision = Literal["32-true", "bf16-mixed", "16-mixed", "bf16-true", "16-true", "64-true"]


class TrainerKeys(Node):
    """Those that work."""

    max_epochs: Positive
    accelerator: Accelerator
    devices: Annotated[Positive | Literal["auto"] | list[Count], BeforeValidator(_some_devices)]
    precision: Precision
    compile: bool
    capture: bool = False
    deterministic: bool | Literal["warn"]
    gradient_clip_val: Rate | None
    log_every_n_steps: Positive
    accumulate_grad_batches: Positive = 1
    benchmark: bool | None = None
    check_val_every_n_epoch: Positive | None = 1
    detect_anomaly: bool = False
    gradient_clip_algorithm: Literal["norm", "value"] | None = None
    inference_mode: bool = True
    limit_train_batches: Annotated[Any, AfterValidator(_some_batches)] = None
    limit_val_batches: Annotated[Any, AfterValidator(_batches)] = None
    limit_test_batches: Annotated[Any, AfterValidator(_batches)] = None
    max_steps: Positive | Literal[-1] = -1
    max_time: Annotated[Any, AfterValidator(_duration)] = None
    min_epochs: Positive | None = None
    min_steps: Positive | None = None
    num_sanity_val_steps: Annotated[int, Field(ge=-1)] | None = None
    profiler: Literal["simple", "advanced", "pytorch"] | None = None
    reload_dataloaders_every_n_epochs: Count = 0
    strategy: Literal["auto", "ddp", "ddp_find_unused_parameters_true", "ddp_find_unused_parameters_false"] = "auto"
    sync_batchnorm: bool = False
    val_check_interval: Annotated[Any, AfterValidator(_interval)] = None


_refused: dict[str, Any] = {
    name: (Annotated[Any, AfterValidator(partial(_refuse_argument, refused=refused))], None)
    for name, refused in REFUSED_ARGUMENTS.items()
}
Trainer: type[Node] = create_model("Trainer", __base__=TrainerKeys, **_refused)
