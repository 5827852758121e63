"""Whether the file of a checkpoint is what was once written. Imports no torch.

`torch.save` writes a zip archive of uncompressed members, each with its checksum, and `torch.load` does not look at
these: a flipped bit in a weight comes out as another weight. Reading the members once, as `zipfile` does, finds it.
"""

from __future__ import annotations

import pickletools
import zipfile
from typing import IO

_BEGINS = b"PK\x03\x04"  # otherwise torch takes the file for one of its older formats, which have no checksums
_CHUNK = 2**20  # bytes
_FOLDER = 0x10  # an attribute of a member that makes torch read none of its bytes, and give back what lay in memory


class Damaged(Exception):
    """The message says what is wrong."""


def refuse_damage(file: IO[bytes]) -> None:
    """Reads an archive through, and leaves the file at its beginning.

    What the archive says of its own sizes is held against the file before anything is unpacked, so that a small file
    cannot ask for much memory.

    Raises:
        Damaged: it is not whole, is packed in a way that `torch.save` does not pack, or asks for memory by number.
        Exception: of other kinds, from `zipfile`, where the file makes no sense at all.
    """
    if file.read(len(_BEGINS)) != _BEGINS:
        raise Damaged(
            "not the zip archive that PyTorch writes since 1.6; load an older file, or safetensors, with its own "
            "library and torch.save the result"
        )
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        _refuse_other_packing(members, file.seek(0, 2))
        for member in members:
            _read_through(archive, member)
        for member in members:
            if member.filename.endswith("/data.pkl"):
                _refuse_room_by_number(archive.read(member))
    file.seek(0)


def _refuse_other_packing(members: list[zipfile.ZipInfo], size: int) -> None:
    for member in members:
        if member.compress_type != zipfile.ZIP_STORED or member.compress_size != member.file_size:
            raise Damaged(f"{member.filename} is compressed, which PyTorch's own are not")
        if member.is_dir() or member.external_attr & _FOLDER:
            raise Damaged(f"{member.filename} is a folder")
    if sum(member.file_size for member in members) > size:
        raise Damaged("its members are larger than the file")
    if len({member.filename for member in members}) < len(members):
        raise Damaged("two of its members have the same name")


def _read_through(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    with archive.open(member) as stream:  # by the member, not by its name: names may be damaged, too
        while stream.read(_CHUNK):
            pass


def _refuse_room_by_number(pickle: bytes) -> None:
    """Refuses types that take as much memory as a number says; our checkpoints hold none of them.

    torch's restricted unpickler calls them, too.
    """
    for operation, name, _ in pickletools.genops(pickle):
        if operation.name == "GLOBAL" and isinstance(name, str) and name.endswith(("bytearray", "Tensor")):
            raise Damaged(f"{name.replace(' ', '.')} is not a plain value")
