from __future__ import annotations

import gzip
import os
import pickle
import socket
import struct
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from fake_files import idx, md5, publish, tar_of
from filelock import FileLock

from groundup.data import download
from groundup.data.cifar import read_batches
from groundup.data.download import archives_of, ensure
from groundup.data.idx import shape_of
from groundup.data.intact import is_unpacked
from groundup.data.transfer import SLOWEST, Failed, NotThere, Pace, transfer
from groundup.errors import UserError

IMAGES = "train-images-idx3-ubyte.gz"


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def served(server, fake_mnist):
    server.files = dict(fake_mnist)
    return server


def whole(root: Path) -> bool:
    return all(is_unpacked(archive, root) for archive in archives_of("mnist"))


def leftovers(root: Path) -> list[str]:
    return [path.name for path in root.rglob("*") if path.name.endswith(".part") or path.name.startswith(".unpack")]


def test_files_are_fetched_once_and_need_nothing_afterwards(served, tmp_path):
    ensure("mnist", tmp_path, served.url)
    assert whole(tmp_path)
    assert leftovers(tmp_path) == []
    asked = served.requests.total()
    ensure("mnist", tmp_path, served.url)
    assert served.requests.total() == asked


def test_the_published_address_is_asked_without_a_mirror(served, tmp_path, monkeypatch):
    archives = tuple(replace(archive, servers=(served.url + "/",)) for archive in archives_of("mnist"))
    publish(monkeypatch, "mnist", archives)
    ensure("mnist", tmp_path)
    assert whole(tmp_path)


def test_a_mirror_may_have_torchvisions_layout(server, fake_mnist, tmp_path):
    server.files = {f"MNIST/raw/{name}": content for name, content in fake_mnist.items()}
    ensure("mnist", tmp_path, server.url)
    assert whole(tmp_path)


@pytest.mark.parametrize("fault", ["drop", "truncate", "garbage", 500])
def test_a_failed_transfer_is_tried_again(fault, served, tmp_path, waits):
    served.faults = {IMAGES: [fault, fault]}
    ensure("mnist", tmp_path, served.url, sleep=waits.append)
    assert whole(tmp_path)
    assert served.requests[IMAGES] == 3
    assert waits == [1.0, 2.0]


@pytest.mark.parametrize("fault", ["drop", "truncate", "garbage", 500])
def test_three_failures_end_it_and_leave_no_half_file(fault, served, tmp_path, waits):
    served.faults = {IMAGES: [fault] * 3}
    with pytest.raises(UserError, match=r"data\.mirror") as caught:
        ensure("mnist", tmp_path, served.url, sleep=waits.append)
    assert all(name in str(caught.value) for name in served.files)
    assert str(tmp_path / "MNIST/raw") in str(caught.value)
    assert [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".lock"] == []


def test_a_file_that_is_not_on_the_server_is_not_asked_for_again(served, tmp_path, waits):
    del served.files[IMAGES]
    with pytest.raises(UserError, match="404"):
        ensure("mnist", tmp_path, served.url, sleep=waits.append)
    assert served.requests[IMAGES] == 1
    assert waits == []


def test_without_a_network_one_error_names_files_folder_and_mirror(fake_mnist, tmp_path, waits):
    with pytest.raises(UserError) as caught:
        ensure("mnist", tmp_path, "http://127.0.0.1:1", sleep=waits.append)
    message = str(caught.value)
    assert all(part in message for part in (*fake_mnist, str(tmp_path / "MNIST/raw"), "data.mirror", "no connection"))
    assert len(message.splitlines()) == 2


def test_a_damaged_file_is_named_and_kept(served, tmp_path):
    ensure("mnist", tmp_path, served.url)
    victim = tmp_path / "MNIST/raw/t10k-labels-idx1-ubyte"
    victim.write_bytes(victim.read_bytes()[:-1])
    before = victim.read_bytes()
    with pytest.raises(UserError, match="is damaged") as caught:
        ensure("mnist", tmp_path, served.url)
    assert str(victim) in str(caught.value)
    assert "Move or delete it" in str(caught.value)
    assert victim.read_bytes() == before


