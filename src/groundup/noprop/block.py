"""A block: what one step of denoising computes from an image and a noisy label. Figure 6 of the paper.

Convolutions are not padded, as the published numbers of parameters say.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

from groundup.models.image_size import require_image_size

MIN_IMAGE_SIZE = 14
FEATURES = 256
DROPOUT = 0.2


def image_path(in_channels: int, image_size: tuple[int, int], last: type[nn.Module]) -> nn.Sequential:
    """Three convolutions and a linear layer: (N, C, H, W) to (N, 256). `last` follows, BatchNorm1d or ReLU."""
    height, width = (((side - 2) // 2 - 4) // 2 for side in image_size)
    layers: dict[str, nn.Module] = {
        "conv1": nn.Conv2d(in_channels, 32, 3),
        "act1": nn.ReLU(),
        "pool1": nn.MaxPool2d(2),
        "drop1": nn.Dropout(DROPOUT),
        "conv2": nn.Conv2d(32, 64, 3),
        "act2": nn.ReLU(),
        "drop2": nn.Dropout(DROPOUT),
        "conv3": nn.Conv2d(64, 128, 3),
        "act3": nn.ReLU(),
        "pool3": nn.MaxPool2d(2),
        "drop3": nn.Dropout(DROPOUT),
        "flatten": nn.Flatten(),
        "linear": nn.Linear(128 * height * width, FEATURES),
        "last": last(FEATURES) if last is nn.BatchNorm1d else last(),
    }
    return nn.Sequential(OrderedDict(layers))


def normed(fan_in: int, fan_out: int) -> nn.Sequential:
    """Linear layer, batch norm, ReLU."""
    return nn.Sequential(nn.Linear(fan_in, fan_out), nn.BatchNorm1d(fan_out), nn.ReLU())


class VectorPath(nn.Module):
    """The path of a noisy label (N, d) that is no image: to (N, 256), with a residual branch."""

    def __init__(self, dim: int):
        super().__init__()
        self.first = normed(dim, FEATURES)
        self.branch = nn.Sequential(
            *normed(FEATURES, FEATURES), nn.Linear(FEATURES, FEATURES), nn.BatchNorm1d(FEATURES)
        )

    def forward(self, z: Tensor) -> Tensor:
        h = self.first(z)
        return h + self.branch(h)


class ImageShapedPath(nn.Module):
    """The path of a noisy label (N, d) that has as many numbers as an image: seen as one, by convolutions."""

    def __init__(self, in_channels: int, image_size: tuple[int, int]):
        super().__init__()
        self.shape = (in_channels, *image_size)
        self.path = image_path(in_channels, image_size, nn.BatchNorm1d)

    def forward(self, z: Tensor) -> Tensor:
        return self.path(z.unflatten(1, self.shape))


class Block(nn.Module):
    """Class scores from an image (N, C, H, W) and a noisy label (N, d): (N, K).

    Args:
        dim: d.
        label_is_image: the label has the shape of an image, d = C * H * W.

    Raises:
        UserError: the image is smaller than 14x14.
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
        self.image = image_path(in_channels, image_size, nn.BatchNorm1d)
        self.label = ImageShapedPath(in_channels, image_size) if label_is_image else VectorPath(dim)
        self.fuse = nn.Sequential(normed(2 * FEATURES, FEATURES), normed(FEATURES, 128))
        self.head = nn.Linear(128, num_classes)

    def forward(self, images: Tensor, z: Tensor) -> Tensor:
        return self.head(self.fuse(torch.cat([self.image(images), self.label(z)], dim=1)))
