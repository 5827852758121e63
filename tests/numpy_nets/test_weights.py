"""Weights on disk: they come back, and nothing else is let in."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

from groundup import numpy_nets as nn


def a_net(hidden: int = 3, dtype: type = np.float32) -> nn.Sequential:
    return nn.Sequential([nn.Dense(2, hidden, dtype=dtype), nn.BatchNorm(hidden, dtype=dtype), nn.Dense(hidden, 2)])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "net.npz"
    a_net().save(path)
    return path


def test_weights_and_buffers_come_back_to_the_last_bit_and_in_place(tmp_path: Path) -> None:
    saved, loaded = a_net(), a_net()
    saved.forward(np.random.default_rng(0).random((4, 2), np.float32), training=True)  # moves the running mean
    arrays = {name: id(array) for name, array in loaded.params.items()}
    saved.save(tmp_path / "net")
    loaded.load(tmp_path / "net")
    for name, array in (saved.params | saved.buffers).items():
        np.testing.assert_array_equal((loaded.params | loaded.buffers)[name], array)
    assert loaded.buffers["1.running_mean"].any()
    assert {name: id(array) for name, array in loaded.params.items()} == arrays
    assert [path.name for path in tmp_path.iterdir()] == ["net"]


def test_the_file_is_plain_arrays_by_their_names(file: Path) -> None:
    with np.load(file, allow_pickle=False) as arrays:
        assert {name: arrays[name].shape for name in arrays.files} == {
            "0.weight": (3, 2), "0.bias": (3,), "1.weight": (3,), "1.bias": (3,), "2.weight": (2, 3), "2.bias": (2,),
            "1.running_mean": (3,), "1.running_var": (3,), "1.num_batches_tracked": (),
        }  # fmt: skip


OTHERS = [
    (a_net(hidden=4), r"expected '0\.weight' of shape \(4, 2\) and float32, given of shape \(3, 2\) and float32"),
    (a_net(dtype=np.float64), r"expected '0\.weight' of shape \(3, 2\) and float64, given of shape .* float32"),
    (nn.Sequential({"fc": nn.Dense(2, 3)}), r"expected 'fc\.weight' .* given no array of this name"),
    (nn.Sequential([nn.Dense(2, 3)]), r"expected no array '1\.weight', given one of shape \(3,\)"),
]


@pytest.mark.parametrize(("net", "message"), OTHERS)
def test_a_weight_file_of_another_network_is_refused(file: Path, net: nn.Sequential, message: str) -> None:
    before = {name: array.copy() for name, array in net.params.items()}
    with pytest.raises(nn.InputError, match=f"net.npz: {message}"):
        net.load(file)
    for name, array in net.params.items():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize("keep", [0, 10, 500, -1])
def test_a_file_cut_short_is_refused(file: Path, keep: int) -> None:
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(nn.InputError, match=r"net\.npz: expected a whole \.npz file"):
        a_net().load(file)


def test_a_file_with_a_flipped_bit_is_refused(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[content.index(b"NUMPY") + 140] ^= 1  # among the first weights
    file.write_bytes(content)
    with pytest.raises(nn.InputError, match="Bad CRC-32"):
        a_net().load(file)


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "array.npy", np.zeros(3))
    with zipfile.ZipFile(tmp_path / "text.zip", "w") as archive:
        archive.writestr("0.weight", "no array")
    for name in ("array.npy", "text.zip"):
        with pytest.raises(nn.InputError, match=name):
            a_net().load(tmp_path / name)


def test_pickled_objects_are_refused_and_never_made(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple:
            return (Path.touch, (tmp_path / "sprung",))

    np.savez(tmp_path / "net.npz", **{"0.weight": np.array([Trap()], object)})
    with pytest.raises(nn.InputError, match="allow_pickle=False"):
        a_net().load(tmp_path / "net.npz")
    assert not (tmp_path / "sprung").exists()


def test_a_missing_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        a_net().load(tmp_path / "nothing.npz")


def test_a_save_that_fails_leaves_the_old_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(handle, **arrays) -> None:
        handle.write(b"half")
        raise OSError("no space left")

    before = file.read_bytes()
    monkeypatch.setattr(np, "savez", full_disk)
    with pytest.raises(OSError, match="no space left"):
        a_net().save(file)
    assert file.read_bytes() == before
    assert [path.name for path in file.parent.iterdir()] == ["net.npz"]
