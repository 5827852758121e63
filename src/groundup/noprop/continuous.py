"""NoProp in continuous time: one network for every level of noise."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from groundup.models.image_size import require_image_size
from groundup.noprop.block import FEATURES, MIN_IMAGE_SIZE, image_path
from groundup.noprop.discrete import normal
from groundup.noprop.embedding import Embedding, Kind
from groundup.noprop.noise import Step

TIME_FEATURES = 64


class TimedBlock(nn.Module):
    """Class scores from an image (N, C, H, W), a noisy label (N, d) and its time (N,) in 0..1: (N, K). No batch norm.

    Figure 6 of the paper. What depends on the image alone is apart, for at inference a thousand steps share it.

    Args: as `Block`.
    """

    def __init__(
        self,
        in_channels: int,
        image_size: tuple[int, int],
        num_classes: int,
        dim: int,
        label_is_image: bool = False,
    ):
        super().__init__()
        require_image_size("noprop", image_size, minimum=MIN_IMAGE_SIZE)
        self.image = image_path(in_channels, image_size, nn.ReLU)
        if label_is_image:
            as_image = nn.Unflatten(1, (in_channels, *image_size))
            self.label = nn.Sequential(as_image, image_path(in_channels, image_size, nn.ReLU))
        else:
            self.label = nn.Sequential(nn.Linear(dim, FEATURES), nn.ReLU())
        self.time = nn.Sequential(nn.Linear(TIME_FEATURES, FEATURES), nn.ReLU())
        self.fuse = nn.Sequential(nn.Linear(3 * FEATURES, FEATURES), nn.ReLU(), nn.Linear(FEATURES, 128), nn.ReLU())
        self.head = nn.Linear(128, num_classes)

    def forward(self, images: Tensor, z: Tensor, time: Tensor) -> Tensor:
        return self.scores(self.image(images), z, time)

    def scores(self, features: Tensor, z: Tensor, time: Tensor) -> Tensor:
        """The same, from what `image` has made of the images, (N, 256)."""
        parts = [features, self.label(z), self.time(time_features(time))]
        return self.head(self.fuse(torch.cat(parts, dim=1)))


def time_features(time: Tensor) -> Tensor:
    """Sines and cosines of 1000 t at 32 frequencies from 1 down to 1/10,000 (Vaswani et al. 2017): (N,) to (N, 64)."""
    half = TIME_FEATURES // 2
    frequencies = torch.exp(-math.log(10_000) / half * torch.arange(half, device=time.device, dtype=time.dtype))
    angles = 1000 * time[:, None] * frequencies
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class LearnedNoise(nn.Module):
    """A noise schedule that is learned (appendix B): the ratio of signal to noise is exp(-gamma(t)), and gamma falls.

        gamma(t) = gamma_1 - (gamma_1 - gamma_0) gbar(t),    gbar(t) = (g(t) - g(0)) / (g(1) - g(0))

    with g a network of one hidden layer whose weights are positive, so that it rises. The paper gives neither its width
    nor where gamma begins: 64 units, and from 5 at t = 0 down to -5 at t = 1.
    """

    def __init__(self, width: int = 64, noisy: float = 5.0, clean: float = -5.0):
        super().__init__()
        self.clean = nn.Parameter(torch.tensor(clean))  # gamma_0, at t = 1
        self.span = nn.Parameter(_softplus_inverse(torch.tensor(noisy - clean)))  # gamma_1 - gamma_0 > 0
        self.slopes = nn.Parameter(torch.randn(width))
        self.bias = nn.Parameter(torch.randn(width))
        self.heights = nn.Parameter(torch.randn(width))

    def forward(self, time: Tensor) -> tuple[Tensor, Tensor]:
        """gamma and its derivative at times `(N,)`."""
        ends = self._rise(time.new_tensor([0.0, 1.0]))[0]
        height = ends[1] - ends[0]
        rise, slope = self._rise(time)
        span = F.softplus(self.span)
        return self.clean + span * (1 - (rise - ends[0]) / height), -span * slope / height

    def signal(self, time: Tensor) -> Tensor:
        """abar_t = sigmoid(-gamma(t))."""
        return torch.sigmoid(-self(time)[0])

    def _rise(self, time: Tensor) -> tuple[Tensor, Tensor]:
        """g and its derivative."""
        slopes, heights = F.softplus(self.slopes), F.softplus(self.heights)
        s = torch.sigmoid(time[:, None] * slopes + self.bias)
        return s @ heights, (s * (1 - s)) @ (slopes * heights)


def _softplus_inverse(value: Tensor) -> Tensor:
    return value + torch.log(-torch.expm1(-value))


class Timed(nn.Module):
    """An embedding and a `TimedBlock`: what NoProp-CT and NoProp-FM have in common.

    Args:
        embedding: see `Embedding`.
        embedding_dim: of a learned one.
        inference_steps: from noise to label.
    """

    draws_at_inference = True

    def __init__(
        self,
        in_channels: int,
        image_size: tuple[int, int],
        num_classes: int,
        embedding: Kind = "one_hot",
        embedding_dim: int = 20,
        inference_steps: int = 1000,
    ):
        super().__init__()
        self.embedding = Embedding(embedding, num_classes, embedding_dim, in_channels * image_size[0] * image_size[1])
        self.block = TimedBlock(in_channels, image_size, num_classes, self.embedding.dim, embedding == "prototype")
        self.inference_steps = inference_steps


class Continuous(Timed):
    """Inference of NoProp-CT: equation 3 along `inference_steps` equal steps of time. (N, C, H, W) to (N, K).

    The paper names the number of steps and no sampler; this one is exact for the posterior that training assumes.
    """

    def __init__(
        self,
        in_channels: int,
        image_size: tuple[int, int],
        num_classes: int,
        embedding: Kind = "one_hot",
        embedding_dim: int = 20,
        inference_steps: int = 1000,
    ):
        super().__init__(in_channels, image_size, num_classes, embedding, embedding_dim, inference_steps)
        self.noise = LearnedNoise()
        self.head = nn.Linear(self.embedding.dim, num_classes)

    def forward(self, images: Tensor, generator: Generator | None = None) -> Tensor:
        features = self.block.image(images)
        times = torch.linspace(0, 1, self.inference_steps + 1, device=images.device, dtype=images.dtype)
        signal = self.noise.signal(times).tolist()
        z = normal((len(images), self.embedding.dim), images, generator)
        for k in range(self.inference_steps):
            step = Step.between(signal[k], signal[k + 1])
            guess = self.embedding.expected(self.block.scores(features, z, times[k].expand(len(images))))
            z = step.a * guess + step.b * z + math.sqrt(step.c) * normal(z.shape, images, generator)
        return self.head(z)


class Flow(Timed):
    """Inference of NoProp-FM: dz/dt = v(z, x, t), `inference_steps` steps of Euler. (N, C, H, W) to (N, K).

    The logits are minus the squared distances of z_1 to the embeddings of the classes: the nearest one wins. `head`
    trains a learned embedding, and decides nothing.
    """

    def __init__(
        self,
        in_channels: int,
        image_size: tuple[int, int],
        num_classes: int,
        embedding: Kind = "one_hot",
        embedding_dim: int = 20,
        inference_steps: int = 1000,
    ):
        super().__init__(in_channels, image_size, num_classes, embedding, embedding_dim, inference_steps)
        learns = self.embedding.kind != "one_hot"
        self.head = nn.Linear(self.embedding.dim, num_classes) if learns else None

    def velocity(self, features: Tensor, z: Tensor, time: Tensor) -> Tensor:
        """v, (N, d): class scores as weights of the embeddings."""
        return self.block.scores(features, z, time) @ self.embedding.weight

    def forward(self, images: Tensor, generator: Generator | None = None) -> Tensor:
        features = self.block.image(images)
        z = normal((len(images), self.embedding.dim), images, generator)
        for k in range(self.inference_steps):
            time = torch.full((len(images),), k / self.inference_steps, device=images.device, dtype=images.dtype)
            z = z + self.velocity(features, z, time) / self.inference_steps
        return -torch.cdist(z, self.embedding.weight.to(z.dtype)).square()
