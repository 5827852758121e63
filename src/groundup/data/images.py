"""One image file, decoded: its size is checked before its pixels are."""

from __future__ import annotations

import os

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from groundup.errors import UserError

MAX_PIXELS = 50_000_000
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "PPM", "TIFF", "WEBP")  # no format that starts another program, as EPS does


def read_image(path: str | os.PathLike[str], channels: int, image_size: tuple[int, int]) -> Tensor:
    """Reads an image as `(channels, H, W)` of uint8, turned as its EXIF data says and resized (bilinear, antialiased).

    Args:
        path: of a PNG, JPEG, BMP, GIF, PPM, TIFF or WebP file.
        channels: 1 (grey) or 3 (colour); the file may have others.
        image_size: height and width; the aspect ratio is not kept.

    Raises:
        UserError: the file cannot be read, is no such image, or has more than `MAX_PIXELS` pixels.
    """
    try:
        with Image.open(path, formats=_FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise UserError(f"{path}: {image.width}x{image.height} pixels; accepted: at most {MAX_PIXELS:,} in all")
            pixels = np.asarray(_convert(image, channels, image_size))
    except Image.DecompressionBombError as error:
        raise UserError(f"{path}: {error}; accepted: at most {MAX_PIXELS:,} pixels in all") from error
    except UnidentifiedImageError as error:
        raise UserError(f"{path}: not an image; accepted: {', '.join(_FORMATS)}") from error
    except (OSError, SyntaxError, ValueError) as error:  # what Pillow raises for damaged files of various formats
        raise UserError(f"{path}: cannot be read as an image: {error}") from error
    return torch.from_numpy(pixels.reshape(*image_size, channels).transpose(2, 0, 1).copy())


def _convert(image: Image.Image, channels: int, image_size: tuple[int, int]) -> Image.Image:
    if image.mode.startswith("I;16"):  # Pillow would clip 16 bits at 255 instead of scaling them
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    elif image.mode in ("I", "F"):
        raise ValueError("pixels of 32 bits; accepted: 8 or 16")
    upright = ImageOps.exif_transpose(image).convert("L" if channels == 1 else "RGB")
    height, width = image_size
    return upright.resize((width, height), Image.Resampling.BILINEAR)