@pytest.mark.parametrize("packed", [False, True])
def test_images_of_ones_own_in_mnists_place_are_not_called_damaged(packed, fake_mnist, tmp_path):
    own = idx(np.arange(7 * 28 * 28).reshape(7, 28, 28) % 256)
    file = tmp_path / "MNIST/raw" / IMAGES.removesuffix("" if packed else ".gz")
    file.parent.mkdir(parents=True)
    file.write_bytes(gzip.compress(own) if packed else own)
    with pytest.raises(UserError) as caught:
        ensure("mnist", tmp_path)
    message = str(caught.value)
    assert message.startswith(f"{file} is a whole IDX file of 7 x 28 x 28 values, but not the one that was published: ")
    assert "set data.root to another folder" in message
    assert "damaged" not in message
    assert "delete" not in message
    assert file.exists()


@pytest.mark.parametrize(
    ("content", "shape"),
    [
        (idx(np.zeros((2, 3, 4))), (2, 3, 4)),
        (idx(np.zeros(5)), (5,)),
        (gzip.compress(idx(np.zeros(5)), mtime=0), (5,)),
        (struct.pack(">HBBI", 0, 0x0D, 1, 3) + bytes(12), (3,)),  # of float32
        (idx(np.zeros(5))[:-1], None),
        (idx(np.zeros(5)) + b"x", None),
        (gzip.compress(idx(np.zeros(500)), mtime=0)[:-9], None),
        (struct.pack(">HBB3I", 0, 8, 3, 2**32 - 1, 2**32 - 1, 2**32 - 1), None),
        (struct.pack(">HBBI", 0, 7, 1, 0), None),
        (b"\0\0\x08", None),
        (b"", None),
        (b"\x1f\x8b", None),
        (b"\x1f\x8b\x08\0" + bytes(20), None),
    ],
)
def test_only_a_whole_idx_file_has_a_shape(content, shape, tmp_path):
    (tmp_path / "x").write_bytes(content)
    assert shape_of(tmp_path / "x") == shape


def test_a_truncated_archive_is_refused_and_kept(fake_mnist, tmp_path):
    archive = tmp_path / "MNIST/raw" / IMAGES
    archive.parent.mkdir(parents=True)
    archive.write_bytes(fake_mnist[IMAGES][:100])
    with pytest.raises(UserError, match="is damaged"):
        ensure("mnist", tmp_path, "http://127.0.0.1:1")
    assert archive.stat().st_size == 100


def test_archives_put_there_by_hand_are_unpacked_without_network(fake_mnist, tmp_path):
    raw = tmp_path / "MNIST/raw"
    raw.mkdir(parents=True)
    for name, content in fake_mnist.items():
        (raw / name).write_bytes(content)
    ensure("mnist", tmp_path, "http://127.0.0.1:1")
    assert whole(tmp_path)


def test_files_that_are_there_are_only_read(served, tmp_path):
    source = tmp_path / "source"
    ensure("mnist", source, served.url)
    (source / ".mnist.lock").unlink(missing_ok=True)
    before = {path: path.stat().st_mtime_ns for path in (source, *source.rglob("*"))}
    ensure("mnist", source)
    assert before == {path: path.stat().st_mtime_ns for path in (source, *source.rglob("*"))}


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_folder_that_cannot_be_written_to_is_said(fake_mnist, tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match=r"data\.root=.*cannot be written to"):
        ensure("mnist", tmp_path, "http://127.0.0.1:1")


def test_a_root_that_is_a_file_is_said(fake_mnist, tmp_path):
    root = tmp_path / "file"
    root.write_text("")
    with pytest.raises(UserError, match=r"data\.root="):
        ensure("mnist", root, "http://127.0.0.1:1")


@pytest.mark.parametrize("unpacked", [False, True])
@pytest.mark.parametrize("flat", [False, True])
def test_a_folder_serves_as_a_mirror(unpacked, flat, fake_mnist, tmp_path):
    published = tmp_path / "published"
    ensure_from = published if flat else published / "MNIST/raw"
    ensure_from.mkdir(parents=True)
    for name, content in fake_mnist.items():
        if unpacked:
            (ensure_from / name.removesuffix(".gz")).write_bytes(gzip.decompress(content))
        else:
            (ensure_from / name).write_bytes(content)
    ensure("mnist", tmp_path / "root", str(published))
    assert whole(tmp_path / "root")


