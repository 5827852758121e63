"""Images are decoded once and kept, and never taken for others: by content, size, manner and all that makes pixels."""

from __future__ import annotations

import errno
import logging
import multiprocessing
import os
import pickle

import numpy as np
import pytest
import torch
from PIL import Image

from groundup.data import image_cache, image_reader, images
from groundup.data.image_cache import ImageCache
from groundup.data.image_reader import Reader
from groundup.data.images import Manner
from groundup.data.module import ImageData
from groundup.data.specs import make_spec
from groundup.errors import UserError

SHAPE = (3, 8, 8)
RANDOM = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Files of any size are kept."""
    monkeypatch.setattr(image_reader, "SMALL", 0)


@pytest.fixture
def decoded(monkeypatch) -> list[str]:
    """The files that are decoded."""
    seen: list[str] = []
    decode = images.decode
    monkeypatch.setattr(
        image_reader, "decode", lambda path, *a, **k: (seen.append(str(path)), decode(path, *a, **k))[1]
    )
    return seen


@pytest.fixture
def photos(tmp_path):
    for number in range(6):
        folder = tmp_path / "photos" / ("cat", "dog")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(RANDOM.integers(0, 256, (12, 12, 3), np.uint8)).save(folder / f"{number}.png")
    return tmp_path / "photos"


def opened(photos, cache, **options) -> ImageData:
    spec = make_spec({"name": "image_folder", "root": str(photos), "image_size": 8, "test_fraction": 0})
    data = ImageData(spec, photos, val_fraction=0, cache=str(cache) if cache else None, **options)
    data.setup("fit")
    return data


def test_a_second_start_decodes_nothing_and_sees_the_same(tmp_path, photos, decoded, caplog):
    first = opened(photos, tmp_path / "cache")
    assert len(decoded) == 6
    caplog.clear()
    with caplog.at_level(logging.INFO):
        second = opened(photos, tmp_path / "cache")
    assert len(decoded) == 6
    assert torch.equal(first.splits["train"].pixels, second.splits["train"].pixels)
    assert torch.equal(first.splits["train"].pixels, opened(photos, None).splits["train"].pixels)
    [line] = [message for message in caplog.messages if "data.cache" in message]
    assert "6 of 6 images as they were decoded before" in line
    assert f"in {next((tmp_path / 'cache').glob('*.images'))}; to clear it, delete the file" in line


def test_a_file_that_changes_and_keeps_its_size_and_time_is_decoded_anew(tmp_path, photos, decoded):
    opened(photos, tmp_path / "cache")
    one, other = sorted((photos / "cat").iterdir())[:2]
    there = one.stat()
    content = other.read_bytes()
    one.write_bytes(content.ljust(there.st_size, b"\0")[: max(there.st_size, len(content))])
    os.utime(one, ns=(there.st_atime_ns, there.st_mtime_ns))
    data = opened(photos, tmp_path / "cache")
    assert torch.equal(data.splits["train"].pixels, opened(photos, None).splits["train"].pixels)


@pytest.mark.parametrize(
    "change",
    [
        {"resize": "crop"},
        {"background": "black"},
        {"decode": "fast"},
        {"max_pixels": 1000},
        {"bits": 12},
    ],
)
def test_another_manner_is_another_file(tmp_path, photos, decoded, change):
    opened(photos, tmp_path / "cache")
    opened(photos, tmp_path / "cache", **change)
    assert len(decoded) == 12
    assert len(list((tmp_path / "cache").glob("*.images"))) == 2


def test_another_version_of_pillow_or_of_our_code_is_another_file(tmp_path, monkeypatch):
    before = ImageCache(tmp_path, SHAPE, Manner()).file
    assert ImageCache(tmp_path, SHAPE, Manner()).file == before
    monkeypatch.setattr(image_cache.Image, "__version__", "99")
    assert ImageCache(tmp_path, SHAPE, Manner()).file != before


def keyed(count: int) -> list:
    return [(bytes([n]) * 32, np.full(SHAPE, n, np.uint8)) for n in range(count)]


@pytest.mark.parametrize("left", [1, 40, 200])
def test_what_a_killed_process_leaves_is_cut_off(tmp_path, left):
    cache = ImageCache(tmp_path, SHAPE, Manner())
    cache.add(keyed(3))
    with cache.file.open("ab") as file:
        file.write(b"\7" * left)
    again = ImageCache(tmp_path, SHAPE, Manner())
    again.add(keyed(5))
    assert [int(again.get(key)[0, 0, 0]) for key, _ in keyed(5)] == [0, 1, 2, 3, 4]
    assert cache.file.stat().st_size == 5 * (40 + 192)


def test_a_damaged_record_is_not_used_and_is_made_again(tmp_path):
    cache = ImageCache(tmp_path, SHAPE, Manner())
    cache.add(keyed(2))
    content = bytearray(cache.file.read_bytes())
    content[100] ^= 1
    cache.file.write_bytes(content)
    again = ImageCache(tmp_path, SHAPE, Manner())
    assert again.get(keyed(2)[0][0]) is None
    assert again.get(keyed(2)[1][0]) is not None
    again.add(keyed(2))
    assert int(again.get(keyed(2)[0][0]).max()) == 0


def _add(folder, start):
    ImageCache(folder, SHAPE, Manner()).add(keyed(40)[start:])


def test_several_processes_add_at_once(tmp_path):
    tasks = [multiprocessing.get_context("fork").Process(target=_add, args=(tmp_path, start)) for start in (0, 10, 0)]
    for task in tasks:
        task.start()
    for task in tasks:
        task.join()
    cache = ImageCache(tmp_path, SHAPE, Manner())
    assert [int(cache.get(key)[0, 0, 0]) for key, _ in keyed(40)] == list(range(40))
    assert cache.size == 40 * (40 + 192)


def test_a_full_disk_costs_no_run(tmp_path, photos, monkeypatch, caplog):
    usage = image_cache.shutil.disk_usage(tmp_path)
    monkeypatch.setattr(image_cache.shutil, "disk_usage", lambda folder: usage._replace(free=1 << 20))
    data = opened(photos, tmp_path / "cache")
    assert data.train_size == 6
    assert "cannot be written (0.0 GiB are free on its disk" in caplog.text


def test_a_write_that_fails_half_way_leaves_what_was_there(tmp_path, monkeypatch):
    cache = ImageCache(tmp_path, SHAPE, Manner())
    cache.add(keyed(2))
    calls = []

    def fail(key, pixels):
        calls.append(key)
        if len(calls) == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        return check(key, pixels)

    check = image_cache._check
    monkeypatch.setattr(image_cache, "_check", fail)
    with pytest.raises(OSError, match="No space left"):
        cache.add(keyed(6)[2:])
    monkeypatch.setattr(image_cache, "_check", check)
    assert cache.size == 2 * (40 + 192)


def test_a_cache_that_is_deleted_meanwhile_is_no_loss(tmp_path):
    cache = ImageCache(tmp_path, SHAPE, Manner())
    cache.add(keyed(3))
    cache.file.unlink()
    cache.add(keyed(1))
    assert cache.get(keyed(1)[0][0]) is not None
    assert cache.get(keyed(3)[2][0]) is None


def test_processes_that_read_images_have_a_reader_of_their_own(tmp_path, photos):
    reader = Reader(SHAPE, Manner(), str(tmp_path / "cache"))
    path = str(next((photos / "cat").iterdir()))
    pixels = reader.read(path).pixels
    reader.flush()
    again = pickle.loads(pickle.dumps(reader))
    assert torch.equal(again.read(path).pixels, pixels)
    assert again._found == 1


def test_a_run_does_not_go_on_with_files_or_classes_that_have_changed(tmp_path, photos):
    before = opened(photos, None).state_dict()
    opened(photos, None).load_state_dict(before)
    one = sorted((photos / "cat").iterdir())[0]
    content = one.read_bytes()
    one.write_bytes(content + b"\0")
    with pytest.raises(UserError, match=r"images are others \(1 of 6 images have another content: cat/0.png\)"):
        opened(photos, None).load_state_dict(before)
    one.write_bytes(content)
    table = tmp_path / "table.csv"
    rows = [f"{file.parent.name}/{file.name},{file.parent.name}" for file in sorted(photos.rglob("*.png"))]
    table.write_text("\n".join(["file,label", *rows]))
    keys = {"name": "image_folder", "root": str(photos), "image_size": 8, "test_fraction": 0, "table": str(table)}
    state = ImageData(make_spec(keys), photos, val_fraction=0).state_dict()
    table.write_text("\n".join(["file,label", *rows[:-2], *(row[:-3] + "cat" for row in rows[-2:])]))
    with pytest.raises(UserError, match=r"2 of 6 images have another class, first dog/3.png"):
        ImageData(make_spec(keys), photos, val_fraction=0).load_state_dict(state)


def test_a_cache_that_cannot_be_read_costs_decoding_and_no_run(tmp_path, photos, decoded, caplog):
    opened(photos, tmp_path / "cache")
    [file] = (tmp_path / "cache").glob("*.images")
    file.unlink()
    file.mkdir()
    count = len(decoded)
    data = opened(photos, tmp_path / "cache")
    assert len(decoded) == count + 6
    assert torch.equal(data.splits["train"].pixels, opened(photos, None).splits["train"].pixels)
    assert "cannot be read: Is a directory" in caplog.text
