"""Reading checkpoints: what is there, what is damaged, what is of another network."""

from __future__ import annotations

import os
import random

import pytest
import torch

from groundup.checkpoint import load_checkpoint, load_weights
from groundup.errors import UserError


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


def test_no_damage_of_an_old_file_is_more_than_a_user_error(saved, tmp_path):
    # the old format is one bare pickle: every wrong byte is another instruction to the unpickler
    torch.save(torch.load(saved, weights_only=True), tmp_path / "old", _use_new_zipfile_serialization=False)
    whole = (tmp_path / "old").read_bytes()
    generator = random.Random(0)
    refused = []
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[generator.randrange(len(whole))] = generator.randrange(256)
        saved.write_bytes(damaged)
        try:
            load_weights(torch.nn.Linear(3, 2), saved)
        except UserError as error:
            refused.append(str(error))
    assert len(refused) > 100  # the others differ in a weight or in nothing that is read
    assert all("\n" not in message for message in refused)


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
