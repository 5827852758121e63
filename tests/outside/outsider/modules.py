"""LightningModules as their authors wrote them, who had never heard of this project."""

from __future__ import annotations

import lightning.pytorch as pl
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torchmetrics.classification import MulticlassAccuracy


class Usual(pl.LightningModule):
    """One optimizer with a scheduler, metrics of torchmetrics, hyperparameters that are saved: the usual way."""

    def __init__(self, num_classes: int, image_size: tuple[int, int], units: int = 16, lr: float = 0.01):
        super().__init__()
        self.save_hyperparameters()
        pixels = image_size[0] * image_size[1]
        self.net = nn.Sequential(
            nn.Flatten(), nn.Linear(pixels, units), nn.ReLU(), nn.Dropout(0.1), nn.Linear(units, num_classes)
        )
        self.train_acc = MulticlassAccuracy(num_classes, average="micro")
        self.val_acc = MulticlassAccuracy(num_classes, average="micro")
        self.test_acc = MulticlassAccuracy(num_classes, average="micro")

    def forward(self, x):
        return self.net(x)

    def on_after_batch_transfer(self, batch, dataloader_idx):
        x, y = batch
        return (x + 0.05 * torch.randn_like(x), y) if self.trainer.training else batch

    def training_step(self, batch, batch_idx):
        x, y = batch
        logits = self(x)
        loss = cross_entropy(logits, y)
        self.train_acc(logits, y)
        self.log("train/loss", loss, on_step=False, on_epoch=True, prog_bar=True)
        self.log("train/acc", self.train_acc, on_step=False, on_epoch=True)
        return loss

    def validation_step(self, batch, batch_idx):
        x, y = batch
        logits = self(x)
        self.val_acc(logits, y)
        self.log("val/loss", cross_entropy(logits, y))
        self.log("val/acc", self.val_acc)

    def test_step(self, batch, batch_idx):
        x, y = batch
        logits = self(x)
        self.test_acc(logits, y)
        self.log("test/loss", cross_entropy(logits, y))
        self.log("test/acc", self.test_acc)

    def configure_optimizers(self):
        optimizer = torch.optim.Adam(self.parameters(), lr=self.hparams.lr)
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)]


class Two(pl.LightningModule):
    """Two optimizers, stepped by hand, names of its own, and a mean of weights that is kept batch by batch."""

    def __init__(self, num_classes: int, units: int = 16):
        super().__init__()
        self.automatic_optimization = False
        self.body = nn.Sequential(nn.Flatten(), nn.LazyLinear(units), nn.Tanh())
        self.head = nn.Linear(units, num_classes)
        self.body(torch.zeros(1, 1, 8, 8))
        self.register_buffer("mean", torch.zeros_like(self.head.weight))

    def forward(self, x):
        return self.head(self.body(x)).log_softmax(1)

    def training_step(self, batch, batch_idx):
        x, y = batch
        loss = nn.functional.nll_loss(self(x), y)
        for optimizer in self.optimizers():
            optimizer.zero_grad()
        self.manual_backward(loss)
        for optimizer in self.optimizers():
            optimizer.step()
        self.log("train_loss", loss, on_epoch=True)

    def on_train_batch_end(self, outputs, batch, batch_idx):
        self.mean.lerp_(self.head.weight.detach(), 0.1)

    def validation_step(self, batch, batch_idx):
        x, y = batch
        self.log("val_loss", nn.functional.nll_loss(self(x), y), prog_bar=True)

    def configure_optimizers(self):
        return torch.optim.SGD(self.body.parameters(), 0.2), torch.optim.Adam(self.head.parameters(), 0.01)


class Bare(pl.LightningModule):
    """What Lightning asks for, and no more."""

    def __init__(self, num_classes: int):
        super().__init__()
        self.net = nn.Linear(64, num_classes)

    def training_step(self, batch, batch_idx):
        return cross_entropy(self.net(batch[0].flatten(1)), batch[1])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


def usual(num_classes: int, image_size: tuple[int, int]) -> Usual:
    """A function that says what it makes."""
    return Usual(num_classes, image_size, units=8)
