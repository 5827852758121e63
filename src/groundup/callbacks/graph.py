"""The network as a graph of operations."""

from __future__ import annotations

import logging
import warnings

import torch
from lightning.pytorch import Trainer
from torch import Tensor, nn

from groundup.callbacks.probe import probe_images
from groundup.callbacks.watcher import Watcher, begins, is_tensorboard, writers
from groundup.learning.companion import course_of
from groundup.learning.learner import Learner
from groundup.learning.numpy_net import NumPyNet
from groundup.models.summary import untouched

log = logging.getLogger(__name__)


class Graph(Watcher):
    """The tab GRAPHS: the network's operations, traced with one image before the first step.

    A hand-written network is a single operation to PyTorch, and has none.
    """

    def on_train_start(self, trainer: Trainer, pl_module: Learner) -> None:  # type: ignore[override]
        net = course_of(trainer, pl_module).net
        if not begins(trainer, by=is_tensorboard) or not trainer.is_global_zero or isinstance(net, NumPyNet):
            return
        image = probe_images(trainer, 1)
        if image is None:
            return
        with untouched(net) as like, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what tracing cannot follow of shapes changes no graph of one image
            try:
                for writer in writers(trainer):
                    writer.add_graph(Network(net), image.to(like.dtype))
            except (RuntimeError, torch.jit.TracingCheckError) as error:
                log.warning(f"callbacks.graph: this network cannot be traced: {error}")


class Network(nn.Module):
    """A network itself, though it be compiled. TensorBoard shows the name of this class."""

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = net

    def forward(self, images: Tensor) -> Tensor:
        return self.net.forward(images)
