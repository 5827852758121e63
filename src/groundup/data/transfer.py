"""One published file from a URL or a folder: whole, of the right MD5, no larger than it is, and not for ever."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from groundup.files import whole

log = logging.getLogger(__name__)

CHUNK = 1 << 16  # bytes
SILENCE = 30  # seconds in which nothing comes
SLOWEST = 4096  # bytes a second, over
PERIOD = 60.0  # seconds


class NotThere(Exception):
    """A server or folder does not have a file, and asking again would not help."""


class Failed(Exception):
    """A file could not be fetched, or not whole; the message says why."""


def transfer(source: str, destination: Path, md5: str | int, size: int) -> None:
    """Fetches a file, or leaves nothing.

    Args:
        source: a URL or a path.
        destination: what it is called here.
        md5: of the published file; or its bytes, where nobody has published its MD5.
        size: of it, in bytes: more is not taken.

    Raises:
        NotThere: see there.
        Failed: see there.
        OSError: it cannot be written.
    """
    digest = hashlib.md5(usedforsecurity=False)
    taken = 0
    with whole(destination) as file:
        for chunk in _download(source, size) if "://" in source else _read(source):
            taken += len(chunk)
            if taken > size:
                raise NotThere(f"{source}: more than the {size:,} bytes of the published file")
            digest.update(chunk)
            file.write(chunk)
        if isinstance(md5, int) and taken != md5:
            raise Failed(f"{source}: {taken:,} bytes, the published file has {md5:,}")
        if isinstance(md5, str) and digest.hexdigest() != md5:
            raise Failed(f"{source}: damaged on the way: MD5 {digest.hexdigest()}, expected {md5}")


def _read(source: str) -> Iterator[bytes]:
    if not os.path.isfile(source):
        raise NotThere(f"{source}: no such file")
    with open(source, "rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def _download(url: str, size: int) -> Iterator[bytes]:
    import requests
    from tqdm import tqdm

    log.info("downloading %s", url)
    # The MD5 is that of the file itself: it is asked for as it is, and taken as it comes, whatever it is said to be
    # packed in. Unpacked by the server's word, a mebibyte may be a gibibyte.
    headers = {"Accept-Encoding": "identity"}
    with _in_words(url), requests.get(url, headers=headers, stream=True, timeout=SILENCE) as response:
        if not response.ok:
            passing = response.status_code >= 500 or response.status_code in (408, 429)
            raise (Failed if passing else NotThere)(f"{url}: {response.status_code} {response.reason}")
        announced = _announced(response.headers.get("content-length", ""))
        if announced is not None and announced > size:
            raise NotThere(f"{url}: {announced:,} bytes, the published file has {size:,}")
        pace = Pace(url)
        with tqdm(desc=os.path.basename(url), total=announced, unit="B", unit_scale=True, disable=None) as bar:
            while chunk := response.raw.read1(CHUNK, decode_content=False):  # what is there, not until it is so much
                pace.add(len(chunk))
                bar.update(len(chunk))
                yield chunk


def _announced(content_length: str) -> int | None:
    return int(content_length) if content_length.isascii() and content_length.isdigit() else None


@contextmanager
def _in_words(url: str) -> Iterator[None]:
    """What goes wrong in the network as `Failed`."""
    import requests
    import urllib3

    try:
        yield
    except requests.ConnectionError as error:
        raise Failed(f"{url}: no connection") from error
    except urllib3.exceptions.ReadTimeoutError as error:
        raise Failed(f"{url}: nothing came for {SILENCE} s") from error
    except urllib3.exceptions.ProtocolError as error:
        raise Failed(f"{url}: broke off half-way") from error
    except (requests.RequestException, urllib3.exceptions.HTTPError, UnicodeError, ValueError) as error:
        raise Failed(f"{url}: {error}") from error


class Pace:
    """Refuses to wait for a byte a second.

    Args:
        url: for the message.
        clock: seconds.
    """

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic):
        self.url, self.clock = url, clock
        self._since, self._taken = clock(), 0

    def add(self, taken: int) -> None:
        """Raises: Failed: fewer than `SLOWEST` bytes a second have come for `PERIOD` seconds."""
        self._taken += taken
        seconds = self.clock() - self._since
        if seconds < PERIOD:
            return
        if self._taken < SLOWEST * seconds:
            raise Failed(f"{self.url}: too slow: {self._taken:,} bytes in {seconds:.0f} s")
        self._since, self._taken = self.clock(), 0
