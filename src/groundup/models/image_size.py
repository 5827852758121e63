"""The smallest image a network can take."""

from __future__ import annotations

from groundup.errors import UserError


def require_image_size(model: str, image_size: tuple[int, int], minimum: int) -> None:
    """Raises `UserError` if a side of the image, in pixels, is below `minimum`."""
    height, width = image_size
    if min(height, width) < minimum:
        raise UserError(
            f"model={model} needs images of at least {minimum}x{minimum} pixels, the data gives {height}x{width}: "
            f"set data.image_size={minimum} or more, or choose another model"
        )