def test_a_damaged_mirror_is_refused(fake_mnist, tmp_path, waits):
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    for name, content in fake_mnist.items():
        (mirror / name).write_bytes(content[:-1] + b"x")
    with pytest.raises(UserError, match="MD5"):
        ensure("mnist", tmp_path / "root", str(mirror), sleep=waits.append)
    assert waits == []
    assert not whole(tmp_path / "root")


def test_threads_that_start_together_fetch_every_file_once(served, tmp_path):
    served.delay = 0.05
    errors: list[BaseException] = []

    def work() -> None:
        try:
            ensure("mnist", tmp_path, served.url)
            assert whole(tmp_path)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert {path: count for path, count in served.requests.items() if path in served.files} == dict.fromkeys(
        served.files, 1
    )


WORKER = """
import sys, pickle
from dataclasses import replace
from pathlib import Path
from groundup.data.download import ensure
from groundup.data.intact import is_unpacked
from groundup.data.published import mnist
root, url, table = sys.argv[1], sys.argv[2], sys.argv[3]
mnist.DATA = replace(mnist.DATA, archives=pickle.load(open(table, "rb")))
ensure("mnist", root, url)
assert all(is_unpacked(archive, Path(root)) for archive in mnist.DATA.archives)
"""


def test_processes_that_start_together_fetch_every_file_once(served, tmp_path):
    served.delay = 0.1
    table = tmp_path / "table.pickle"
    table.write_bytes(pickle.dumps(archives_of("mnist")))
    command = [sys.executable, "-c", WORKER, str(tmp_path / "root"), served.url, str(table)]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(2)]
    outputs = [process.communicate(timeout=120)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert all(served.requests[name] == 1 for name in served.files)


def test_a_tar_archive_is_unpacked_into_place(server, fake_cifar100, tmp_path):
    server.files = {"cifar-100-python.tar.gz": fake_cifar100}
    ensure("cifar100", tmp_path, server.url)
    assert sorted(path.name for path in (tmp_path / "cifar-100-python").iterdir()) == ["meta", "test", "train"]
    assert leftovers(tmp_path) == []


def test_a_tar_archive_cannot_write_outside_its_folder(monkeypatch, tmp_path):
    content = tar_of({"../escaped": b"x", "cifar-100-python/train": b"y"})
    archive = replace(archives_of("cifar100")[0], md5=md5(content))
    publish(monkeypatch, "cifar100", (archive,))
    root = tmp_path / "root"
    root.mkdir()
    (root / archive.filename).write_bytes(content)
    with pytest.raises(UserError, match="outside"):
        ensure("cifar100", root)
    assert not (root / "escaped").exists()
    assert not (tmp_path / "escaped").exists()


class Payload:
    def __init__(self, target: Path):
        self.target = target

    def __reduce__(self):
        return Path.touch, (self.target,)


def test_a_crafted_pickle_offered_as_a_data_file_is_refused_and_not_run(fake_cifar100, tmp_path):
    (tmp_path / "root/cifar-100-python").mkdir(parents=True)
    (tmp_path / "root/cifar-100-python/train").write_bytes(pickle.dumps(Payload(tmp_path / "ran")))
    with pytest.raises(UserError, match="is damaged"):
        ensure("cifar100", tmp_path / "root", "http://127.0.0.1:1")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("labels", ["fine_labels", "coarse_labels"])
def test_a_crafted_pickle_with_the_right_md5_is_not_run(labels, tmp_path):
    payload, file = pickle.dumps(Payload(tmp_path / "ran")), tmp_path / "train"
    file.write_bytes(payload)
    with pytest.raises(UserError, match="refused"):
        read_batches([file], labels)
    assert not (tmp_path / "ran").exists()
    pickle.loads(payload)  # the payload does work
    assert (tmp_path / "ran").exists()


def test_the_archives_are_those_that_torchvision_knows():
    from torchvision import datasets

    for name, kind in (("mnist", datasets.MNIST), ("fashion_mnist", datasets.FashionMNIST)):
        assert [(archive.filename, archive.md5) for archive in archives_of(name)] == list(kind.resources)
        assert list(archives_of(name)[0].servers) == list(kind.mirrors)
    for name, kind in (("cifar10", datasets.CIFAR10), ("cifar100", datasets.CIFAR100)):
        (archive,) = archives_of(name)
        assert (archive.filename, archive.md5) == (kind.filename, kind.tgz_md5)
        assert archive.servers[0] + archive.filename == kind.url
        listed = [*kind.train_list, *kind.test_list, (kind.meta["filename"], kind.meta["md5"])]
        assert archive.members == {f"{kind.base_folder}/{file}": digest for file, digest in listed}


def test_more_than_was_published_is_not_taken(served, tmp_path, waits):
    served.files[IMAGES] += bytes(1000)
    with pytest.raises(UserError, match="bytes, the published file has") as caught:
        ensure("mnist", tmp_path, served.url, sleep=waits.append)
    assert f"{len(served.files[IMAGES]):,} bytes" in str(caught.value)
    assert served.requests[IMAGES] == 1  # it would be no smaller the next time
    assert leftovers(tmp_path) == []


def test_a_server_that_sends_without_end_is_left_once_it_has_sent_too_much(served, tmp_path, waits):
    served.faults = {IMAGES: ["endless"]}
    with pytest.raises(UserError, match=r"more than the .* bytes of the published file"):
        ensure("mnist", tmp_path, served.url, sleep=waits.append)
    assert served.sent < 100 << 20  # what the network holds, not a gibibyte
    assert leftovers(tmp_path) == []


def test_a_folder_that_has_more_than_was_published_is_left_too(fake_mnist, tmp_path, waits):
    for name in fake_mnist:
        (tmp_path / name).write_bytes(bytes(1 << 20))
    with pytest.raises(UserError, match=r"more than the .* bytes of the published file"):
        ensure("mnist", tmp_path / "root", str(tmp_path), sleep=waits.append)


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "deflate", "br"])
def test_what_a_server_says_of_packing_does_not_have_it_unpacked(served, tmp_path, encoding):
    served.headers = {"Content-Encoding": encoding}  # of a .gz it may well say so
    ensure("mnist", tmp_path, served.url)
    assert whole(tmp_path)


