"""Networks and images that this machine's memory cannot hold, refused before any is taken. Imports no torch."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from groundup.config.rooms import options_of
from groundup.errors import UserError
from groundup.spec import DatasetSpec

GIB = 2**30
PER_WEIGHT = 8  # bytes: itself and its gradient, or its place in the checkpoint that it is read from


def memory() -> int:
    """Bytes of this machine's memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def refuse_heavy_network(model: Mapping[str, Any], spec: DatasetSpec) -> None:
    """Refuses a network of ours, in a checked node, with more weights than fit in memory; of others nothing is known.

    Raises:
        UserError: naming the sizes that make it.
    """
    options = options_of("model", model)
    if options is not None:
        sizes = " ".join(f"model.{key}={model[key]}".replace(" ", "") for key in options.sizes)
        weights = options.fewest_weights(model, spec.channels * spec.height * spec.width, spec.num_classes)
        refuse_weights(weights, sizes or f"model={model.get('name')}")


def refuse_weights(weights: int, sizes: str) -> None:
    """Raises: UserError: so many weights do not fit in memory; `sizes`: what makes them."""
    if PER_WEIGHT * weights > memory():
        raise UserError(
            f"{sizes}: at least {weights:,} weights, which take {PER_WEIGHT * weights / GIB:,.0f} GiB with their "
            f"gradients; this machine has {memory() / GIB:,.0f} GiB of memory; accepted: a smaller network"
        )


def refuse_heavy_images(data: Mapping[str, Any], spec: DatasetSpec, count: int) -> None:
    """Refuses so many images of this kind where they do not fit in memory, a byte a pixel and channel.

    Raises:
        UserError: naming their number and size.
    """
    held = count if data.get("in_memory", True) else 1
    needed = held * spec.channels * spec.height * spec.width
    if needed > memory():
        raise UserError(
            f"data={spec.name}: {held:,} images of {spec.height}x{spec.width} pixels take {needed / GIB:,.0f} GiB in "
            f"memory; this machine has {memory() / GIB:,.0f} GiB; accepted: a smaller data.image_size, or fewer images "
            "by data.limit_train and data.limit_test"
        )
