"""Loss against learning rate."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PIL import Image, ImageDraw

from groundup.pictures.ink import AMBER, BLUE, FAINT, INK, WHITE, font

_ACROSS, _DOWN = 420, 200  # pixels of the plot
_LEFT, _TOP, _RIGHT, _BELOW = 56, 26, 16, 34  # beside it, above, below
_TITLE, _SIZE = 12, 10  # of letters


def draw_rates(
    rates: Sequence[float], losses: Sequence[float], smoothed: Sequence[float], suggested: float | None
) -> Image.Image:
    """Draws losses as dots and the smoothed loss as a line, against the logarithm of the rate.

    Args:
        rates: rising, above 0.
        losses: of the steps.
        smoothed: likewise.
        suggested: a rate to be marked.
    """
    image = Image.new("RGB", (_LEFT + _ACROSS + _RIGHT, _TOP + _DOWN + _BELOW), WHITE)
    draw = ImageDraw.Draw(image)
    finite = [loss for loss in smoothed if math.isfinite(loss)] or [0.0]
    low, first = min(finite), finite[0]
    high = max(low + 1e-9, min(max(finite), first + (first - low)))  # what diverges would flatten all that matters
    left, right = math.log10(rates[0]), math.log10(rates[-1]) if rates[-1] > rates[0] else math.log10(rates[0]) + 1

    def at(rate: float, loss: float) -> tuple[float, float]:
        share = (loss - low) / (high - low)
        x = _LEFT + _ACROSS * (math.log10(rate) - left) / (right - left)
        return x, _TOP + _DOWN * (1 - min(max(share, -0.02), 1.02))

    title = "loss against learning rate" + (f": suggested {suggested:.2g}" if suggested else "")
    draw.text((4, 5), title, fill=INK, font=font(_TITLE))
    for exponent in range(math.ceil(left - 1e-9), math.floor(right + 1e-9) + 1):
        x, _ = at(10.0**exponent, low)
        draw.line((x, _TOP, x, _TOP + _DOWN), fill=FAINT)
        draw.text((x, _TOP + _DOWN + 4), f"1e{exponent}", fill=INK, font=font(_SIZE), anchor="ma")
    for loss in (low, (low + high) / 2, high):
        _, y = at(rates[0], loss)
        draw.line((_LEFT, y, _LEFT + _ACROSS, y), fill=FAINT)
        draw.text((_LEFT - 4, y), f"{loss:.3g}", fill=INK, font=font(_SIZE), anchor="rm")
    draw.text((_LEFT, _TOP + _DOWN + 18), "learning rate; amber is the suggested one", fill=INK, font=font(_SIZE))
    for rate, loss in zip(rates, losses, strict=True):
        if math.isfinite(loss):
            x, y = at(rate, loss)
            draw.point([(x, y), (x + 1, y)], fill=(150, 170, 210))
    line = [at(rate, loss) for rate, loss in zip(rates, smoothed, strict=True) if math.isfinite(loss)]
    draw.line(line, fill=BLUE, width=2)
    if suggested:
        x, _ = at(suggested, low)
        draw.line((x, _TOP, x, _TOP + _DOWN), fill=AMBER, width=2)
    return image
