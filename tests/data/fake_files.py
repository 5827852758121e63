"""Makes small stand-ins for the published archives, and a server on 127.0.0.1 that can misbehave."""

from __future__ import annotations

import hashlib
import io
import struct
import tarfile
import time
import zipfile
from collections import Counter
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

from groundup.data.archive import Archive
from groundup.data.download import archives_of
from groundup.data.published import published_set


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def idx(array: np.ndarray) -> bytes:
    """The IDX format of MNIST: two zero bytes, type 8 (uint8), number of axes, their lengths, the values."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


def publish(monkeypatch, name: str, archives: tuple[Archive, ...]) -> None:
    """Replaces what is published of a data set."""
    monkeypatch.setattr(f"groundup.data.published.{name}.DATA", replace(published_set(name), archives=archives))


def install_cifar100(monkeypatch, files: dict[str, bytes]) -> bytes:
    content = tar_of({f"cifar-100-python/{name}": data for name, data in files.items()})
    members = {f"cifar-100-python/{name}": md5(data) for name, data in files.items()}
    publish(monkeypatch, "cifar100", (replace(archives_of("cifar100")[0], md5=md5(content), members=members),))
    return content


def tar_of(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def zip_of(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


class Server:
    """Serves `files` by path, with `headers` of one's own.

    `faults[path]` are played one a request: drop, truncate, garbage, endless, redirect or a status code.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.faults: dict[str, list[str | int]] = {}
        self.requests: Counter[str] = Counter()
        self.headers: dict[str, str] = {}
        self.delay = 0.0
        self.sent = 0  # bytes of what has no end
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.answer(self)

            def log_message(self, *arguments: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        path = handler.path.lstrip("/")
        self.requests[path] += 1
        time.sleep(self.delay)
        faults = self.faults.get(path, [])
        fault = faults.pop(0) if faults else None
        if path not in self.files or isinstance(fault, int):
            return handler.send_error(fault if isinstance(fault, int) else 404)
        if fault == "endless":
            return self._send_for_ever(handler)
        if fault == "redirect":
            handler.send_response(302)
            handler.send_header("Location", "file:///etc/hostname")
            return handler.end_headers()
        content = self.files[path]
        length = len(content)
        if fault in ("drop", "truncate"):
            content = content[: length // 2]
        if fault == "truncate":
            length = len(content)
        if fault == "garbage":
            content = bytes(length)
        handler.send_response(200)
        for name, value in ({"Content-Length": str(length)} | self.headers).items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content)
        return None

    def _send_for_ever(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.end_headers()
        while self.sent < 1 << 30:
            try:
                self.sent += handler.wfile.write(bytes(1 << 16))
            except OSError:  # the reader has gone
                return