@pytest.mark.parametrize("length", ["abc", "-1", "", "1e6", "²", "99999999999999999999999999"])
def test_a_length_that_is_none_is_no_matter_or_is_said(served, tmp_path, waits, length):
    served.headers = {"Content-Length": length.encode("utf-8").decode("latin-1")}
    if length.isascii() and length.isdigit():
        with pytest.raises(UserError, match="bytes, the published file has"):
            ensure("mnist", tmp_path, served.url, sleep=waits.append)
    else:
        ensure("mnist", tmp_path, served.url, sleep=waits.append)
        assert whole(tmp_path)


def test_a_redirect_to_a_file_is_not_followed(served, tmp_path, waits):
    served.faults = {IMAGES: ["redirect"] * 3}
    with pytest.raises(UserError, match="No connection adapters"):
        ensure("mnist", tmp_path, served.url, sleep=waits.append)


OK = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"ICY 200 OK\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        OK + b"no colon\r\n\r\nx",
        OK + b"X: " + bytes(70_000) + b"\r\n\r\n",
        OK + b"Content-Length: 5000, 4000\r\n\r\nx",
        OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhello",
        OK + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n",
        OK + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 100_000,
        OK + b"Content-Encoding: br, gzip, deflate, zstd\r\n\r\nx",
        b"HTTP/1.1 301 Moved\r\nLocation: http://[\r\n\r\n",
        b"HTTP/1.1 301 Moved\r\nLocation: //\r\n\r\n",
        b"HTTP/1.1 404 \xff\x1b[31m\r\n\r\n",
    ],
)
def test_what_is_no_answer_of_a_server_is_said(answer, tmp_path, monkeypatch):
    monkeypatch.setattr("groundup.data.transfer.SILENCE", 0.5)  # of one that leads back to where nobody answers
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def reply() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(1 << 16)
                connection.sendall(answer)

        thread = threading.Thread(target=reply)
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/file"
        with pytest.raises((Failed, NotThere), match=url):
            transfer(url, tmp_path / "file", md5(b"x" * 100), 100)
        thread.join()
    assert list(tmp_path.iterdir()) == []


