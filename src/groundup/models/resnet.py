"""ResNet-18 for small images."""

from __future__ import annotations

from torch import Tensor, nn

from groundup.models.blocks import BasicBlock, conv3x3
from groundup.models.image_size import require_image_size


class ResNet(nn.Module):
    """Four layers of basic blocks: (N, C, H, W) to logits (N, num_classes).

    He et al. 2016, "Deep residual learning for image recognition", in the form used for CIFAR: the ImageNet widths of
    table 1 behind a 3x3 stem of stride 1 without max-pool. Layer names are torchvision's.

    Args:
        depths: blocks in each layer.
    """

    def __init__(self, in_channels: int, num_classes: int, depths: tuple[int, int, int, int]):
        super().__init__()
        self.conv1 = conv3x3(in_channels, 64)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU()
        self.layer1 = self._layer(64, 64, depths[0], stride=1)
        self.layer2 = self._layer(64, 128, depths[1], stride=2)
        self.layer3 = self._layer(128, 256, depths[2], stride=2)
        self.layer4 = self._layer(256, 512, depths[3], stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(512, num_classes)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")

    @staticmethod
    def _layer(in_channels: int, out_channels: int, depth: int, stride: int) -> nn.Sequential:
        first = BasicBlock(in_channels, out_channels, stride)
        return nn.Sequential(first, *(BasicBlock(out_channels, out_channels) for _ in range(depth - 1)))

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))


def resnet18(in_channels: int, image_size: tuple[int, int], num_classes: int) -> ResNet:
    """ResNet-18 with the CIFAR stem: 11,173,962 parameters for three channels and ten classes.

    Raises:
        UserError: the image is smaller than 8x8.
    """
    require_image_size("resnet18", image_size, minimum=8)
    return ResNet(in_channels, num_classes, depths=(2, 2, 2, 2))
