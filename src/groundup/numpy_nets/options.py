"""The options of the hand-written networks in `conf/model`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from groundup.options import Model, ModelKind, Part, Stages, UnitsOfLayers, weights_between


class NumPyModel(Model):
    kind = ModelKind.NUMPY
    activation: Literal["relu", "sigmoid", "tanh"]
    output: Literal["identity", "sigmoid", "tanh", "softmax"]
    init: Literal["uniform", "xavier", "kaiming", "normal", "perceptron", "uniform_half", "standard_normal"]


class NumPyMlp(NumPyModel):
    sizes = ("hidden_dims",)
    target: Literal["groundup.numpy_nets.models.mlp"] = Field(alias="_target_")
    name: Literal["numpy_mlp"]
    hidden_dims: UnitsOfLayers
    batch_norm: bool
    dropout: Part

    @classmethod
    def fewest_weights(cls, options: Mapping[str, Any], inputs: int, classes: int) -> int:
        return weights_between([inputs, *options["hidden_dims"], classes])


class NumPyLeNet(NumPyModel):
    min_image_size = 12
    target: Literal["groundup.numpy_nets.models.lenet"] = Field(alias="_target_")
    name: Literal["numpy_lenet"]
    pool: Literal["max", "avg"]


class NumPyCnn(NumPyModel):
    sizes = ("channels", "hidden_dims")
    target: Literal["groundup.numpy_nets.models.cnn"] = Field(alias="_target_")
    name: Literal["numpy_cnn"]
    channels: Stages
    hidden_dims: UnitsOfLayers
    pool: Literal["max", "avg"]

    @classmethod
    def smallest_image(cls, options: Mapping[str, Any]) -> int:
        return 3 * 2 ** len(options["channels"]) - 2  # leaves one pixel, see `groundup.numpy_nets.models.cnn`

    @classmethod
    def fewest_weights(cls, options: Mapping[str, Any], inputs: int, classes: int) -> int:
        return 9 * weights_between(options["channels"]) + weights_between(
            [*options["channels"][-1:], *options["hidden_dims"], classes]
        )
