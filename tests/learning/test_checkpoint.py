"""Reading checkpoints: what is there, what is damaged, what is of another network."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import os
import random
import warnings
import zipfile
from pathlib import Path

import pytest
import torch

from groundup.errors import UserError
from groundup.learning.checkpoint import load_checkpoint, load_weights, spec_in
from groundup.spec import DatasetSpec


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "a.ckpt"
    torch.manual_seed(0)
    torch.save({"state_dict": torch.nn.Linear(3, 2).state_dict(), "epoch": 1, "spec": {"std": (0.5,)}}, path)
    return path


def test_weights_and_plain_values_come_back(saved):
    net = torch.nn.Linear(3, 2)
    checkpoint = load_weights(net, saved)
    assert (checkpoint["epoch"], checkpoint["spec"]) == (1, {"std": (0.5,)})
    assert torch.equal(net.weight, checkpoint["state_dict"]["weight"])


class Foreign:
    pass


class Command:
    def __reduce__(self):
        return os.system, ("true",)


@pytest.mark.parametrize(("content", "named"), [(Foreign(), "Foreign was not an allowed"), (Command(), "system")])
def test_a_refusal_names_the_code_without_advice_to_trust_it(tmp_path, content, named):
    torch.save({"state_dict": content}, tmp_path / "a.ckpt")
    with pytest.raises(UserError, match=named) as refusal:
        load_checkpoint(tmp_path / "a.ckpt")
    for advice in ("weights_only", "Re-running", "safe_globals", "PyTorch 2.6"):
        assert advice not in str(refusal.value)


@pytest.mark.parametrize("size", [0, 1, 100, 0.5, 0.99])
def test_a_truncated_checkpoint_is_refused(saved, size):
    whole = saved.read_bytes()
    saved.write_bytes(whole[: size if isinstance(size, int) else int(size * len(whole))])
    with pytest.raises(UserError, match=r"a\.ckpt: refused, it is damaged"):
        load_checkpoint(saved)


def loaded_or_refused(path, content):
    path.write_bytes(content)
    with contextlib.suppress(UserError):
        return load_checkpoint(path)
    return None


def equal(one, other):
    return repr(one) == repr(other)  # tensors of six numbers are shown with what differs, NaN too


def test_of_many_single_flipped_bits_none_comes_out_as_another_value(saved):
    """torch.load does not look at checksums: it reads most flips as other numbers. In padding they are harmless."""
    whole, expected = saved.read_bytes(), load_checkpoint(saved)
    generator = random.Random(0)
    refused = misread = 0
    for _ in range(400):
        damaged, position = bytearray(whole), generator.randrange(8 * len(whole))
        damaged[position // 8] ^= 1 << position % 8
        found = loaded_or_refused(saved, damaged)
        refused += found is None
        assert found is None or equal(found, expected), f"bit {position}"
        with contextlib.suppress(Exception):
            misread += not equal(torch.load(saved, weights_only=True), expected)
    assert refused > 100
    assert misread > 10  # negative control: the flips do matter


def test_no_damage_comes_out_as_another_value(saved):
    whole, expected = saved.read_bytes(), load_checkpoint(saved)
    generator = random.Random(1)

    def cut(data, place):
        del data[place:]

    def lose(data, place):
        del data[place]

    def insert(data, place):
        data.insert(place, generator.randrange(256))

    def blank(data, place):
        data[place : place + 64] = bytes(len(data[place : place + 64]))

    def move(data, place):
        data[place:place] = data[-100:]

    def append(data, place):
        data += generator.randbytes(place + 1)

    for change in (cut, lose, insert, blank, move, append):
        for _ in range(25):
            damaged = bytearray(whole)
            change(damaged, generator.randrange(len(whole)))
            found = loaded_or_refused(saved, damaged)
            assert found is None or equal(found, expected), change.__name__
            assert found is None or change in (append, blank), change.__name__


def test_the_old_format_which_has_no_checksums_is_refused(saved, tmp_path):
    torch.save(load_checkpoint(saved), tmp_path / "old.ckpt", _use_new_zipfile_serialization=False)
    with pytest.raises(UserError, match=r"old\.ckpt: refused, it is damaged .*\(not the zip archive"):
        load_checkpoint(tmp_path / "old.ckpt")


def repacked(source, target, change):
    """A copy of an archive whose members `change(info, data)` gives back."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for info in old.infolist():
            for name, data, kind in change(info.filename, old.read(info)):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # two of one name
                    new.writestr(name, data, kind)


def test_a_small_file_that_unpacks_to_a_large_one_is_refused_before_it_is_unpacked(saved, tmp_path, monkeypatch):
    def bomb(name, data):
        yield name, data if "/data/" not in name else bytes(2**22), zipfile.ZIP_DEFLATED

    repacked(saved, tmp_path / "bomb.ckpt", bomb)
    assert (tmp_path / "bomb.ckpt").stat().st_size < 2**16
    monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: pytest.fail("unpacked"))
    with pytest.raises(UserError, match=r"bomb\.ckpt: refused.*is compressed"):
        load_checkpoint(tmp_path / "bomb.ckpt")


