"""The options of the optimizers in `conf/optimizer`: torch's, and those of this room. Imports no torch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from groundup.options import Betas, NotNegative, Optimizer, Part, Positive, Rate


class TorchOptimizer(Optimizer):
    fused: bool


class Sgd(TorchOptimizer):
    target: Literal["torch.optim.SGD"] = Field(alias="_target_")
    name: Literal["sgd"]
    momentum: Part
    nesterov: bool


class Adam(TorchOptimizer):
    target: Literal["torch.optim.Adam"] = Field(alias="_target_")
    name: Literal["adam"]
    betas: Betas
    eps: Rate


class AdamW(TorchOptimizer):
    target: Literal["torch.optim.AdamW"] = Field(alias="_target_")
    name: Literal["adamw"]
    betas: Betas
    eps: Rate


class Muon(Optimizer):
    target: Literal["groundup.optimizers.muon.Muon"] = Field(alias="_target_")
    name: Literal["muon"]
    momentum: Part
    nesterov: bool
    steps: Positive
    renormalize: bool
    other: Literal["adam", "sgd"]
    other_lr: Rate
    head_lr: Rate | None
    stem_lr: Rate | None
    stem_epochs: Rate | None
    other_momentum: Part
    betas: Betas
    eps: Rate
    other_weight_decay: NotNegative
    batch_size: Positive


class DecoupledSgd(TorchOptimizer):
    target: Literal["groundup.optimizers.decoupled_sgd.DecoupledSGD"] = Field(alias="_target_")
    name: Literal["decoupled_sgd"]
    momentum: Part
    nesterov: bool
    bias_scale: Rate
    stem_epochs: Rate | None
    batch_size: Positive
