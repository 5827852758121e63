"""The published data sets' files: found, or fetched whole and unpacked in torchvision's layout."""

from __future__ import annotations

import glob
import logging
import os
import shutil
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from groundup.data.archive import Archive
from groundup.data.intact import is_intact, is_unpacked
from groundup.data.published import published_kind
from groundup.data.transfer import Failed, NotThere, transfer
from groundup.data.unpack import unpack
from groundup.errors import UserError
from groundup.files import UNFINISHED

if TYPE_CHECKING:
    from filelock import BaseFileLock

log = logging.getLogger(__name__)

ATTEMPTS = 3
BACK_OFF = 1.0  # seconds before the second attempt; doubles for the third
SOON, A_WHILE = 2.0, 60.0  # seconds after which it is said that another process is waited for: first, and again


def ensure(
    name: str,
    root: str | os.PathLike[str],
    mirror: str | None = None,
    sleep: Callable[[float], None] = time.sleep,
    kind: Mapping[str, Any] | None = None,
) -> None:
    """Makes sure that the files of a data set lie below `root`, whole; fetches those that do not.

    Files that are there need neither network nor the right to write. Of several processes one fetches, the others wait.

    Args:
        name: of the data set; one without published files (digits, image_folder) needs nothing.
        root: the folder of torchvision's layout.
        mirror: a URL or a folder to take the files from, instead of the published address: the archives, or the
            unpacked files, in torchvision's layout or all in one folder.
        sleep: waits a number of seconds between attempts.
        kind: the keys that choose one of several kinds.

    Raises:
        UserError: the files cannot be had, or one that is there is damaged. Nothing is ever deleted.
    """
    root = Path(root).expanduser()
    if mirror is not None and "://" not in mirror:
        mirror = os.path.expanduser(mirror)
    archives = archives_of(name, kind)
    missing = [archive for archive in archives if not is_unpacked(archive, root)]
    if not missing:
        return
    with _lock(name, root):
        _remove_leftovers(name, archives, root)
        for archive in missing:
            if not is_unpacked(archive, root):  # another process may have finished while this one waited
                _provide(name, archive, archives, root, mirror, sleep)


def archives_of(name: str, kind: Mapping[str, Any] | None = None) -> tuple[Archive, ...]:
    """The archives of a data set, of the kind that some keys choose; none where it has no published files."""
    found = published_kind({**(kind or {}), "name": name})
    return found.archives if found is not None else ()


def is_there(name: str, root: str | os.PathLike[str], kind: Mapping[str, Any] | None = None) -> bool:
    """Whether all files of a data set lie below `root`, whole or damaged: nothing would be fetched."""
    members = [member for archive in archives_of(name, kind) for member in archive.members]
    return all(Path(root, member).exists() for member in members)


def _provide(
    name: str,
    archive: Archive,
    archives: Iterable[Archive],
    root: Path,
    mirror: str | None,
    sleep: Callable[[float], None],
) -> None:
    here = root / archive.path
    try:
        if not is_intact(here, archive.md5):
            if mirror is not None and _fetch_members(archive, root, mirror, sleep):
                return
            if mirror is not None and _unpack_repacked(name, archive, root, mirror):
                return
            _fetch_archive(archive, here, mirror, sleep)
        unpack(archive, here, root, prefix=_unpacking(name))
    except Failed as error:
        raise UserError(_advice(name, archives, root, mirror, str(error))) from error
    except OSError as error:
        raise UserError(f"data.root={root}: cannot write {archive.filename}: {error.strerror or error}") from error


def _advice(name: str, archives: Iterable[Archive], root: Path, mirror: str | None, reason: str) -> str:
    missing = [archive for archive in archives if not is_unpacked(archive, root)]
    source = f"data.mirror={mirror}" if mirror else "the published address"
    return (
        f"data={name}: files are missing and could not be taken from {source} ({reason}).\n"
        f"Put {', '.join(archive.filename for archive in missing)} into {root / missing[0].folder}, "
        "or set data.mirror to a URL or folder that has them."
    )


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


def _remove_leftovers(name: str, archives: Iterable[Archive], root: Path) -> None:
    """What killed processes have left half fetched or half unpacked. We hold the lock under which they work."""
    for archive in archives:
        for place in (archive.path, *archive.members):
            for end in (UNFINISHED, ".part"):  # the second is what earlier versions wrote
                for file in (root / place).parent.glob(f".{glob.escape(Path(place).name)}.*{end}"):
                    file.unlink(missing_ok=True)
    for folder in root.glob(f"{_unpacking(name)}*"):
        shutil.rmtree(folder, ignore_errors=True)


def _unpacking(name: str) -> str:
    return f".unpack-{name}-"


def _fetch_archive(archive: Archive, here: Path, mirror: str | None, sleep: Callable[[float], None]) -> None:
    if mirror is None:
        sources = [_join(server, archive.filename) for server in archive.servers]
    else:
        # In torchvision's layout first: MNIST's and Fashion-MNIST's archives share their names.
        sources = [_join(mirror, place) for place in dict.fromkeys((archive.path, archive.filename))]
    _fetch(sources, here, archive.md5, archive.size, sleep)


def _fetch_members(archive: Archive, root: Path, mirror: str, sleep: Callable[[float], None]) -> bool:
    """Takes the unpacked files from a mirror; False where the mirror has the archive, or lacks one of the files."""
    known = all(isinstance(member, str) for member in archive.members.values())  # else only the archive can be held
    if not known or "://" in mirror or any(Path(mirror, place).exists() for place in (archive.path, archive.filename)):
        return False
    sources = {member: [_join(mirror, place) for place in (member, Path(member).name)] for member in archive.members}
    if not all(any(map(os.path.exists, places)) for places in sources.values()):
        return False
    for member, places in sources.items():
        if not (root / member).exists():
            _fetch(places, root / member, archive.members[member], archive.unpacked, sleep)
    return True


def _unpack_repacked(name: str, archive: Archive, root: Path, mirror: str) -> bool:
    """Takes the file from a folder where somebody, as Debian, has packed it anew: what it unpacks to is as published.

    False where that is not so, or not known.
    """
    if "://" in mirror or not all(isinstance(known, str) for known in archive.members.values()):
        return False
    packed = [path for place in (archive.path, archive.filename) if (path := Path(mirror, place)).is_file()]
    if not packed or not archive.filename.endswith("-ubyte.gz"):
        return False
    try:
        unpack(archive, packed[0], root, prefix=_unpacking(name))
    except (Failed, UserError, OSError, EOFError, zlib.error):
        return False
    return True


def _fetch(sources: list[str], destination: Path, md5: str | int, size: int, sleep: Callable[[float], None]) -> None:
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