def test_a_member_that_is_marked_as_a_folder_is_refused(saved):
    """One flipped bit: torch then reads nothing of it, and its weights are what lay in memory."""
    damaged = bytearray(saved.read_bytes())
    with zipfile.ZipFile(saved) as archive:
        start = damaged.index(b"PK\1\2", archive.start_dir)
    while b"/data/" not in damaged[start + 46 : start + 80]:
        start = damaged.index(b"PK\1\2", start + 1)
    damaged[start + 38] ^= 0x10
    saved.write_bytes(damaged)
    with pytest.raises(UserError, match=r"refused.*is a folder"):
        load_checkpoint(saved)


def test_two_members_of_one_name_are_refused(saved, tmp_path):
    def twice(name, data):
        yield name, data, zipfile.ZIP_STORED
        if name.endswith("/data/0"):
            yield name, data[::-1], zipfile.ZIP_STORED

    repacked(saved, tmp_path / "two.ckpt", twice)
    with pytest.raises(UserError, match=r"refused.*two of its members have the same name"):
        load_checkpoint(tmp_path / "two.ckpt")


class Room:
    """Asks for as many bytes as a number says; torch's restricted unpickler grants it."""

    def __init__(self, kind):
        self.kind = kind

    def __reduce__(self):
        return self.kind, (2**20,)


@pytest.mark.parametrize("kind", [bytearray, torch.FloatTensor], ids=str)
def test_a_checkpoint_that_asks_for_memory_by_number_is_refused(tmp_path, kind):
    torch.save({"state_dict": {}, "room": Room(kind)}, tmp_path / "a.ckpt")
    assert len(torch.load(tmp_path / "a.ckpt", weights_only=True)["room"]) == 2**20  # negative control
    with pytest.raises(UserError, match=r"refused.*is not a plain value"):
        load_checkpoint(tmp_path / "a.ckpt")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_weights_that_are_no_numbers_are_refused_naming_them(tmp_path, value):
    net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    net.register_buffer("mask", torch.tensor([0.0, -math.inf]))  # meant so
    torch.save({"state_dict": net.state_dict()}, tmp_path / "a.ckpt")
    load_weights(net, tmp_path / "a.ckpt")
    net[0].weight.data[1, 2] = value
    torch.save({"state_dict": net.state_dict()}, tmp_path / "a.ckpt")
    with pytest.raises(UserError, match=r"1 of the 6 values of 0\.weight are no numbers .*diverged"):
        load_weights(net, tmp_path / "a.ckpt")


def test_a_running_mean_that_is_no_number_is_refused(tmp_path):
    net = torch.nn.BatchNorm1d(2)
    net.running_mean[0] = math.nan
    torch.save({"state_dict": net.state_dict()}, tmp_path / "a.ckpt")
    with pytest.raises(UserError, match="1 of the 2 values of running_mean"):
        load_weights(net, tmp_path / "a.ckpt")


# What a checkpoint says of its data

SPEC = dataclasses.asdict(DatasetSpec("two", 1, 8, 8, ("a", "b"), (0.5,), (0.2,), 10, 5))


def test_a_spec_comes_back_from_a_checkpoint():
    assert dataclasses.asdict(spec_in({"spec": SPEC}, Path("a.ckpt"))) == SPEC


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("std", (0.0,)), ("std", (-1.0,)), ("std", (math.nan,)), ("std", (math.inf,)), ("std", ()), ("std", ("x",)),
        ("std", None), ("mean", (math.nan,)), ("mean", (0.1, 0.2)), ("mean", "0"), ("mean", (True,)),
        ("channels", 0), ("channels", 10**9), ("height", -1), ("height", 2.0), ("width", 10**8), ("width", "8"),
        ("class_names", ()), ("class_names", (1, 2)), ("class_names", 2), ("class_names", None), ("test_size", -1),
    ],
)  # fmt: skip
def test_a_spec_that_no_data_set_has_is_refused_naming_what_of_it(key, value):
    with pytest.raises(UserError, match=rf"a\.ckpt: it does not say what data it was trained on .*{key}"):
        spec_in({"spec": SPEC | {key: value}}, Path("a.ckpt"))


@pytest.mark.parametrize("spec", [None, 3, [], {}, {"name": "x"}, SPEC | {"more": 1}])
def test_a_spec_that_is_none_is_refused(spec):
    with pytest.raises(UserError, match="does not say what data"):
        spec_in({"spec": spec}, Path("a.ckpt"))
    with pytest.raises(UserError, match="does not say what data"):
        spec_in({}, Path("a.ckpt"))


@pytest.mark.parametrize(
    "content",
    [{"state_dict": {"weight": torch.zeros(5, 5)}}, {"state_dict": [1]}, {"state_dict": {"weight": 1, "bias": "x"}}],
    ids=["another shape", "list", "no tensors"],
)
def test_the_weights_of_another_network_are_refused(tmp_path, content):
    torch.save(content, tmp_path / "a.ckpt")
    with pytest.raises(UserError, match="made by another network"):
        load_weights(torch.nn.Linear(3, 2), tmp_path / "a.ckpt")


@pytest.mark.parametrize("content", [{}, [1], torch.zeros(2)], ids=["empty", "list", "tensor"])
def test_a_file_that_is_no_checkpoint_is_named(tmp_path, content):
    torch.save(content, tmp_path / "a.ckpt")
    with pytest.raises(UserError, match="not a checkpoint of this project"):
        load_checkpoint(tmp_path / "a.ckpt")


def test_a_missing_checkpoint_is_named(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        load_checkpoint(tmp_path / "none.ckpt")
