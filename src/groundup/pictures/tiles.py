"""Many small images as one: training images, mistakes, filters, feature maps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from groundup.pictures.ink import BLUE, INK, RED, WHITE, Colour, blend, font, shortened, width, wrapped

_GAP, _TITLE, _CAPTION = 6, 12, 11  # pixels between tiles, of the letters above and below them
_LEADING = 3  # pixels that a line is higher than its letters
_NARROWEST = 240  # pixels that a title may take, however few tiles there are

Caption = Sequence[tuple[str, Colour]]  # its lines, each with its colour


def draw_tiles(
    tiles: NDArray[np.uint8],
    title: str,
    *,
    columns: int,
    side: int = 64,
    captions: Sequence[Caption] = (),
    background: Colour = WHITE,
) -> Image.Image:
    """Draws images in rows, each enlarged to `side` pixels by whole factors and with its caption below.

    Args:
        tiles: `(N, H, W, 3)`.
        title: stands above.
        columns: tiles a row.
        side: at least so many pixels; a tile that has more is shown as it is.
        captions: of each tile, or none at all.
        background: behind the tiles.
    """
    factor = max(1, -(-side // max(tiles.shape[1:3])))
    height, breadth = (factor * length for length in tiles.shape[1:3])
    lines, line = max(map(len, captions), default=0), _CAPTION + _LEADING
    row, column = height + lines * line + _GAP, breadth + _GAP
    columns = min(columns, len(tiles))
    heading = wrapped(title, _TITLE, max(columns * column + _GAP, _NARROWEST) - 2 * _GAP)
    top = 8 + len(heading) * (_TITLE + _LEADING)
    across = max(columns * column + _GAP, *(width(text, _TITLE) + 2 * _GAP for text in heading))
    image = Image.new("RGB", (across, top + -(-len(tiles) // columns) * row + _GAP), background)
    draw = ImageDraw.Draw(image)
    for number, text in enumerate(heading):
        draw.text((_GAP, 4 + number * (_TITLE + _LEADING)), text, fill=INK, font=font(_TITLE))
    for place, tile in enumerate(tiles):
        x, y = _GAP + place % columns * column, top + place // columns * row
        image.paste(Image.fromarray(tile).resize((breadth, height), Image.Resampling.NEAREST), (x, y))
        for number, (text, colour) in enumerate(captions[place] if captions else ()):
            text = shortened(text, _CAPTION, _room(captions, place, columns) * column - _GAP)
            draw.text((x, y + height + number * line), text, fill=colour, font=font(_CAPTION))
    return image


def _room(captions: Sequence[Caption], place: int, columns: int) -> int:
    """How many tiles wide a caption may be: as far as those at its right have none."""
    room = 1
    while (place + room) % columns and place + room < len(captions) and not captions[place + room]:
        room += 1
    return room


def as_tiles(images: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Images `(N, C, H, W)` of 0..255 to tiles `(N, H, W, 3)`: of three channels in colour, of others their mean.

    Raises:
        ValueError: numbers that 8 bits do not hold, which would come out as others.
    """
    if images.size and (images.min() < 0 or images.max() > 255):
        raise ValueError(f"as_tiles: expected numbers of 0 to 255, given {images.min()} to {images.max()}")
    channels = images if images.shape[1] in (1, 3) else images.mean(axis=1, keepdims=True)
    tiles = np.moveaxis(channels, 1, 3).astype(np.uint8)
    return tiles.repeat(3, axis=3) if tiles.shape[3] == 1 else tiles


def signed_tiles(weights: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Weights `(N, C, H, W)` to tiles `(N, H, W, 3)`, all on one scale, whose end is the largest absolute value.

    With three channels they are red, green and blue, 0 is grey; of others the mean is shown: positive ones are blue,
    negative ones red, 0 is white.
    """
    scaled = weights / (np.abs(weights).max() or 1)
    if weights.shape[1] == 3:
        return as_tiles(np.round(127.5 + 127.5 * scaled))
    values = scaled.mean(axis=1)
    return np.where((values >= 0)[..., None], blend(values, BLUE), blend(-values, RED))


def bright_tiles(maps: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Feature maps `(N, H, W)` to tiles `(N, H, W, 3)`: each from black, its least value, to white, its largest."""
    low, high = (bound(axis=(1, 2), keepdims=True) for bound in (maps.min, maps.max))
    grey = np.round(255 * (maps - low) / np.where(high > low, high - low, 1))
    return as_tiles(grey[:, None])
