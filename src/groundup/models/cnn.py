"""A small residual convolutional net with batch norm: the default model."""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn

from groundup.models.activations import activation_class
from groundup.models.blocks import BasicBlock, conv3x3
from groundup.models.image_size import require_image_size


def residual(channels: int, act: type[nn.Module]) -> BasicBlock:
    """A residual block whose branch starts at zero.

    The net is then shallow while the learning rate is highest (Goyal et al. 2017, section 5.1).
    """
    block = BasicBlock(channels, channels, act=act)
    nn.init.zeros_(block.bn2.weight)
    return block


def stage(in_channels: int, out_channels: int, act: type[nn.Module]) -> nn.Sequential:
    """Halves the image and learns at the new size: (N, C, H, W) to (N, out_channels, H // 2, W // 2)."""
    return nn.Sequential(
        OrderedDict(
            conv=conv3x3(in_channels, out_channels),
            # Before the norm, not after the activation: that leaves both a quarter of the pixels
            pool=nn.MaxPool2d(2),
            bn=nn.BatchNorm2d(out_channels),
            act=act(),
            block=residual(out_channels, act),
        )
    )


class CNN(nn.Module):
    """A stem and three stages of `width`, 2 and 4 times `width` channels: (N, C, H, W) to logits (N, num_classes).

    After David Page's ResNet-9 ("How to train your ResNet", 2018) with the narrower stages of Keller Jordan's airbench
    (2024), and its GELU: ten convolutions, 2.0 million parameters and 0.13 billion multiply-adds for a 3x32x32 image at
    width 64.

    Args:
        width: channels of the stem and of the first stage.
        activation: a name of `activations.ACTIVATIONS`.
        dropout: probability of zeroing a feature before the head while training.

    Raises:
        UserError: the image is smaller than 8x8, which three halvings would leave empty.
    """

    def __init__(
        self,
        in_channels: int,
        image_size: tuple[int, int],
        num_classes: int,
        width: int = 64,
        activation: str = "gelu",
        dropout: float = 0.0,
    ):
        super().__init__()
        require_image_size("cnn", image_size, minimum=8)
        act = activation_class(activation)
        self.stem = nn.Sequential(OrderedDict(conv=conv3x3(in_channels, width), bn=nn.BatchNorm2d(width), act=act()))
        self.stages = nn.Sequential(
            stage(width, width, act), stage(width, 2 * width, act), stage(2 * width, 4 * width, act)
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(4 * width, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stages(self.stem(x))
        # The strongest response, wherever it is; nn.AdaptiveMaxPool2d has no deterministic gradient on CUDA
        x = x.amax(dim=(2, 3))
        return self.head(self.dropout(x))
