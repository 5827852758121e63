"""NoProp in continuous time: a diffusion, and flow matching."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from groundup.learning.classifier import Classifier
from groundup.learning.local import LocalLearner
from groundup.noprop.continuous import Continuous, Flow
from groundup.noprop.discrete import normal
from groundup.noprop.embedded import WithEmbedding
from groundup.noprop.ode import NeuralODE


class NoPropCT(WithEmbedding, LocalLearner):
    """Learns by equation 9, a mean over the batch with a time t ~ U(0, 1) for each image:

        -log softmax(f_out(z_1))_y  +  KL(q(z_0|y) || N(0, I))  +  eta/2 SNR'(t) ||uhat(z_t, x, t) - u_y||^2

    with z_t ~ N(sqrt(abar_t) u_y, (1 - abar_t) I). The noise schedule, and a learned embedding, learn by it too.

    Args:
        spec, loss, optimizer, lr_schedule, seed: see `Learner`; the loss is that of f_out.
        eta: weight of the squared error.
        options: `embedding`, `embedding_dim` and `inference_steps`, see `noprop.continuous`.

    Raises:
        UserError: the image is smaller than 14x14.
    """

    net: Continuous

    def __init__(self, spec: Any, *parts: Any, eta: float = 1.0, **options: Any):
        options, more = _of_net(options)
        net = Continuous(spec.channels, spec.image_size, spec.num_classes, **options)
        super().__init__(net, spec, *parts, **more)
        self.eta = eta

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        images, target = batch
        labels = self.net.embedding(target)
        time = torch.rand(len(images), device=images.device, dtype=images.dtype)
        gamma, slope = self.net.noise(time)
        guesses = self.net.embedding.expected(self.net.block(images, noisy(labels, torch.sigmoid(-gamma)), time))
        errors = (guesses - labels).square().sum(dim=1)
        rise = -slope * torch.exp(-gamma)  # SNR'(t)
        first, last = self.net.noise.signal(time.new_tensor([0.0, 1.0]))
        reading = self.loss(self.net.head(noisy(labels, last)), target)
        loss = reading + divergence(labels, first) + self.eta / 2 * (rise * errors).mean()
        return self.step(loss, target, batch_idx)


def noisy(labels: Tensor, signal: Tensor) -> Tensor:
    """z ~ N(sqrt(abar) u_y, (1 - abar) I), (N, d), at one share of signal or at one for each row."""
    signal = signal.expand(len(labels))[:, None]
    return signal.sqrt() * labels + (1 - signal).sqrt() * normal(labels.shape, labels)


def divergence(labels: Tensor, signal: Tensor) -> Tensor:
    """KL(N(sqrt(abar) u_y, (1 - abar) I) || N(0, I)), a mean over rows (N, d)."""
    dim = labels.shape[1]
    return (signal * labels.square().sum(dim=1) - dim * signal - dim * torch.log1p(-signal)).mean() / 2


class NoPropFM(WithEmbedding, LocalLearner):
    """Learns the straight way from noise to label, by flow matching (section 2.3):

        ||v(z_t, x, t) - (z_1 - z_0)||^2,    z_t = t z_1 + (1 - t) z_0,    z_0 ~ N(0, I),    z_1 = u_y

    and, where the embedding is learned, by the loss of f_out(z_t + (1 - t) v) too. The paper's small noise on z_t is
    left out, for it does not say how small.

    Args:
        spec, loss, optimizer, lr_schedule, seed: see `Learner`.
        options: as `NoPropCT`.

    Raises:
        UserError: the image is smaller than 14x14.
    """

    net: Flow

    def __init__(self, spec: Any, *parts: Any, **options: Any):
        options, more = _of_net(options)
        super().__init__(Flow(spec.channels, spec.image_size, spec.num_classes, **options), spec, *parts, **more)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        images, target = batch
        labels = self.net.embedding(target)
        start = normal(labels.shape, labels)
        time = torch.rand(len(images), device=images.device, dtype=images.dtype)
        z = time[:, None] * labels + (1 - time[:, None]) * start
        velocity = self.net.velocity(self.net.block.image(images), z, time)
        loss = (velocity - (labels - start)).square().sum(dim=1).mean()
        if self.net.head is not None:
            loss = loss + self.loss(self.net.head(z + (1 - time[:, None]) * velocity), target)
        return self.step(loss, target, batch_idx)


class NoPropAdjoint(WithEmbedding, Classifier):
    """The paper's baseline in continuous time: a neural ODE, whose gradients the adjoint method gives.

    Args:
        spec, loss, optimizer, lr_schedule, seed: see `Learner`.
        options: as `NoPropCT`.

    Raises:
        UserError: torchdiffeq is not installed, or the image is smaller than 14x14.
    """

    def __init__(self, spec: Any, *parts: Any, **options: Any):
        options, more = _of_net(options)
        super().__init__(NeuralODE(spec.channels, spec.image_size, spec.num_classes, **options), spec, *parts, **more)


def _of_net(options: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is the network's, and the rest."""
    names = ("embedding", "embedding_dim", "inference_steps")
    own = {name: options.pop(name) for name in names if name in options}
    return own, options
