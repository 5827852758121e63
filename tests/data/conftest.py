from __future__ import annotations

import gzip
import os
import pickle
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fake_files import Server, idx, install_cifar100, md5, publish

from groundup.data.download import archives_of


@pytest.fixture
def fake_mnist(monkeypatch) -> dict[str, bytes]:
    """Replaces the published MNIST by 20 training and 10 test images; gives the archives' contents by file name."""
    rng = np.random.default_rng(0)
    arrays = {
        "train-images": rng.integers(0, 256, (20, 28, 28)),
        "train-labels": np.arange(20) % 10,
        "t10k-images": rng.integers(0, 256, (10, 28, 28)),
        "t10k-labels": np.arange(10),
    }
    contents, archives = {}, []
    for archive, array in zip(archives_of("mnist"), arrays.values(), strict=True):
        plain = idx(array)
        packed = gzip.compress(plain, mtime=0)
        contents[archive.filename] = packed
        members = {member: md5(plain) for member in archive.members}
        archives.append(replace(archive, md5=md5(packed), size=len(packed), unpacked=len(plain), members=members))
    publish(monkeypatch, "mnist", tuple(archives))
    return contents


@pytest.fixture
def fake_cifar100(monkeypatch) -> bytes:
    """Replaces the published CIFAR-100 by 6 and 4 images; gives the archive's content."""

    def batch(count: int) -> bytes:
        pixels = np.arange(count * 3072, dtype=np.int64).reshape(count, 3072) % 251
        entry = {
            "data": pixels.astype(np.uint8),
            "fine_labels": [7 * i for i in range(count)],
            "coarse_labels": [i + 1 for i in range(count)],
        }
        return pickle.dumps(entry)

    files = {"train": batch(6), "test": batch(4), "meta": pickle.dumps({"fine_label_names": ["x"] * 100})}
    return install_cifar100(monkeypatch, files)


@pytest.fixture
def server():
    server = Server()
    thread = threading.Thread(target=server.http.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.http.shutdown()
    server.http.server_close()
    thread.join()


@pytest.fixture
def real_root() -> Path:
    root = os.environ.get("GROUNDUP_REAL_DATA")
    if not root:
        pytest.skip("GROUNDUP_REAL_DATA is not set: the published files are not here")
    return Path(root)
