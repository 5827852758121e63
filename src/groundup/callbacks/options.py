"""The options of the callbacks in `conf/callbacks`: Lightning's, and those of this room. Imports no torch.

Each may be left out, for a callback may be added by its `_target_` alone.
"""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from groundup.options import Callback, Count, Positive, Share

Metric = Literal["train/loss", "train/acc", "val/loss", "val/acc", "val/f1", "val/top5"]


class Checkpoints(Callback):
    needs_validation = False  # the last epoch is then the best
    target: Literal["groundup.callbacks.checkpoints.Checkpoints"] = Field(alias="_target_")
    monitor: Metric = "val/acc"
    mode: Literal["max", "min"] = "max"


class EarlyStopping(Callback):
    model_config = ConfigDict(extra="allow")  # Lightning's own, with more arguments

    target: Literal["lightning.pytorch.callbacks.EarlyStopping"] = Field(alias="_target_")
    monitor: Metric
    mode: Literal["min", "max"] = "min"
    patience: Count = 3


class Lookahead(Callback):
    target: Literal["groundup.callbacks.lookahead.Lookahead"] = Field(alias="_target_")
    every: Positive = 5
    decay: Share = 0.95


class Ema(Callback):
    model_config = ConfigDict(extra="allow")  # Lightning's own, with more arguments

    target: Literal["lightning.pytorch.callbacks.EMAWeightAveraging"] = Field(alias="_target_")
    decay: Share = 0.999


class Progress(Callback):
    target: Literal["groundup.callbacks.progress.Progress"] = Field(alias="_target_")


class MetricsCsv(Callback):
    target: Literal["groundup.callbacks.metrics_csv.MetricsCSV"] = Field(alias="_target_")


class Watcher(Callback):
    """A part of what TensorBoard shows that has no settings."""

    target: Literal[
        "groundup.callbacks.charts.Charts",
        "groundup.callbacks.gradient_norm.GradientNorm",
        "groundup.callbacks.graph.Graph",
        "groundup.callbacks.throughput.Throughput",
    ] = Field(alias="_target_")


class SmoothLoss(Callback):
    target: Literal["groundup.callbacks.smooth_loss.SmoothLoss"] = Field(alias="_target_")
    window: Positive = 60


class Samples(Callback):
    target: Literal["groundup.callbacks.samples.Samples"] = Field(alias="_target_")
    count: Positive = 8


class RecurringWatcher(Callback):
    """A part of what TensorBoard shows that is written again every so many epochs."""

    target: Literal[
        "groundup.callbacks.confusion.Confusion",
        "groundup.callbacks.per_class.PerClass",
        "groundup.callbacks.reliability.Reliability",
        "groundup.callbacks.histograms.Histograms",
    ] = Field(alias="_target_")
    every_n_epochs: Positive = 5


class Filters(Callback):
    target: Literal["groundup.callbacks.filters.Filters"] = Field(alias="_target_")
    count: Positive = 32
    every_n_epochs: Positive = 5


class Mistakes(Callback):
    target: Literal["groundup.callbacks.mistakes.Mistakes"] = Field(alias="_target_")
    count: Positive = 10
    every_n_epochs: Positive = 5


class FeatureMaps(Callback):
    target: Literal["groundup.callbacks.feature_maps.FeatureMaps"] = Field(alias="_target_")
    count: Positive = 32
    every_n_epochs: Positive = 5


class DeadUnits(Callback):
    target: Literal["groundup.callbacks.dead_units.DeadUnits"] = Field(alias="_target_")
    images: Positive = 256
    every_n_epochs: Positive = 1


class Projector(Callback):
    target: Literal["groundup.callbacks.projector.Projector"] = Field(alias="_target_")
    count: Positive = 2000


class PrCurves(Callback):
    target: Literal["groundup.callbacks.pr_curves.PRCurves"] = Field(alias="_target_")
    classes: Count = 20
    every_n_epochs: Positive = 5
