"""From the nodes of a config to a network with its way of learning."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.model_helpers import is_overridden
from torch import nn

from groundup.borrowed.hydra import locate
from groundup.config.balance import refuse_weights_nobody_looks_at
from groundup.config.build import build, build_by_name, named_arguments, of_bases
from groundup.config.given_sizes import refuse_other_sizes, sizes_of
from groundup.config.mixing import refuse_mixing
from groundup.config.model_kinds import learns_by_itself, model_kind
from groundup.config.own_training import GROUPS, is_own
from groundup.config.rooms import options_of
from groundup.errors import UserError
from groundup.learning.captured_classifier import CapturedClassifier
from groundup.learning.classifier import Classifier
from groundup.learning.learner import Learner
from groundup.learning.numpy_net import NumPyNet
from groundup.learning.predictor import Predictor
from groundup.learning.schedules import Constant
from groundup.options import ModelKind
from groundup.run import kinds
from groundup.run.schedules import schedule
from groundup.run.trials import make_lazy_layers, takes_images
from groundup.spec import DatasetSpec

log = logging.getLogger(__name__)

NO_MEAN = (
    "val/loss and test/loss depend on data.eval_batch_size: they are means of the losses of its batches, weighted by "
    "images, and this loss is no mean over images"
)


def build_learner(config: Mapping[str, Any], spec: DatasetSpec) -> Learner | LightningModule:
    """The network with its way of learning: a model that is a Learner, or any other LightningModule, brings its own."""
    model = config["model"]
    refuse_other_sizes(model, spec)
    is_module = learns_by_itself(model)
    if unsaid := [group for group in GROUPS if is_module and not is_own(config, group)]:
        raise UserError(
            f"{unsaid[0]} with model={model['name']}: a LightningModule has its own, but the config names another; "
            "accepted: a config that went through `groundup.config.check`"
        )
    made = _own_module(model, spec) if is_module else _learner(config, spec)
    if config["trainer"]["precision"] == "64-true":
        made.double()  # before weights are loaded: Lightning would do it after, when they are rounded already
    return made


def _own_module(model: Mapping[str, Any], spec: DatasetSpec) -> LightningModule:
    offered = sizes_of(spec) | {"spec": spec}
    made = kinds.model(model, lambda: build_by_name(model, offered, of_bases(model, offered)), spec)
    assert isinstance(made, LightningModule), "so says its class"
    if type(made).trainer is not LightningModule.trainer:  # type: ignore[comparison-overlap]
        cause = "has a trainer of its own, which is Lightning's name for what trains it"
        raise kinds.refusal("model", model, cause, "another name")
    _refuse_loaders_of_its_own(made, spec)
    made.configure_model()  # Lightning does it too, when weights are loaded already; it does so twice, by its contract
    return made


def _refuse_loaders_of_its_own(module: LightningModule, spec: DatasetSpec) -> None:
    for split in ("train", "val", "test"):
        if is_overridden(f"{split}_dataloader", module):
            raise UserError(
                f"model: {type(module).__name__}.{split}_dataloader would never be called, because the images are "
                f"those of data={spec.name}; accepted: its loaders in a LightningDataModule, chosen by data=NAME"
            )


def _learner(config: Mapping[str, Any], spec: DatasetSpec) -> Learner:
    parts = {
        "spec": spec,
        "loss": kinds.loss(config["loss"], spec.num_classes),
        "optimizer": kinds.optimizer(config["optimizer"]),
        "lr_schedule": schedule(config["scheduler"]),
        "seed": config["seed"],
    }
    model = config["model"]
    if not kinds.is_mean_over_images(parts["loss"], spec.num_classes):
        log.warning(NO_MEAN)
    learner = _network_or_learner(model, spec, parts)
    if isinstance(learner, Learner):
        refuse_weights_nobody_looks_at(config)  # of a function that did not say what it makes
        refuse_mixing(config)
        return learner
    way = CapturedClassifier if config["trainer"].get("capture") else Classifier  # a run made before has no key
    return way(learner, **parts)


def build_predictor(config: Mapping[str, Any], spec: DatasetSpec) -> Predictor | LightningModule:
    """The network as far as it predicts. What it is trained by is not built: it may be somebody else's."""
    model = config["model"]
    refuse_other_sizes(model, spec)
    made = _own_module(model, spec) if learns_by_itself(model) else _predictor(config, spec)
    if config["trainer"]["precision"] == "64-true":
        made.double()
    return made


def _predictor(config: Mapping[str, Any], spec: DatasetSpec) -> Predictor:
    parts = {
        "spec": spec,
        "loss": kinds.loss(config["loss"], spec.num_classes),
        "optimizer": _no_optimizer,
        "lr_schedule": Constant(),
        "seed": config["seed"],
    }
    made = _network_or_learner(config["model"], spec, parts)
    return made if isinstance(made, Predictor) else Predictor(made, spec, parts["loss"], config["seed"])


def _no_optimizer(groups: Any) -> torch.optim.Optimizer:
    raise UserError("a network that was read to predict cannot be trained")


def _network_or_learner(model: Mapping[str, Any], spec: DatasetSpec, parts: Mapping[str, Any]) -> nn.Module:
    """What the node of a model makes, for images of this kind; `parts`: what a Learner is given."""
    make = _make_learner if _asks_for_training(model) else _make_network
    made = kinds.model(model, lambda: make(model, spec, parts), spec)
    if isinstance(made, LightningModule) and not isinstance(made, Learner):
        raise UserError(
            f"model._target_={model['_target_']}: gives a LightningModule, {type(made).__name__}, and does not say so; "
            f"accepted: the class itself, or a function that says what it makes, as def make(...) -> "
            f"{type(made).__name__}"
        )
    if not isinstance(made, NumPyNet):
        # convolutions are up to 1.5 times as fast with channels last; batches follow the weights by themselves
        net = made.net if isinstance(made, Learner) else made
        make_lazy_layers(model, net, spec)
        net.to(memory_format=torch.channels_last)
        if options_of("model", model) is None and not takes_images(model, net, spec):
            net.to(memory_format=torch.contiguous_format)  # `images.view(len(images), -1)` wants it after a convolution
    return made


def _make_learner(model: Mapping[str, Any], spec: DatasetSpec, parts: Mapping[str, Any]) -> Any:
    return build(model, **parts)


def _make_network(model: Mapping[str, Any], spec: DatasetSpec, parts: Mapping[str, Any]) -> Any:
    sizes = sizes_of(spec)
    offered = sizes | {"spec": spec}
    if model_kind(model) is not ModelKind.NETWORK:  # of a function that does not say what it makes, too
        offered["rng"] = np.random.default_rng(parts["seed"])
    return build_by_name(model, offered, of_bases(model, sizes))


def _asks_for_training(model: Mapping[str, Any]) -> bool:
    """Whether a node makes a Learner: of a function that does not say what it makes, whether it has its arguments."""
    kind = model_kind(model)
    if kind is not None:
        return kind is ModelKind.LEARNER
    try:
        named, takes_any = named_arguments(locate(str(model["_target_"])))
    except (ImportError, ValueError, AttributeError):  # it is said when it is built
        return False
    return "spec" in named and ("optimizer" in named or takes_any)
