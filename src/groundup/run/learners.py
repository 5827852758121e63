"""From the nodes of a config to a network with its way of learning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from groundup.config.build import build, computes_in_numpy
from groundup.learning.captured_classifier import CapturedClassifier
from groundup.learning.classifier import Classifier
from groundup.learning.learner import Learner
from groundup.learning.numpy_net import NumPyNet
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
    model = config["model"]
    if kinds.brings_its_learner(model):
        learner = build(model, **parts)
        learner.net.to(memory_format=torch.channels_last)
    else:
        way = CapturedClassifier if config["trainer"].get("capture") else Classifier  # a run made before has no key
        learner = way(build_net(model, spec, config["seed"]), **parts)
    if config["trainer"]["precision"] == "64-true":
        learner.double()  # before weights are loaded: Lightning would do it after, when they are rounded already
    return learner


def build_net(model: Mapping[str, Any], spec: DatasetSpec, seed: int) -> nn.Module:
    """The network of a model's node, for images of this kind."""
    sizes = {"in_channels": spec.channels, "image_size": spec.image_size, "num_classes": spec.num_classes}
    if computes_in_numpy(model):
        return NumPyNet(build(model, **sizes, rng=np.random.default_rng(seed)))
    net = kinds.network(model, lambda: build(model, **sizes), spec)
    # convolutions are up to 1.5 times as fast with channels last; batches follow the weights by themselves
    return net.to(memory_format=torch.channels_last)
