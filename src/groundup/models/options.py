"""The options of the networks in this room. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from groundup.options import (
    Activation,
    Depth,
    Model,
    Part,
    Pixels,
    Positive,
    Rate,
    Stages,
    Text,
    Units,
    UnitsOfLayers,
    weights_between,
)


class Mlp(Model):
    sizes = ("hidden_dims",)
    target: Literal["groundup.models.mlp.MLP"] = Field(alias="_target_")
    name: Literal["mlp"]
    hidden_dims: UnitsOfLayers
    activation: Activation
    batch_norm: bool
    dropout: Part
    init: Literal["uniform", "xavier", "kaiming", "normal"]

    @classmethod
    def fewest_weights(cls, options: Mapping[str, Any], inputs: int, classes: int) -> int:
        return weights_between([inputs, *options["hidden_dims"], classes])


class LeNet(Model):
    min_image_size = 12
    target: Literal["groundup.models.lenet.LeNet"] = Field(alias="_target_")
    name: Literal["lenet"]
    activation: Activation
    pool: Literal["max", "avg"]


class Cnn(Model):
    min_image_size = 8
    any_image_size = True
    sizes = ("width",)
    target: Literal["groundup.models.cnn.CNN"] = Field(alias="_target_")
    name: Literal["cnn"]
    width: Units
    activation: Activation
    dropout: Part

    @classmethod
    def fewest_weights(cls, options: Mapping[str, Any], inputs: int, classes: int) -> int:
        return 9 * (3 + 10 + 40) * options["width"] ** 2  # 3x3 convolutions of the three stages


class ResNet18(Model):
    min_image_size = 8
    any_image_size = True
    target: Literal["groundup.models.resnet.resnet18"] = Field(alias="_target_")
    name: Literal["resnet18"]


class SpeedNet(Model):
    any_image_size = True
    sizes = ("widths", "depth")
    target: Literal["groundup.models.speednet.SpeedNet"] = Field(alias="_target_")
    name: Literal["speednet"]
    widths: Annotated[Stages, Field(min_length=1)]
    depth: Depth
    activation: Activation
    whiten_size: Pixels
    norm_momentum: Annotated[float, Field(gt=0, le=1)]
    logit_scale: Rate

    @classmethod
    def smallest_image(cls, options: Mapping[str, Any]) -> int:
        return 2 ** len(options["widths"]) + options["whiten_size"] - 1  # leaves one pixel at the end

    @classmethod
    def fewest_weights(cls, options: Mapping[str, Any], inputs: int, classes: int) -> int:
        widths, more = options["widths"], options["depth"] - 1
        return 9 * (weights_between(widths) + more * sum(width**2 for width in widths))


class Backbone(Model):
    """Of a network of a library of networks, by its name there."""

    begins_with = "weights"
    min_image_size = 32
    arch: Text
    weights: Text | None
    freeze: Literal["none", "backbone"] | Positive
    backbone_rate: Annotated[float, Field(gt=0, le=1)] | None


class Timm(Backbone):
    package = "timm"
    target: Literal["groundup.models.timm_network.TimmNetwork"] = Field(alias="_target_")
    name: Literal["timm"]


class Torchvision(Backbone):
    package = "torchvision"
    target: Literal["groundup.models.torchvision_network.TorchvisionNetwork"] = Field(alias="_target_")
    name: Literal["torchvision"]
