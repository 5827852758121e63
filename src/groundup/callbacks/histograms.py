"""How weights and gradients are spread."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from lightning.pytorch import Trainer
from torch import Tensor
from torch.optim import Optimizer
from torch.utils.tensorboard import SummaryWriter

from groundup.callbacks.watcher import Watcher, is_due, is_tensorboard, last_step, writers
from groundup.learning.companion import course_of
from groundup.learning.learner import Learner

BINS = 64


class Histograms(Watcher):
    """Histograms `weights/NAME` and `gradients/NAME` of all parameters.

    Gradients are those of the epoch's last step, before clipping.

    Args:
        every_n_epochs: and in the last one.
    """

    def __init__(self, every_n_epochs: int = 5):
        self.every_n_epochs = every_n_epochs

    def on_before_optimizer_step(self, trainer: Trainer, pl_module: Learner, optimizer: Optimizer) -> None:  # type: ignore[override]
        """Gradients: after the epoch there are none, as validation begins by freeing them."""
        if trainer.is_last_batch and is_due(trainer, self.every_n_epochs, by=is_tensorboard):
            grads = {
                name: p.grad for name, p in course_of(trainer, pl_module).net.named_parameters() if p.grad is not None
            }
            write_histograms(trainer, "gradients", grads, trainer.global_step)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Learner) -> None:  # type: ignore[override]
        if is_due(trainer, self.every_n_epochs, by=is_tensorboard):
            net = course_of(trainer, pl_module).net
            write_histograms(trainer, "weights", dict(net.named_parameters()), last_step(trainer))


def write_histograms(trainer: Trainer, group: str, tensors: Mapping[str, Tensor], step: int) -> None:
    """Writes one of each tensor."""
    for writer in writers(trainer):
        for name, values in tensors.items():
            write_histogram(writer, f"{group}/{name}", values, step)


def write_histogram(writer: SummaryWriter, tag: str, values: Tensor, step: int) -> None:
    """Writes a histogram of equal bins; nothing where a value is not finite."""
    values = values.detach().double().cpu().flatten()
    if not torch.isfinite(values).all():
        return
    low, high = values.min().item(), values.max().item()
    margin = 1e-12 + 1e-6 * abs(low) if low == high else 0.0
    counts, edges = torch.histogram(values, BINS, range=(low - margin, high + margin))
    writer.add_histogram_raw(
        tag, low, high, values.numel(), values.sum().item(), values.square().sum().item(),
        edges[1:].tolist(), counts.tolist(), step,
    )  # fmt: skip
