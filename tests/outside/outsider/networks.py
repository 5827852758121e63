"""Networks: images in, logits out."""

from __future__ import annotations

from torch import Tensor, nn


class Tiny(nn.Module):
    """One convolution, a mean over the image, one linear layer."""

    def __init__(self, in_channels: int, image_size: tuple[int, int], num_classes: int, width: int = 16):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, width, 3, padding=1)
        self.head = nn.Linear(width, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.conv(images).relu().mean(dim=(2, 3)))
