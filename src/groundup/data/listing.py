"""Which images a run is begun with, as its checkpoints keep them, and whether it goes on with the same."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from groundup.errors import UserError
from groundup.printable import printable

_LONGEST = 1 << 28  # bytes of names; a checkpoint that unpacks to more is not one of ours


def packed(names: Iterable[str]) -> Tensor:
    """Names of files, in any order, as a tensor of uint8."""
    content = zlib.compress(b"\0".join(sorted(map(os.fsencode, names))))
    return torch.frombuffer(bytearray(content), dtype=torch.uint8)


LABELS, CONTENTS = "file_labels", "file_contents"  # of a checkpoint, in the order of the names of files, sorted
_DIGEST = 8  # bytes


def digests(parts: Iterable[bytes]) -> Tensor:
    """A short digest of each part, `(N, 8)` of uint8."""
    short = b"".join(hashlib.sha256(part).digest()[:_DIGEST] for part in parts)
    return torch.frombuffer(bytearray(short), dtype=torch.uint8).view(-1, _DIGEST)


def refuse_other_images(before: Mapping[str, Any], now: Mapping[str, Any], root: Path) -> None:
    """Makes sure that a run goes on with the images that it was begun with.

    Args:
        before: what its checkpoint says of them, by key of the config; of a folder also `files`, their names, packed.
        now: likewise, of those that are there.
        root: where they are, for the message.

    Raises:
        UserError: they are others. The message says which, or which key makes them so.
    """
    why = "a run goes on with the images it was begun with, lest some that it was trained on be validated on"
    for key in now:
        if key in before and not isinstance(now[key], Tensor) and before[key] != now[key]:
            name = key if key == "seed" else f"data.{key}"
            then, here = ("null" if value is None else value for value in (before[key], now[key]))
            raise UserError(f"{name}={here} with resume: that run has {name}={then}; {why}")
    if changed := changes(before, now):
        raise UserError(
            f"data.root={root} with resume: its images are others ({printable(changed)}); {why}. Put the folder back "
            "as it was, or begin a new run without resume"
        )


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> str | None:
    """What has come of the names, classes and contents of a checkpoint's image files, in words; None where nothing has.

    Raises:
        zlib.error: a list holds no names.
    """
    if "files" not in before or "files" not in now:
        return None
    if changed := difference(before["files"], now["files"]):
        return changed
    names = sorted(_names(now["files"]), key=os.fsencode)
    said = {LABELS: "another class", CONTENTS: "another content"}
    parts = []
    for key, what in said.items():
        then, here = before.get(key), now.get(key)
        if not isinstance(then, Tensor) or not isinstance(here, Tensor) or then.shape != here.shape:
            continue  # of an older version, or not held in memory
        if len(rows := (then != here).any(1).nonzero()[:, 0].tolist()):
            count = f"{len(rows):,} of {len(names):,} images have {what}"
            parts.append(f"{count}{', first' if len(rows) > 1 else ':'} {names[rows[0]]}")
    return "; ".join(parts) or None


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


def common(packed_names: Tensor, names: Iterable[str]) -> list[str]:
    """Which of some names are in a packed list, sorted.

    Raises:
        zlib.error: it holds no names.
    """
    return sorted(_names(packed_names).intersection(names))


def _names(tensor: Tensor) -> set[str]:
    content = zlib.decompressobj().decompress(tensor.numpy().tobytes(), _LONGEST)
    return {os.fsdecode(name) for name in content.split(b"\0")}


def _counted(names: set[str], what: str) -> str:
    if not names:
        return ""
    return f"{len(names):,} {what}{', first' if len(names) > 1 else ':'} {min(names)}"
