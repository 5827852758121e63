"""The same blocks, learning otherwise: by back-propagation through all of them, alone, and by local cross-entropies."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from groundup.learning.classifier import Classifier
from groundup.learning.local import LocalLearner
from groundup.noprop.chain import Chain
from groundup.noprop.controls import Blocks, Ensemble, LocalChain, SingleBlock
from groundup.noprop.embedded import WithEmbedding
from groundup.noprop.embedding import Kind


class NoPropBackprop(WithEmbedding, Classifier):
    """The paper's baseline: the blocks of NoProp-DT as one network, `noprop.chain`, and back-propagation.

    Args:
        spec, loss, optimizer, lr_schedule, seed: see `Learner`.
        blocks: T.
        embedding: `one_hot`, `learned` or `prototype`.
        embedding_dim: of a learned one.
    """

    def __init__(
        self,
        spec: Any,
        *parts: Any,
        blocks: int = 10,
        embedding: Kind = "one_hot",
        embedding_dim: int = 20,
        **more: Any,
    ):
        net = Chain(spec.channels, spec.image_size, spec.num_classes, blocks, embedding, embedding_dim)
        super().__init__(net, spec, *parts, **more)


class BlockCE(Classifier):
    """One block, trained with the loss of the run."""

    def __init__(self, spec: Any, *parts: Any, **more: Any):
        super().__init__(SingleBlock(spec.channels, spec.image_size, spec.num_classes), spec, *parts, **more)


class LocalBlocks(LocalLearner):
    """Blocks that are trained at once, each with the loss of its own logits."""

    net: Blocks

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        images, target = batch
        losses = [self.loss(logits, target) for logits in self.net.all_logits(images)]
        total = sum(losses, start=losses[0].new_zeros(()))
        return self.step(total / len(losses), target, batch_idx, total)


class BlockLocal(LocalBlocks):
    """T blocks in a row, each with a loss of its own; no gradient goes from one to another."""

    def __init__(self, spec: Any, *parts: Any, blocks: int = 10, **more: Any):
        super().__init__(LocalChain(spec.channels, spec.image_size, spec.num_classes, blocks), spec, *parts, **more)


class BlockEnsemble(LocalBlocks):
    """T blocks that know nothing of one another, each with a loss of its own; their mean decides."""

    def __init__(self, spec: Any, *parts: Any, blocks: int = 10, **more: Any):
        super().__init__(Ensemble(spec.channels, spec.image_size, spec.num_classes, blocks), spec, *parts, **more)
