"""NoProp in discrete time: every block learns by itself to see through its own level of noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal, Unpack

import torch
from torch import Tensor, nn

from groundup.errors import UserError
from groundup.learning.contract import Losses, Training
from groundup.learning.metrics import hits, share
from groundup.noprop.block_errors import BlockErrors
from groundup.noprop.block_logits import block_logits
from groundup.noprop.discrete import Discrete, normal
from groundup.noprop.embedding import Kind
from groundup.noprop.noise import signal_to_noise
from groundup.noprop.prototypes import WithPrototypes
from groundup.spec import DatasetSpec


class NoPropDT(WithPrototypes):
    """Learns by the objective of block t (equation 8), a mean over the batch:

        -log softmax(f_out(z_T))_y  +  T/2 eta (SNR(t) - SNR(t-1)) ||uhat_t(z_{t-1}, x) - u_y||^2

    with z_s ~ q(z_s | y) = N(sqrt(abar_s) u_y, (1 - abar_s) I). The paper's third term, KL(q(z_0|y) || N(0, I)), is
    zero, for nothing of the label is in z_0. No block sees another's output, nor a gradient from beyond itself; the
    first term trains f_out and the embedding alone.

    `train/block_01` and so on is a block's squared error; `val/acc_block_01` the accuracy of what it guesses at
    inference, when it is given what came out of the blocks before it.

    Args:
        spec, training: see `Learner`; the loss is that of f_out.
        blocks: T.
        embedding: `one_hot`, `learned` or `prototype`, see `noprop.embedding`.
        embedding_dim: of a learned one.
        eta: weight of the squared error.
        schedule: `sequential`, the paper's algorithm 1: an epoch is T passes over the training images, one for each
            block; `stacked`: an epoch is one pass, and each step trains all blocks.

    Raises:
        UserError: the image is smaller than 14x14.
    """

    net: Discrete

    def __init__(
        self,
        spec: DatasetSpec,
        *,
        blocks: int = 10,
        embedding: Kind = "one_hot",
        embedding_dim: int = 20,
        eta: float = 0.1,
        schedule: Literal["sequential", "stacked"] = "sequential",
        **training: Unpack[Training],
    ):
        net = Discrete(spec.channels, spec.image_size, spec.num_classes, blocks, embedding, embedding_dim)
        super().__init__(net, spec, **training)
        self.passes = blocks if schedule == "sequential" else 1
        rises = [signal_to_noise(after) - signal_to_noise(before) for before, after in pairwise(net.signal)]
        self.weights = [blocks / 2 * eta * rise for rise in rises]
        self._block_errors = BlockErrors(blocks)
        self._trained = range(blocks)  # in this step, counted from 0

    def setup(self, stage: str) -> None:
        super().setup(stage)
        if self.passes > 1 and self.trainer.world_size > 1:
            raise UserError(
                f"model.schedule=sequential with trainer.devices={self.trainer.world_size}: one block at a time learns "
                "on one device; accepted: model.schedule=stacked"
            )
        if self.passes > 1 and self.trainer.limit_train_batches != 1.0:
            raise UserError(
                f"trainer.limit_train_batches={self.trainer.limit_train_batches} with model.schedule=sequential: an "
                "epoch is a pass for every block, and the last ones would not learn; use data.limit_train, or "
                "model.schedule=stacked"
            )

    # Training

    def parameter_groups(self) -> list[list[nn.Parameter]]:
        """A group for each block, and one for f_out and a learned embedding: fused optimizers want it so."""
        blocks = [list(block.parameters()) for block in self.net.blocks]
        own = {id(parameter) for block in blocks for parameter in block}
        return [[p for p in self.net.parameters() if id(p) not in own], *blocks]

    def on_train_start(self) -> None:
        super().on_train_start()
        self._block_errors.to(self.device)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        super().on_train_batch_start(batch, batch_idx)
        if self.passes > 1:
            block = batch_idx * self.passes // int(self.trainer.num_training_batches)
            self._trained = range(block, block + 1)

    def losses(self, images: Tensor, target: Tensor) -> Losses:
        blocks = self._trained
        labels = self.net.embedding(target)
        errors = self.errors(blocks, images, labels, self.noisy(blocks, labels))
        reading = self.loss(self.net.head(self._noisy(labels, len(self.net.blocks))), target)
        loss = len(blocks) * reading + sum(self.weights[block] * errors[i] for i, block in enumerate(blocks))
        self._block_errors.update(blocks, errors.detach(), len(target))
        return Losses(loss, shown=loss / len(blocks))

    def errors(self, blocks: Sequence[int], images: Tensor, labels: Tensor, z: Tensor) -> Tensor:
        """Mean squared errors of some blocks, `(b,)`; squares are summed over d.

        Args:
            blocks: their numbers, from 0.
            images: `(N, C, H, W)`.
            labels: u_y, `(N, d)`.
            z: of every block what it is given, `(b, N, d)`.
        """
        logits = block_logits([self.net.blocks[block] for block in blocks], images, z)
        guesses = logits.softmax(dim=2) @ self.net.embedding.weight
        return (guesses - labels).square().sum(dim=2).mean(dim=1)

    def noisy(self, blocks: Sequence[int], labels: Tensor) -> Tensor:
        """What blocks are given in training: block t, number t - 1 here, z_{t-1} ~ q(z_{t-1} | y). `(b, N, d)`."""
        return torch.stack([self._noisy(labels, block) for block in blocks])

    def _noisy(self, labels: Tensor, level: int) -> Tensor:
        signal = self.net.signal[level]
        return math.sqrt(signal) * labels + math.sqrt(1 - signal) * normal(labels.shape, labels)

    # Figures of single blocks

    def train_metrics(self) -> dict[str, float]:
        return super().train_metrics() | self._block_errors.metrics(self.sum_over_processes)

    def end_epoch(self) -> dict[str, float]:
        metrics = super().end_epoch()
        if self.trainer.is_last_batch:
            self._block_errors.reset()
        return metrics

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(checkpoint)
        checkpoint["blocks"] = self._block_errors.state()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_load_checkpoint(checkpoint)
        if "blocks" in checkpoint:
            self._block_errors.load(checkpoint["blocks"])

    # Evaluation

    def begin_evaluation(self) -> None:
        super().begin_evaluation()
        self._seen = 0
        self._hits = torch.zeros(len(self.net.blocks) + 1, dtype=torch.int64, device=self.device)

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        images, target = batch
        logits, guesses = self.net.trajectory(images, self.inference_draws)
        without_noise, _ = self.net.trajectory(images, self.inference_draws, noise=False)
        self._hits += torch.stack([hits(guess, target) for guess in (*guesses, without_noise)])
        self._seen += len(target)
        return self.take(logits, target)

    def further_metrics(self) -> dict[str, float]:
        """`acc_block_01` and so on, and `acc_without_noise`: of equation 3 without its eps."""
        counts = torch.cat([self._hits, self._hits.new_tensor([self._seen])])
        *found, images = self.sum_over_processes(counts).tolist()
        *of_blocks, without_noise = [share(right, images) for right in found]
        named = {f"acc_block_{t:02}": right for t, right in enumerate(of_blocks, 1)}
        return named | {"acc_without_noise": without_noise}
