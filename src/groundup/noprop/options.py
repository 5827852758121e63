"""The options of NoProp's networks, each with its way of learning, and of what they are held against. No torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from groundup.options import Depth, Model, ModelKind, Rate, Units


class NoPropModel(Model):
    kind = ModelKind.LEARNER
    min_image_size = 14
    embedding: Literal["one_hot", "learned", "prototype"]
    embedding_dim: Units


class NoPropDt(NoPropModel):
    target: Literal["groundup.noprop.dt.NoPropDT"] = Field(alias="_target_")
    name: Literal["noprop_dt"]
    blocks: Annotated[int, Field(ge=1, le=64)]  # see `noprop.noise.cosine_signal`
    eta: Rate
    schedule: Literal["sequential", "stacked"]


class NoPropCt(NoPropModel):
    target: Literal["groundup.noprop.ct.NoPropCT"] = Field(alias="_target_")
    name: Literal["noprop_ct"]
    eta: Rate
    inference_steps: Units


class NoPropFm(NoPropModel):
    target: Literal["groundup.noprop.fm.NoPropFM"] = Field(alias="_target_")
    name: Literal["noprop_fm"]
    inference_steps: Units


class NoPropBackprop(NoPropModel):
    target: Literal["groundup.noprop.baselines.NoPropBackprop"] = Field(alias="_target_")
    name: Literal["noprop_backprop"]
    blocks: Depth


class NoPropAdjoint(NoPropModel):
    package = "torchdiffeq"
    target: Literal["groundup.noprop.adjoint.NoPropAdjoint"] = Field(alias="_target_")
    name: Literal["noprop_adjoint"]
    inference_steps: Units


class BlockCe(Model):
    kind = ModelKind.LEARNER
    min_image_size = 14
    target: Literal["groundup.noprop.baselines.BlockCE"] = Field(alias="_target_")
    name: Literal["block_ce"]


class BlockLocal(Model):
    kind = ModelKind.LEARNER
    min_image_size = 14
    target: Literal["groundup.noprop.baselines.BlockLocal"] = Field(alias="_target_")
    name: Literal["block_local"]
    blocks: Depth


class BlockEnsemble(Model):
    kind = ModelKind.LEARNER
    min_image_size = 14
    target: Literal["groundup.noprop.baselines.BlockEnsemble"] = Field(alias="_target_")
    name: Literal["block_ensemble"]
    blocks: Depth
