"""Augmentation that changes values of pixels: `(N, C, H, W)` of uint8 and an amount `(N,)` for each image.

Each of these is, image by image, the function of its name in `torchvision.transforms.v2.functional` on uint8, which
takes one amount for all of them. Those of colour leave grey images as they are.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from groundup.data.draws import Random, between, shares

GREY = (0.2989, 0.587, 0.114)  # what red, green and blue add to brightness


def color_jitter(images: Tensor, amounts: Sequence[float], generator: Random) -> Tensor:
    """Changes brightness, contrast, saturation and hue, in this order.

    Args:
        images: `(N, C, H, W)` of uint8.
        amounts: b, c, s and h: brightness is multiplied by a factor of 1 - b to 1 + b, likewise contrast and
            saturation; hue is turned by up to h, 1 being the whole circle. 0 leaves one as it is.
        generator: of the factors.
    """
    numbers = shares(len(images), generator, rows=4)
    for change, amount, part in zip((brightness, contrast, saturation), amounts, numbers, strict=False):
        images = change(images, between(max(0.0, 1 - amount), 1 + amount, part)) if amount else images
    return hue(images, between(-amounts[3], amounts[3], numbers[3])) if amounts[3] else images


def brightness(images: Tensor, factor: Tensor) -> Tensor:
    """0 is black, 1 the image."""
    return _mixed(images, torch.zeros((), device=images.device), factor)


def contrast(images: Tensor, factor: Tensor) -> Tensor:
    """0 is the mean grey of the image, 1 the image."""
    grey = _grey(images).long()
    # whole numbers add up alike, however many images are added up at once
    mean = grey.sum(dim=(1, 2, 3), keepdim=True).to(torch.float32) / grey[0].numel()
    return _mixed(images, mean, factor)


def saturation(images: Tensor, factor: Tensor) -> Tensor:
    """0 is grey, 1 the image."""
    return images if images.shape[1] != 3 else _mixed(images, _grey(images), factor)


def sharpness(images: Tensor, factor: Tensor) -> Tensor:
    """0 is blurred, 1 the image, 2 sharper; the pixels at the border stay."""
    if min(images.shape[2:]) <= 2:
        return images
    height, width = images.shape[2:]
    whole = images.to(torch.int32)
    rows = whole[:, :, : height - 2] + whole[:, :, 1 : height - 1] + whole[:, :, 2:]
    around = rows[..., : width - 2] + rows[..., 1 : width - 1] + rows[..., 2:]
    centre = images[:, :, 1:-1, 1:-1]
    blurred = ((around + 4 * centre.to(torch.int32)).to(torch.float32) / 13).round_()
    out = images.clone()
    out[:, :, 1:-1, 1:-1] = _mixed(centre, blurred, factor)
    return out


def posterize(images: Tensor, bits: Tensor) -> Tensor:
    """Keeps the highest bits, `(N,)` of int64, of 1 to 8."""
    mask = 256 - torch.bitwise_left_shift(torch.ones_like(bits), 8 - bits)
    return images & mask.to(torch.uint8)[:, None, None, None]


def solarize(images: Tensor, threshold: Tensor) -> Tensor:
    """Inverts the values from a threshold on."""
    return torch.where(images >= threshold[:, None, None, None], 255 - images, images)


def autocontrast(images: Tensor) -> Tensor:
    """Spreads the values of each channel over 0..255."""
    pixels = images.to(torch.float32)
    least, largest = pixels.amin(dim=(2, 3), keepdim=True), pixels.amax(dim=(2, 3), keepdim=True)
    flat = largest == least
    scale = torch.where(flat, 1.0, (largest - least) * (1 / 255))
    return ((pixels - torch.where(flat, 0.0, least)) / scale).clamp_(0, 255).to(torch.uint8)


def equalize(images: Tensor) -> Tensor:
    """Makes all values of each channel about equally frequent, by Pillow's rule."""
    values = images.flatten(2).long()
    channels = values.shape[0] * values.shape[1]
    place = torch.arange(channels, device=images.device).view(*values.shape[:2], 1) * 256
    counts = torch.zeros(channels * 256, dtype=torch.int64, device=images.device)
    flat = (values + place).flatten()
    counts = counts.scatter_add_(0, flat, torch.ones_like(flat)).view(*values.shape[:2], 256)
    below = counts.cumsum(dim=2) - counts
    last = counts.gather(2, values.amax(dim=2, keepdim=True))
    step = (values.shape[2] - last).div(255, rounding_mode="floor")
    table = (below + step // 2).div(step.clamp(min=1), rounding_mode="floor").clamp_(max=255)
    found = torch.where(step > 0, table.gather(2, values), values)
    return found.to(torch.uint8).view(images.shape)


def hue(images: Tensor, turn: Tensor) -> Tensor:
    """Turns the hue, 1 being the whole circle."""
    if images.shape[1] != 3:
        return images
    colours = images.to(torch.float32) / 255
    least, largest = colours.aminmax(dim=1, keepdim=True)
    spread = largest - least
    grey = spread == 0
    red, green, blue = ((largest - colours) / torch.where(grey, 1.0, spread)).split(1, dim=1)
    is_red, is_green = largest == colours[:, :1], largest == colours[:, 1:2]
    sector = torch.where(is_red, blue - green, torch.where(is_green, 2 + red - blue, 4 + green - red))
    angle = (torch.where(grey, 0.0, sector) / 6 + 1 + turn[:, None, None, None]).remainder(1) * 6
    # each channel is at its largest within 60 degrees of its own hue, and at its least beyond 120
    own = torch.arange(5, 0, -2, device=images.device)[:, None, None]  # Smith's f(n) = v - v s max(0, min(k, 4 - k, 1))
    k = (own + angle).remainder(6)
    turned = largest - spread * k.minimum(4 - k).clamp_(0, 1)
    return turned.mul(255 + 1 - 1e-3).clamp_(0, 255).to(torch.uint8)


def _grey(images: Tensor) -> Tensor:
    """`(N, 1, H, W)` of float32, whole numbers."""
    if images.shape[1] != 3:
        return images.to(torch.float32).mean(dim=1, keepdim=True).floor_()
    red, green, blue = images.split(1, dim=1)
    return (red * GREY[0] + green * GREY[1] + blue * GREY[2]).floor_()


def _mixed(images: Tensor, other: Tensor, factor: Tensor) -> Tensor:
    """Goes from `other`, at 0, to the images, at 1, and beyond."""
    factor = factor[:, None, None, None]
    return (images * factor + other * (1 - factor)).clamp_(0, 255).to(torch.uint8)
