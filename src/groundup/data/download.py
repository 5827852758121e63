"""The published data sets' files: found, or fetched whole, checked by MD5 and unpacked in torchvision's layout."""

from __future__ import annotations

import glob
import gzip
import hashlib
import logging
import os
import shutil
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from groundup.data.archives import ARCHIVES, Archive
from groundup.data.idx import shape_of
from groundup.data.transfer import CHUNK, Failed, NotThere, transfer
from groundup.errors import UserError
from groundup.files import UNFINISHED

if TYPE_CHECKING:
    from filelock import BaseFileLock

log = logging.getLogger(__name__)

ATTEMPTS = 3
BACK_OFF = 1.0  # seconds before the second attempt; doubles for the third
SOON, A_WHILE = 2.0, 60.0  # seconds after which it is said that another process is waited for: first, and again


def ensure(
    name: str, root: str | os.PathLike[str], mirror: str | None = None, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Makes sure that the files of a data set lie below `root`, whole; fetches those that do not.

    Files that are there need neither network nor the right to write. Of several processes one fetches, the others wait.

    Args:
        name: of the data set; one without published files (digits, image_folder) needs nothing.
        root: the folder of torchvision's layout.
        mirror: a URL or a folder to take the files from, instead of the published address: the archives, or the
            unpacked files, in torchvision's layout or all in one folder.
        sleep: waits a number of seconds between attempts.

    Raises:
        UserError: the files cannot be had, or one that is there is damaged. Nothing is ever deleted.
    """
    root = Path(root).expanduser()
    if mirror is not None and "://" not in mirror:
        mirror = os.path.expanduser(mirror)
    missing = [archive for archive in ARCHIVES.get(name, ()) if not _unpacked(archive, root)]
    if not missing:
        return
    with _lock(name, root):
        _remove_leftovers(name, root)
        for archive in missing:
            if not _unpacked(archive, root):  # another process may have finished while this one waited
                _provide(name, archive, root, mirror, sleep)


def is_there(name: str, root: str | os.PathLike[str]) -> bool:
    """Whether all files of a data set lie below `root`, whole or damaged: nothing would be fetched."""
    members = [member for archive in ARCHIVES.get(name, ()) for member in archive.members]
    return all(Path(root, member).exists() for member in members)


def _provide(name: str, archive: Archive, root: Path, mirror: str | None, sleep: Callable[[float], None]) -> None:
    here = root / archive.path
    try:
        if not _intact(here, archive.md5):
            if mirror is not None and _fetch_members(archive, root, mirror, sleep):
                return
            _fetch_archive(archive, here, mirror, sleep)
        _unpack(name, archive, here, root)
    except Failed as error:
        raise UserError(_advice(name, root, mirror, str(error))) from error
    except OSError as error:
        raise UserError(f"data.root={root}: cannot write {archive.filename}: {error.strerror or error}") from error


def _advice(name: str, root: Path, mirror: str | None, reason: str) -> str:
    missing = [archive for archive in ARCHIVES[name] if not _unpacked(archive, root)]
    source = f"data.mirror={mirror}" if mirror else "the published address"
    return (
        f"data={name}: files are missing and could not be taken from {source} ({reason}).\n"
        f"Put {', '.join(archive.filename for archive in missing)} into {root / missing[0].folder}, "
        "or set data.mirror to a URL or folder that has them."
    )


# ---- is it there?


def _unpacked(archive: Archive, root: Path) -> bool:
    return all([_intact(root / member, md5) for member, md5 in archive.members.items()])


def _intact(path: Path, md5: str) -> bool:
    """Whether a file is there.

    Raises:
        UserError: it is there but not what was published.
    """
    if not path.exists():
        return False
    found = _md5(path)
    if found != md5:
        raise UserError(f"{path} {_what_else(path, f'its MD5 is {found}, that of the published file {md5}')}")
    return True


def _what_else(path: Path, why: str) -> str:
    """What a file is that was not published. Nobody is told to delete what may be data of their own."""
    again = "then run again: it will be fetched anew."
    if not path.name.removesuffix(".gz").endswith("-ubyte"):
        return f"is damaged: {why}. Move it away, {again}"
    if (shape := shape_of(path)) is None:
        return f"is damaged: {why}. Move or delete it, {again}"
    sizes = " x ".join(f"{length:,}" for length in shape)
    return (
        f"is a whole IDX file of {sizes} values, but not the one that was published: {why}. This data set is read from "
        "the published files alone: leave these where they are and set data.root to another folder, where the "
        "published ones will be fetched; for images of your own, save them as ROOT/train/CLASS/*.png and use "
        f"data=image_folder. If it should be the published file, move it away, {again}"
    )


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


@contextmanager
def _lock(name: str, root: Path) -> Iterator[None]:
    from filelock import FileLock

    lock = FileLock(root / f".{name}.lock")
    try:
        root.mkdir(parents=True, exist_ok=True)
        _acquire(lock, name)
    except OSError as error:
        raise UserError(
            f"data.root={root}: files of {name} are missing, and the folder cannot be written to "
            f"({error.strerror or error}). Set data.root to a folder that has them or can be written to."
        ) from error
    try:
        yield
    finally:
        lock.release()


def _acquire(lock: BaseFileLock, name: str) -> None:
    """Waits for as long as it takes, and says so."""
    from filelock import Timeout

    patience = SOON
    while True:
        try:
            lock.acquire(timeout=patience)
        except Timeout:
            log.warning("data=%s: waiting for another process that fetches it (it holds %s)", name, lock.lock_file)
            patience = A_WHILE
        else:
            return


def _remove_leftovers(name: str, root: Path) -> None:
    """What killed processes have left half fetched or half unpacked. We hold the lock under which they work."""
    for archive in ARCHIVES[name]:
        for place in (archive.path, *archive.members):
            for end in (UNFINISHED, ".part"):  # the second is what earlier versions wrote
                for file in (root / place).parent.glob(f".{glob.escape(Path(place).name)}.*{end}"):
                    file.unlink(missing_ok=True)
    for folder in root.glob(f"{_unpacking(name)}*"):
        shutil.rmtree(folder, ignore_errors=True)


def _unpacking(name: str) -> str:
    return f".unpack-{name}-"


# ---- fetch it


def _fetch_archive(archive: Archive, here: Path, mirror: str | None, sleep: Callable[[float], None]) -> None:
    if mirror is None:
        sources = [_join(server, archive.filename) for server in archive.servers]
    else:
        # In torchvision's layout first: MNIST's and Fashion-MNIST's archives share their names.
        sources = [_join(mirror, place) for place in dict.fromkeys((archive.path, archive.filename))]
    _fetch(sources, here, archive.md5, archive.size, sleep)


def _fetch_members(archive: Archive, root: Path, mirror: str, sleep: Callable[[float], None]) -> bool:
    """Takes the unpacked files from a mirror; False where the mirror has the archive, or lacks one of the files."""
    if "://" in mirror or any(Path(mirror, place).exists() for place in (archive.path, archive.filename)):
        return False
    sources = {member: [_join(mirror, place) for place in (member, Path(member).name)] for member in archive.members}
    if not all(any(map(os.path.exists, places)) for places in sources.values()):
        return False
    for member, places in sources.items():
        if not (root / member).exists():
            _fetch(places, root / member, archive.members[member], archive.unpacked, sleep)
    return True


def _fetch(sources: list[str], destination: Path, md5: str, size: int, sleep: Callable[[float], None]) -> None:
    """Fetches a file from the first source that has it, whole or not at all.

    Raises:
        Failed: after three rounds, or at once where trying again cannot help.
    """
    destination.parent.mkdir(parents=True, exist_ok=True)
    absent: dict[str, str] = {}  # source: why it need not be asked again
    for attempt in range(ATTEMPTS if "://" in sources[0] else 1):  # a folder does not change its mind
        if attempt:
            sleep(BACK_OFF * 2 ** (attempt - 1))
        failed: list[str] = []
        for source in (source for source in sources if source not in absent):
            try:
                return transfer(source, destination, md5, size)
            except NotThere as error:
                absent[source] = str(error)
            except Failed as error:
                log.warning("%s", error)
                failed.append(str(error))
        if not failed:
            break
    raise Failed("; ".join([*absent.values(), *failed]))


def _join(base: str, path: str) -> str:
    return f"{base.rstrip('/')}/{path}"


# ---- unpack it


def _unpack(name: str, archive: Archive, here: Path, root: Path) -> None:
    with tempfile.TemporaryDirectory(prefix=_unpacking(name), dir=root) as scratch:
        if archive.filename.endswith(".tar.gz"):
            _untar(archive, here, scratch)
        else:
            _gunzip(archive, here, Path(scratch, next(iter(archive.members))))
        for member, md5 in archive.members.items():
            if not _intact(Path(scratch, member), md5):
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


def _gunzip(archive: Archive, here: Path, destination: Path) -> None:
    destination.parent.mkdir(parents=True)
    with gzip.open(here) as packed, destination.open("wb") as unpacked:
        while chunk := packed.read(CHUNK):
            unpacked.write(chunk)
            if unpacked.tell() > archive.unpacked:
                raise Failed(f"{here} holds more than the {archive.unpacked:,} bytes of the published one")
