"""From the nodes of a config to a network with its way of learning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from groundup.borrowed.hydra import locate
from groundup.config.build import build, build_by_name, named_arguments
from groundup.config.given_sizes import refuse_other_sizes, sizes_of
from groundup.config.model_kinds import model_kind
from groundup.errors import UserError
from groundup.learning.captured_classifier import CapturedClassifier
from groundup.learning.classifier import Classifier
from groundup.learning.learner import Learner
from groundup.learning.numpy_net import NumPyNet
from groundup.learning.predictor import Predictor
from groundup.learning.schedules import Constant
from groundup.options import ModelKind
from groundup.run import kinds
from groundup.spec import DatasetSpec


def build_learner(config: Mapping[str, Any], spec: DatasetSpec) -> Learner:
    """The network with its way of learning. A model that is a Learner itself brings its own."""
    parts = {
        "spec": spec,
        "loss": kinds.loss(config["loss"], spec.num_classes),
        "optimizer": kinds.optimizer(config["optimizer"]),
        "lr_schedule": kinds.schedule(config["scheduler"]),
        "seed": config["seed"],
    }
    learner = build_model(config["model"], spec, parts)
    if not isinstance(learner, Learner):
        way = CapturedClassifier if config["trainer"].get("capture") else Classifier  # a run made before has no key
        learner = way(learner, **parts)
    if config["trainer"]["precision"] == "64-true":
        learner.double()  # before weights are loaded: Lightning would do it after, when they are rounded already
    return learner


def build_predictor(config: Mapping[str, Any], spec: DatasetSpec) -> Predictor:
    """The network as far as it predicts. What it is trained by is not built: it may be somebody else's."""
    parts = {
        "spec": spec,
        "loss": kinds.loss(config["loss"], spec.num_classes),
        "optimizer": _no_optimizer,
        "lr_schedule": Constant(),
        "seed": config["seed"],
    }
    made = build_model(config["model"], spec, parts)
    predictor = made if isinstance(made, Predictor) else Predictor(made, spec, parts["loss"], config["seed"])
    if config["trainer"]["precision"] == "64-true":
        predictor.double()
    return predictor


def _no_optimizer(groups: Any) -> torch.optim.Optimizer:
    raise UserError("a network that was read to predict is not trained")


def build_model(model: Mapping[str, Any], spec: DatasetSpec, parts: Mapping[str, Any]) -> nn.Module:
    """What the node of a model makes, for images of this kind: a network, or a Learner.

    Args:
        model: the node.
        spec: of the images.
        parts: what a Learner is given.

    Raises:
        UserError: it makes neither.
    """
    refuse_other_sizes(model, spec)
    make = _make_learner if _asks_for_training(model) else _make_network
    made = kinds.model(model, lambda: make(model, spec, parts), spec)
    if not isinstance(made, NumPyNet):
        # convolutions are up to 1.5 times as fast with channels last; batches follow the weights by themselves
        (made.net if isinstance(made, Learner) else made).to(memory_format=torch.channels_last)
    return made


def _make_learner(model: Mapping[str, Any], spec: DatasetSpec, parts: Mapping[str, Any]) -> Any:
    return build(model, **parts)


def _make_network(model: Mapping[str, Any], spec: DatasetSpec, parts: Mapping[str, Any]) -> Any:
    sizes = sizes_of(spec)
    offered = sizes | {"spec": spec}
    if model_kind(model) is not ModelKind.NETWORK:  # of a function that does not say what it makes, too
        offered["rng"] = np.random.default_rng(parts["seed"])
    return build_by_name(model, offered, to_any=sizes)


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
