"""A convolutional net that learns in few epochs: whitened pixels, and convolutions that begin as the identity.

After Keller Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU" (2024), section 3.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from groundup.models.activations import activation_class
from groundup.models.blocks import conv3x3
from groundup.models.image_size import require_image_size

WHITENING_EPS = 5e-4  # added to every variance, so that directions in which pixels hardly vary are not blown up


class BiasNorm(nn.BatchNorm2d):
    """Batch norm with a bias alone, kept in float32 when the network is made of halves.

    Args:
        channels: C of (N, C, H, W).
        momentum: share of the new in the running figures.
    """

    def __init__(self, channels: int, momentum: float):
        super().__init__(channels, eps=1e-12, momentum=momentum)
        self.weight.requires_grad_(False)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> BiasNorm:
        return super()._apply(lambda tensor: _not_halved(fn(tensor)), recurse)


def _not_halved(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor


def identity_conv3x3(in_channels: int, out_channels: int) -> nn.Conv2d:
    """A 3x3 convolution of which as many outputs as there are inputs begin as copies of them."""
    conv = conv3x3(in_channels, out_channels)
    with torch.no_grad():
        nn.init.dirac_(conv.weight[:in_channels])  # of fewer outputs than inputs, all
    return conv


class Group(nn.Module):
    """Halves the image and learns at the new size: (N, C, H, W) to (N, out_channels, H // 2, W // 2).

    Args:
        depth: convolutions; three or more have a shortcut round all but the first.
        act: class of the activations.
        momentum: see `BiasNorm`.
    """

    def __init__(self, in_channels: int, out_channels: int, depth: int, act: type[nn.Module], momentum: float):
        super().__init__()
        self.first = nn.Sequential(
            OrderedDict(
                conv=identity_conv3x3(in_channels, out_channels),
                pool=nn.MaxPool2d(2),
                bn=BiasNorm(out_channels, momentum),
                act=act(),
            )
        )
        layers: list[nn.Module] = []
        for _ in range(depth - 1):
            layers += [identity_conv3x3(out_channels, out_channels), BiasNorm(out_channels, momentum), act()]
        act_after_shortcut = layers.pop() if layers else nn.Identity()
        self.rest = nn.Sequential(*layers)
        self.act = act_after_shortcut
        self.has_shortcut = depth > 2

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        out = self.rest(x)
        return self.act(out + x if self.has_shortcut else out)


class SpeedNet(nn.Module):
    """Whitening, one group of convolutions for each width, a linear head: (N, C, H, W) to logits (N, num_classes).

    The whitening layer is set by `init_from_images` before training; its weights are not trained, its bias is. With
    widths 64, 256, 256 and depth 2 it is the net of the 94 % record on CIFAR-10: 2.0 million parameters, 0.12 billion
    multiply-adds; 128, 384, 384 is that of 95 %, and 128, 384, 512 with depth 3 that of 96 %.

    Args:
        widths: channels of each group.
        depth: convolutions of a group.
        activation: a name of `activations.ACTIVATIONS`.
        whiten_size: pixels a side of the patches that are whitened.
        norm_momentum: of batch norm, the share of the new.
        logit_scale: factor on the logits.

    Raises:
        UserError: the image is too small for so many halvings.
    """

    def __init__(
        self,
        in_channels: int,
        image_size: tuple[int, int],
        num_classes: int,
        widths: Sequence[int] = (64, 256, 256),
        depth: int = 2,
        activation: str = "gelu",
        whiten_size: int = 2,
        norm_momentum: float = 0.4,
        logit_scale: float = 0.1111,
    ):
        super().__init__()
        require_image_size("speednet", image_size, minimum=smallest_image(len(widths), whiten_size))
        act = activation_class(activation)
        directions = in_channels * whiten_size**2
        self.whiten = nn.Conv2d(in_channels, 2 * directions, whiten_size)
        self.whiten.weight.requires_grad_(False)
        self.act = act()
        channels = [2 * directions, *widths]
        self.groups = nn.Sequential(
            *(Group(*pair, depth, act, norm_momentum) for pair in zip(channels, widths, strict=False))
        )
        self.head = nn.Linear(widths[-1], num_classes, bias=False)
        self.logit_scale = logit_scale

    @torch.no_grad()
    def init_from_images(self, images: Tensor) -> None:
        """Sets the first layer so that its outputs are uncorrelated, of variance one, each with its negative beside it.

        Args:
            images: `(N, C, H, W)`, normalised; a few thousand of the training images.
        """
        self.whiten.weight.copy_(whitening_filters(images.float(), self.whiten.kernel_size[0]))
        assert self.whiten.bias is not None
        self.whiten.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        x = self.groups(self.act(self.whiten(x)))
        return self.head(x.amax(dim=(2, 3))) * self.logit_scale


def whitening_filters(images: Tensor, size: int, eps: float = WHITENING_EPS) -> Tensor:
    """The eigenvectors v of the patches' second moments, v / sqrt(lambda + eps), then their negatives.

    Args:
        images: `(N, C, H, W)`.
        size: of the patches, pixels a side.
        eps: added to the eigenvalues lambda.

    Returns:
        `(2 * C * size**2, C, size, size)`, the directions of largest variance first.
    """
    channels = images.shape[1]
    patches = images.unfold(2, size, 1).unfold(3, size, 1)  # (N, C, H', W', size, size)
    patches = patches.permute(0, 2, 3, 1, 4, 5).reshape(-1, channels * size**2)
    values, vectors = torch.linalg.eigh(patches.T @ patches / len(patches))
    filters = (vectors / (values.clamp(min=0) + eps).sqrt()).T.flip(0).unflatten(1, (channels, size, size))
    return torch.cat([filters, -filters])


def smallest_image(groups: int, whiten_size: int) -> int:
    """Pixels a side that leave one at the end."""
    return 2**groups + whiten_size - 1
