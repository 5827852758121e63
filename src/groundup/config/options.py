"""The keys of the commands that are no group: of a run, a sweep, a search, and of what reads a run. No torch."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from groundup.config.trainer_options import Accelerator
from groundup.data.options import Mirror, Views
from groundup.options import Count, Node, Positive, Text, split_url


def _without_password(storage: str) -> str:
    if "://" in storage and split_url(storage).password is not None:
        raise PydanticCustomError(
            "secret", "must hold no password, because it would be written down; put it into ~/.pgpass"
        )
    return storage


def _of_validation(metric: str) -> str:
    """It is written down, and read back from what may be a stranger's: a plain name."""
    if not re.fullmatch(r"[\w./-]{1,100}", metric) or re.match("test|train", metric):
        raise PydanticCustomError(
            "metric", "must be 'val/acc', 'val/loss', or what a LightningModule of your own logs of validation"
        )
    return metric


Split = Literal["train", "val", "test"]
Invert = Literal["auto"] | bool
Digits = Literal["mnist"] | None
# Packages of the user's own; what their names may be, see `groundup.config.trusted`.
Trust = list[str] | str | None


class Sweep(Node):
    """How jobs are swept; no part of any of them."""

    resume: Text | None
    fail_fast: bool
    max_jobs: Positive


class Run(Node):
    """The keys of `train.py` that are no group."""

    seed: Annotated[int, Field(ge=0, lt=2**32)]
    resume: Text | None
    init_from: Text | None = None
    freeze: list[Text | Count] = Field(default_factory=list)
    trust: Trust = None
    sweep: Sweep | None = None


class Study(Node):
    """How Optuna searches: `hydra.sweeper` with `hydra/sweeper=optuna`."""

    sampler: Literal["tpe", "random", "grid"]
    n_trials: Positive | None
    n_jobs: Positive | None
    metric: Annotated[Text, AfterValidator(_of_validation)]  # never of the test split
    direction: Literal["maximize", "minimize"] | None
    pruner: Literal["none", "median", "hyperband", "wilcoxon"] = "none"
    startup_trials: Positive | None = None
    warmup_epochs: Positive | None = None
    storage: Annotated[Text, AfterValidator(_without_password)] | None
    study_name: Text | None
    seed: Count
    params: dict[str, Any] | None


class Call(Node):
    """What `groundup.evaluate` and `groundup.predict` are told, as their commands are."""

    accelerator: Accelerator = "auto"
    draws: Positive = 1
    split: Split = "test"
    top: Positive = 1
    prepare: Digits = None
    invert: Invert = "auto"


class EvaluateData(Node):
    root: Text | None
    file: Text | None = None
    test_file: Text | None = None
    table: Text | None = None
    test_fraction: Annotated[float, Field(ge=0, le=1)] | None = None
    mirror: Mirror | None
    tta: Views | None
    eval_batch_size: Positive | None


class Evaluate(Node):
    run: Text
    ckpt: Text
    draws: Positive
    split: Split = "test"
    predictions: Text | None = None
    out: Text | None
    trust: Trust = None
    accelerator: Accelerator
    data: EvaluateData


class ExportData(Node):
    root: Text | None
    file: Text | None = None
    test_file: Text | None = None
    table: Text | None = None
    mirror: Mirror | None


class Export(Node):
    run: Text
    to: Literal["onnx", "pt2"]
    out: Text | None
    ckpt: Text
    int8: bool
    threads: Positive
    trust: Trust = None
    data: ExportData


class PredictData(Node):
    invert: Invert
    root: Text | None = None
    file: Text | None = None
    test_file: Text | None = None
    table: Text | None = None
    mirror: Mirror | None = None


class Predict(Node):
    run: Text | None
    network: Text | None
    images: Text | None
    split: Split | None
    ckpt: Text
    out: Text | None
    trust: Trust = None
    top: Positive
    prepare: Digits
    data: PredictData
