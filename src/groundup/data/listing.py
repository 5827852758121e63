"""The names of the image files that a run is begun with, small enough to be kept in its checkpoints."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable

import torch
from torch import Tensor

_LONGEST = 1 << 28  # bytes of names; a checkpoint that unpacks to more is not one of ours


def packed(names: Iterable[str]) -> Tensor:
    """Names of files, in any order, as a tensor of uint8."""
    content = zlib.compress(b"\0".join(sorted(map(os.fsencode, names))))
    return torch.frombuffer(bytearray(content), dtype=torch.uint8)


def difference(before: Tensor, now: Tensor) -> str | None:
    """What has come of the files of one packed list in another, in words; None where both hold the same.

    Raises:
        zlib.error: one of them holds no names.
    """
    if torch.equal(before, now):
        return None
    then, here = _names(before), _names(now)
    parts = [_counted(here - then, "new"), _counted(then - here, "gone")]
    if not any(parts):  # another version packs them otherwise
        return None
    return f"{len(then):,} images then, {len(here):,} now; " + ", ".join(part for part in parts if part)


def _names(tensor: Tensor) -> set[str]:
    content = zlib.decompressobj().decompress(tensor.numpy().tobytes(), _LONGEST)
    return {os.fsdecode(name) for name in content.split(b"\0")}


def _counted(names: set[str], what: str) -> str:
    if not names:
        return ""
    return f"{len(names):,} {what}{', first' if len(names) > 1 else ':'} {min(names)}"
