"""Whether a published file is there, and whether it is what was published."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

from groundup.data.archive import Archive
from groundup.data.idx import shape_of
from groundup.errors import UserError

AGAIN = "then run again: it will be fetched anew."


def is_unpacked(archive: Archive, root: Path) -> bool:
    """Whether all files of an archive lie below `root`.

    Raises:
        UserError: one is there but not what was published.
    """
    return all([is_intact(root / member, known) for member, known in archive.members.items()])


def is_intact(path: Path, md5: str | int) -> bool:
    """Whether a file is there, with this MD5, or of so many bytes.

    Raises:
        UserError: it is there but not what was published.
    """
    if not path.exists():
        return False
    if isinstance(md5, int):
        if (size := path.stat().st_size) != md5:
            raise UserError(f"{path} {_what_else(path, f'it has {size:,} bytes, the published file {md5:,}')}")
        if (found := _md5(path)) in _published():
            raise UserError(f"{path} is a file of another data set, as its MD5, {found}, tells. Move it away, {AGAIN}")
        return True
    found = _md5(path)
    if found != md5:
        raise UserError(f"{path} {_what_else(path, f'its MD5 is {found}, that of the published file {md5}')}")
    return True


def _what_else(path: Path, why: str) -> str:
    """What a file is that was not published. Nobody is told to delete what may be data of their own."""
    if not path.name.removesuffix(".gz").endswith("-ubyte"):
        return f"is damaged: {why}. Move it away, {AGAIN}"
    if (shape := shape_of(path)) is None:
        return f"is damaged: {why}. Move or delete it, {AGAIN}"
    sizes = " x ".join(f"{length:,}" for length in shape)
    return (
        f"is a whole IDX file of {sizes} values, but not the one that was published: {why}. This data set is read from "
        "the published files alone: leave these where they are and set data.root to another folder, where the "
        "published ones will be fetched; for images of your own, save them as ROOT/train/CLASS/*.png and use "
        f"data=image_folder. If it should be the published file, move it away, {AGAIN}"
    )


@functools.cache
def _published() -> frozenset[str]:
    """The MD5 of all unpacked files of which somebody has published it."""
    from groundup.data.published import published_names, published_set

    found = [published_set(name) for name in published_names()]
    archives = [archive for each in found if each is not None for archive in each.archives]
    return frozenset(md5 for archive in archives for md5 in archive.members.values() if isinstance(md5, str))


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()
