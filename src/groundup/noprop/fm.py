"""NoProp by flow matching."""

from __future__ import annotations

from typing import Unpack

import torch
from torch import Tensor

from groundup.learning.contract import Losses, Training
from groundup.noprop.continuous import Flow
from groundup.noprop.discrete import normal
from groundup.noprop.embedding import Kind
from groundup.noprop.prototypes import WithPrototypes
from groundup.spec import DatasetSpec


class NoPropFM(WithPrototypes):
    """Learns the straight way from noise to label, by flow matching (section 2.3):

        ||v(z_t, x, t) - (z_1 - z_0)||^2,    z_t = t z_1 + (1 - t) z_0,    z_0 ~ N(0, I),    z_1 = u_y

    and, where the embedding is learned, by the loss of f_out(z_t + (1 - t) v) too. The paper's small noise on z_t is
    left out, for it does not say how small.

    Args:
        spec, training: see `Learner`; the loss is that of f_out.
        embedding, embedding_dim, inference_steps: see `noprop.continuous.Timed`.

    Raises:
        UserError: the image is smaller than 14x14.
    """

    net: Flow

    def __init__(
        self,
        spec: DatasetSpec,
        *,
        embedding: Kind = "one_hot",
        embedding_dim: int = 20,
        inference_steps: int = 1000,
        **training: Unpack[Training],
    ):
        sizes = (spec.channels, spec.image_size, spec.num_classes)
        net = Flow(*sizes, embedding, embedding_dim, inference_steps)
        super().__init__(net, spec, **training)

    def losses(self, images: Tensor, target: Tensor) -> Losses:
        labels = self.net.embedding(target)
        start = normal(labels.shape, labels)
        time = torch.rand(len(images), device=images.device, dtype=images.dtype)
        z = time[:, None] * labels + (1 - time[:, None]) * start
        velocity = self.net.velocity(self.net.block.image(images), z, time)
        loss = (velocity - (labels - start)).square().sum(dim=1).mean()
        if self.net.head is not None:
            loss = loss + self.loss(self.net.head(z + (1 - time[:, None]) * velocity), target)
        return Losses(loss)