def test_a_byte_a_second_is_not_waited_for():
    now = [0.0]
    pace = Pace("http://slow/file", clock=lambda: now[0])
    for _ in range(59):
        now[0] += 1
        pace.add(1)
    now[0] += 1
    with pytest.raises(Failed, match="http://slow/file: too slow: 60 bytes in 60 s"):
        pace.add(1)


def test_a_slow_line_is_waited_for_and_a_fast_beginning_does_not_hide_a_stall():
    now = [0.0]
    pace = Pace("url", clock=lambda: now[0])
    for _ in range(600):
        now[0] += 1
        pace.add(SLOWEST)
    pace.add(1 << 30)
    with pytest.raises(Failed):  # noqa: PT012
        for _ in range(130):
            now[0] += 1
            pace.add(1)


def test_a_transfer_asks_for_its_pace_before_so_much_has_come(served, tmp_path, monkeypatch, waits):
    monkeypatch.setattr("groundup.data.transfer.PERIOD", 0.0)
    monkeypatch.setattr("groundup.data.transfer.SLOWEST", 1e15)
    with pytest.raises(UserError, match="too slow"):
        ensure("mnist", tmp_path, served.url, sleep=waits.append)
    assert leftovers(tmp_path) == []


def test_who_waits_for_another_process_says_so(served, tmp_path, monkeypatch):
    other, said = FileLock(tmp_path / ".mnist.lock"), []
    other.acquire()

    def say(message, *words):
        said.append(message % words)
        if len(said) == 2:
            other.release()

    monkeypatch.setattr(download.log, "warning", say)
    monkeypatch.setattr(download, "SOON", 0.01)
    monkeypatch.setattr(download, "A_WHILE", 0.01)
    ensure("mnist", tmp_path, served.url)
    assert said[0] == f"data=mnist: waiting for another process that fetches it (it holds {tmp_path}/.mnist.lock)"
    assert whole(tmp_path)


def test_what_killed_processes_left_half_done_is_removed_and_nothing_else(served, tmp_path):
    raw = tmp_path / "MNIST/raw"
    (tmp_path / ".unpack-mnist-abc" / "deep").mkdir(parents=True)
    raw.mkdir(parents=True)
    half = [raw / f".{IMAGES}.abc.part", raw / f".{IMAGES}.abc.partial", raw / ".t10k-labels-idx1-ubyte.1.partial"]
    others = [raw / ".notes.part", raw / "x.partial", tmp_path / ".cifar-10-python.tar.gz.abc.partial"]
    for file in (*half, *others):
        file.touch()
    ensure("mnist", tmp_path, served.url)
    assert not any(file.exists() for file in (*half, tmp_path / ".unpack-mnist-abc"))
    assert all(file.exists() for file in others)  # another data set may just be fetched, under a lock of its own


def test_an_archive_that_unpacks_to_more_than_was_published_is_left(fake_mnist, monkeypatch, tmp_path):
    bomb = gzip.compress(bytes(1 << 24))
    archives = tuple(replace(archive, md5=md5(bomb)) for archive in archives_of("mnist"))
    publish(monkeypatch, "mnist", archives)
    (tmp_path / "MNIST/raw").mkdir(parents=True)
    (tmp_path / "MNIST/raw" / IMAGES).write_bytes(bomb)
    with pytest.raises(UserError, match="holds more than the"):
        ensure("mnist", tmp_path, "http://127.0.0.1:1")


def test_a_tar_that_unpacks_to_more_than_was_published_is_left(monkeypatch, tmp_path):
    content = tar_of({"cifar-100-python/train": bytes(1000), "cifar-100-python/readme": bytes(10)})
    archive = replace(archives_of("cifar100")[0], md5=md5(content), unpacked=999)
    publish(monkeypatch, "cifar100", (archive,))
    (tmp_path / archive.filename).write_bytes(content)
    with pytest.raises(UserError, match="holds more than the 999 bytes"):
        ensure("cifar100", tmp_path)


@pytest.mark.real_data
@pytest.mark.parametrize("name", ["mnist", "cifar10", "cifar100"])
def test_the_published_files_are_accepted_and_of_the_sizes_that_are_known(name, real_root):
    ensure(name, real_root, "http://127.0.0.1:1")
    for archive in archives_of(name):
        assert sum((real_root / member).stat().st_size for member in archive.members) == archive.unpacked
