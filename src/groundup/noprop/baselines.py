"""The same blocks, learning otherwise: by back-propagation through all of them, alone, and by local cross-entropies."""

from __future__ import annotations

from typing import Unpack

from torch import Tensor

from groundup.learning.classifier import Classifier
from groundup.learning.contract import Losses, Training
from groundup.learning.learner import Learner
from groundup.noprop.chain import Chain
from groundup.noprop.controls import Blocks, Ensemble, LocalChain, SingleBlock
from groundup.noprop.embedding import Kind
from groundup.noprop.prototypes import WithPrototypes
from groundup.spec import DatasetSpec


class NoPropBackprop(WithPrototypes, Classifier):
    """The paper's baseline: the blocks of NoProp-DT as one network, `noprop.chain`, and back-propagation.

    Args:
        spec, training: see `Learner`.
        blocks: T.
        embedding: `one_hot`, `learned` or `prototype`.
        embedding_dim: of a learned one.
    """

    def __init__(
        self,
        spec: DatasetSpec,
        *,
        blocks: int = 10,
        embedding: Kind = "one_hot",
        embedding_dim: int = 20,
        **training: Unpack[Training],
    ):
        net = Chain(spec.channels, spec.image_size, spec.num_classes, blocks, embedding, embedding_dim)
        super().__init__(net, spec, **training)


class BlockCE(Classifier):
    """One block, trained with the loss of the run."""

    def __init__(self, spec: DatasetSpec, **training: Unpack[Training]):
        super().__init__(SingleBlock(spec.channels, spec.image_size, spec.num_classes), spec, **training)


class LocalBlocks(Learner):
    """Blocks that are trained at once, each with the loss of its own logits."""

    net: Blocks

    def losses(self, images: Tensor, target: Tensor) -> Losses:
        each = [self.loss(logits, target) for logits in self.net.all_logits(images)]
        total = sum(each, start=each[0].new_zeros(()))
        return Losses(total, shown=total / len(each))


class BlockLocal(LocalBlocks):
    """T blocks in a row, each with a loss of its own; no gradient goes from one to another."""

    def __init__(self, spec: DatasetSpec, *, blocks: int = 10, **training: Unpack[Training]):
        super().__init__(LocalChain(spec.channels, spec.image_size, spec.num_classes, blocks), spec, **training)


class BlockEnsemble(LocalBlocks):
    """T blocks that know nothing of one another, each with a loss of its own; their mean decides."""

    def __init__(self, spec: DatasetSpec, *, blocks: int = 10, **training: Unpack[Training]):
        super().__init__(Ensemble(spec.channels, spec.image_size, spec.num_classes, blocks), spec, **training)
