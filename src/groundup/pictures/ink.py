"""Colours and letters of all pictures."""

from __future__ import annotations

import functools
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]

WHITE: Colour = (255, 255, 255)
INK: Colour = (40, 40, 40)
FAINT: Colour = (225, 225, 225)
GREEN: Colour = (20, 120, 60)
RED: Colour = (190, 40, 30)
BLUE: Colour = (40, 90, 170)
AMBER: Colour = (210, 130, 30)


@functools.cache
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """DejaVu Sans, `size` pixels high: reading it costs more than writing a line in it.

    Matplotlib, which is not imported for it, brings it along. Pillow's own font has no letters but those of English.
    """
    matplotlib = find_spec("matplotlib")
    assert matplotlib is not None, "it is a dependency"
    assert matplotlib.origin is not None, "it is a package"
    return ImageFont.truetype(Path(matplotlib.origin).parent / "mpl-data/fonts/ttf/DejaVuSans.ttf", size)


def width(text: str, size: int) -> int:
    """Pixels that a line takes."""
    return int(np.ceil(font(size).getlength(text)))


def shortened(text: str, size: int, room: int) -> str:
    """The text, or as much of it as `room` pixels hold, with an ellipsis."""
    if width(text, size) <= room:
        return text
    while text and width(f"{text}…", size) > room:
        text = text[:-1]
    return f"{text}…"


def wrapped(text: str, size: int, room: int) -> list[str]:
    """The text in lines of at most `room` pixels, as far as its words are no longer."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and width(longer, size) <= room:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines or [""]


def blend(share: NDArray[np.floating], colour: Colour) -> NDArray[np.uint8]:
    """From white at 0 to `colour` at 1: an array of any shape to one with a last axis of red, green and blue."""
    share = np.clip(share, 0, 1)[..., None]
    return np.asarray((1 - share) * WHITE + share * np.array(colour), dtype=np.uint8)


def upright(text: str, size: int, colour: Colour = INK) -> Image.Image:
    """A line that is read from below."""
    image = Image.new("RGB", (width(text, size) + 2, size + 5), WHITE)
    ImageDraw.Draw(image).text((1, 0), text, fill=colour, font=font(size))
    return image.transpose(Image.Transpose.ROTATE_90)
