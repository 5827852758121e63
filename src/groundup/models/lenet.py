"""LeNet-5."""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn

from groundup.errors import UserError
from groundup.models.activations import activation_class
from groundup.models.image_size import require_image_size

POOLINGS: dict[str, type[nn.Module]] = {"max": nn.MaxPool2d, "avg": nn.AvgPool2d}


class LeNet(nn.Module):
    """Two convolutions and three linear layers: (N, C, H, W) to logits (N, num_classes).

    LeCun et al. 1998, "Gradient-based learning applied to document recognition", section II.B, with the usual modern
    reading: every map of the second convolution sees all maps of the first, pooling has no weights, and the first
    convolution is padded by 2, so that 28x28 images need not be enlarged to 32x32.

    Args:
        activation: a name from `groundup.models.activations`; the paper has tanh.
        pool: max or avg; the paper averages.

    Raises:
        UserError: the image is smaller than 12x12, or a name is unknown.
    """

    def __init__(
        self,
        in_channels: int,
        image_size: tuple[int, int],
        num_classes: int,
        activation: str = "relu",
        pool: str = "max",
    ):
        super().__init__()
        require_image_size("lenet", image_size, minimum=12)
        if pool not in POOLINGS:
            raise UserError(f"model.pool={pool}: accepted: {', '.join(POOLINGS)}")
        act, pool_class = activation_class(activation), POOLINGS[pool]
        height, width = ((side // 2 - 4) // 2 for side in image_size)
        self.features = nn.Sequential(
            OrderedDict(
                conv1=nn.Conv2d(in_channels, 6, kernel_size=5, padding=2),
                act1=act(),
                pool1=pool_class(2),
                conv2=nn.Conv2d(6, 16, kernel_size=5),
                act2=act(),
                pool2=pool_class(2),
                flatten=nn.Flatten(),
                fc1=nn.Linear(16 * height * width, 120),
                act3=act(),
                fc2=nn.Linear(120, 84),
                act4=act(),
            )
        )
        self.head = nn.Linear(84, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))
