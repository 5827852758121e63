"""The options of losses, schedules, hand-written optimizers, and ways of learning of one network each. No torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from groundup.options import (
    Activation,
    Betas,
    Loss,
    Model,
    ModelKind,
    NotNegative,
    Optimizer,
    Part,
    Positive,
    Rate,
    Schedule,
    Share,
    UnitsOfLayers,
    weights_between,
)


class ForwardForward(Model):
    kind = ModelKind.LEARNER
    sizes = ("hidden_dims",)
    target: Literal["groundup.learning.forward_forward.ForwardForward"] = Field(alias="_target_")
    name: Literal["forward_forward"]
    hidden_dims: Annotated[UnitsOfLayers, Field(min_length=1)]
    threshold: Rate

    @classmethod
    def fewest_weights(cls, options: Mapping[str, Any], inputs: int, classes: int) -> int:
        return weights_between([inputs, *options["hidden_dims"]])


class FeedbackAlignment(Model):
    kind = ModelKind.LEARNER
    sizes = ("hidden_dims",)
    target: Literal["groundup.learning.feedback_alignment.FeedbackAlignment"] = Field(alias="_target_")
    name: Literal["feedback_alignment"]
    hidden_dims: UnitsOfLayers
    activation: Activation
    dropout: Part

    @classmethod
    def fewest_weights(cls, options: Mapping[str, Any], inputs: int, classes: int) -> int:
        return weights_between([inputs, *options["hidden_dims"], classes])


ClassWeights = Literal["balanced"] | Annotated[list[NotNegative], Field(min_length=2)] | None


class CrossEntropy(Loss):
    target: Literal["groundup.learning.losses.CrossEntropy"] = Field(alias="_target_")
    name: Literal["cross_entropy"]
    label_smoothing: Part
    class_weights: ClassWeights = None


class MeanSquaredError(Loss):
    target: Literal["groundup.learning.losses.MeanSquaredError"] = Field(alias="_target_")
    name: Literal["mse"]
    class_weights: ClassWeights = None


class SquaredError(Loss):
    target: Literal["groundup.learning.losses.SquaredError"] = Field(alias="_target_")
    name: Literal["squared_error"]
    reduction: Literal["mean", "batchmean", "half"]
    class_weights: ClassWeights = None


class BinaryCrossEntropy(Loss):
    target: Literal["groundup.learning.losses.BinaryCrossEntropy"] = Field(alias="_target_")
    name: Literal["bce"]
    class_weights: ClassWeights = None


class NumPySgd(Optimizer):
    target: Literal["groundup.learning.numpy_optimizer.NumPySGD"] = Field(alias="_target_")
    name: Literal["numpy_sgd"]
    momentum: Part
    nesterov: bool


class NumPyRmsProp(Optimizer):
    target: Literal["groundup.learning.numpy_optimizer.NumPyRMSProp"] = Field(alias="_target_")
    name: Literal["numpy_rmsprop"]
    alpha: Part
    eps: Rate
    momentum: Part


class NumPyAdam(Optimizer):
    target: Literal["groundup.learning.numpy_optimizer.NumPyAdam"] = Field(alias="_target_")
    name: Literal["numpy_adam"]
    betas: Betas
    eps: Rate
    bias_correction: bool


class Constant(Schedule):
    target: Literal["groundup.learning.schedules.Constant"] = Field(alias="_target_")
    name: Literal["constant"]
    warmup_epochs: NotNegative


class Step(Schedule):
    target: Literal["groundup.learning.schedules.Step"] = Field(alias="_target_")
    name: Literal["step"]
    warmup_epochs: NotNegative
    step_epochs: Positive
    gamma: Rate


class Cosine(Schedule):
    target: Literal["groundup.learning.schedules.Cosine"] = Field(alias="_target_")
    name: Literal["cosine"]
    warmup_epochs: NotNegative
    final: Share


class OneCycle(Schedule):
    target: Literal["groundup.learning.schedules.OneCycle"] = Field(alias="_target_")
    name: Literal["onecycle"]
    warmup_fraction: Share
    start: Annotated[float, Field(gt=0, le=1)]
    final: Share


class Triangle(Schedule):
    target: Literal["groundup.learning.schedules.Triangle"] = Field(alias="_target_")
    name: Literal["triangle"]
    warmup_fraction: Share
    start: Annotated[float, Field(gt=0, le=1)]
    final: Share
