"""NoProp in continuous time, as a diffusion."""

from __future__ import annotations

from typing import Unpack

import torch
from torch import Tensor

from groundup.learning.contract import Losses, Training
from groundup.noprop.continuous import Continuous
from groundup.noprop.discrete import normal
from groundup.noprop.embedding import Kind
from groundup.noprop.prototypes import WithPrototypes
from groundup.spec import DatasetSpec


class NoPropCT(WithPrototypes):
    """Learns by equation 9, a mean over the batch with a time t ~ U(0, 1) for each image:

        -log softmax(f_out(z_1))_y  +  KL(q(z_0|y) || N(0, I))  +  eta/2 SNR'(t) ||uhat(z_t, x, t) - u_y||^2

    with z_t ~ N(sqrt(abar_t) u_y, (1 - abar_t) I). The noise schedule, and a learned embedding, learn by it too.

    Args:
        spec, training: see `Learner`; the loss is that of f_out.
        eta: weight of the squared error.
        embedding, embedding_dim, inference_steps: see `noprop.continuous.Timed`.

    Raises:
        UserError: the image is smaller than 14x14.
    """

    net: Continuous

    def __init__(
        self,
        spec: DatasetSpec,
        *,
        eta: float = 1.0,
        embedding: Kind = "one_hot",
        embedding_dim: int = 20,
        inference_steps: int = 1000,
        **training: Unpack[Training],
    ):
        sizes = (spec.channels, spec.image_size, spec.num_classes)
        net = Continuous(*sizes, embedding, embedding_dim, inference_steps)
        super().__init__(net, spec, **training)
        self.eta = eta

    def losses(self, images: Tensor, target: Tensor) -> Losses:
        labels = self.net.embedding(target)
        time = torch.rand(len(images), device=images.device, dtype=images.dtype)
        gamma, slope = self.net.noise(time)
        guesses = self.net.embedding.expected(self.net.block(images, noisy(labels, torch.sigmoid(-gamma)), time))
        errors = (guesses - labels).square().sum(dim=1)
        rise = -slope * torch.exp(-gamma)  # SNR'(t)
        first, last = self.net.noise.signal(time.new_tensor([0.0, 1.0]))
        reading = self.loss(self.net.head(noisy(labels, last)), target)
        return Losses(reading + divergence(labels, first) + self.eta / 2 * (rise * errors).mean())


def noisy(labels: Tensor, signal: Tensor) -> Tensor:
    """z ~ N(sqrt(abar) u_y, (1 - abar) I), (N, d), at one share of signal or at one for each row."""
    signal = signal.expand(len(labels))[:, None]
    return signal.sqrt() * labels + (1 - signal).sqrt() * normal(labels.shape, labels)


def divergence(labels: Tensor, signal: Tensor) -> Tensor:
    """KL(N(sqrt(abar) u_y, (1 - abar) I) || N(0, I)), a mean over rows (N, d)."""
    dim = labels.shape[1]
    return (signal * labels.square().sum(dim=1) - dim * signal - dim * torch.log1p(-signal)).mean() / 2
