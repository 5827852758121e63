"""The files of a published archive, and no others, put into their places."""

from __future__ import annotations

import gzip
import os
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import IO

from groundup.data.archive import Archive
from groundup.data.intact import is_intact
from groundup.data.transfer import CHUNK, Failed


def unpack(archive: Archive, here: Path, root: Path, prefix: str) -> None:
    """Unpacks the archive that lies `here` into its places below `root`, each file whole or not at all.

    A file that is published as it is stays where it is.

    Args:
        prefix: of the name of a folder in `root` where it is unpacked first.

    Raises:
        Failed: it does not hold what was published.
    """
    if archive.path in archive.members:
        return
    with tempfile.TemporaryDirectory(prefix=prefix, dir=root) as scratch:
        if archive.filename.endswith(".tar.gz"):
            _untar(archive, here, scratch)
        elif archive.filename.endswith(".zip"):
            _unzip(archive, here, Path(scratch))
        else:
            _gunzip(archive, here, Path(scratch, next(iter(archive.members))))
        for member, md5 in archive.members.items():
            if not is_intact(Path(scratch, member), md5):
                raise Failed(f"{here} does not hold {member}")
            (root / member).parent.mkdir(parents=True, exist_ok=True)
            os.replace(Path(scratch, member), root / member)


def _untar(archive: Archive, here: Path, folder: str) -> None:
    """Takes the members that are known, of no more than their size, from an archive that has none elsewhere."""
    try:
        with tarfile.open(here) as tar:
            members = [tarfile.data_filter(member, folder) for member in tar]
            known = [member for member in members if member.name in archive.members and member.isfile()]
            if sum(member.size for member in known) > archive.unpacked:
                raise Failed(f"{here} holds more than the {archive.unpacked:,} bytes of the published one")
            tar.extractall(folder, known, filter="data")
    except tarfile.TarError as error:
        raise Failed(f"{here}: {error}") from error


def _unzip(archive: Archive, here: Path, folder: Path) -> None:
    """Takes the members that are known, packed by gzip one by one, from wherever they lie in the archive."""
    try:
        with zipfile.ZipFile(here) as whole:
            places = {Path(name).name: name for name in whole.namelist()}
            for member in archive.members:
                with whole.open(places[f"{Path(member).name}.gz"]) as packed:
                    _gunzip(archive, packed, folder / member)
    except (zipfile.BadZipFile, KeyError) as error:
        raise Failed(f"{here}: {error}") from error


def _gunzip(archive: Archive, here: Path | IO[bytes], destination: Path) -> None:
    destination.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(here) as packed, destination.open("wb") as unpacked:
        while chunk := packed.read(CHUNK):
            unpacked.write(chunk)
            if unpacked.tell() > archive.unpacked:
                raise Failed(f"{here} holds more than the {archive.unpacked:,} bytes of the published one")
