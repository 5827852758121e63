"""A published archive: where it is, how large, and the MD5s of it and of the files it holds."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Archive:
    """A published archive, and the files it unpacks to: paths below the data root and their MD5s.

    Where nobody has published the MD5 of a file that an archive unpacks to, it is known by its bytes.
    """

    filename: str
    md5: str
    size: int  # bytes
    unpacked: int  # bytes of all members together
    servers: tuple[str, ...]
    folder: str  # where torchvision keeps the archive, below the data root
    members: Mapping[str, str | int]

    @property
    def path(self) -> str:
        return os.path.join(self.folder, self.filename)
