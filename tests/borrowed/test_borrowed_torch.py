"""What is borrowed from PyTorch is there and does what it is borrowed for."""

from __future__ import annotations

import io

import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.summary_pb2 import Summary
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torch.utils.tensorboard import SummaryWriter

from groundup.borrowed import torch as borrowed


def pair():
    return [torch.tensor([3.0, 4.0]), torch.tensor([[-1.0]])]


@pytest.mark.parametrize(
    ("operation", "arguments", "expected"),
    [
        ("foreach_add_", (pair(),), [[6.0, 8.0], [[-2.0]]]),
        ("foreach_clamp_min_", (3.5,), [[3.5, 4.0], [[3.5]]]),
        ("foreach_copy_", ([torch.zeros(2), torch.ones(1, 1)],), [[0.0, 0.0], [[1.0]]]),
        ("foreach_div_", ([2.0, 4.0],), [[1.5, 2.0], [[-0.25]]]),
        ("foreach_lerp_", ([torch.zeros(2), torch.zeros(1, 1)], 0.25), [[2.25, 3.0], [[-0.75]]]),
        ("foreach_mul_", (2.0,), [[6.0, 8.0], [[-2.0]]]),
        ("foreach_mul_", ([2.0, 3.0],), [[6.0, 8.0], [[-3.0]]]),
    ],
)
def test_an_operation_on_many_tensors_changes_each_in_place(operation, arguments, expected):
    tensors = pair()
    getattr(borrowed, operation)(tensors, *arguments)
    assert [tensor.tolist() for tensor in tensors] == expected


def test_an_operation_on_many_tensors_gives_one_for_each():
    tensors = pair()
    assert [t.tolist() for t in borrowed.foreach_add(tensors, pair(), alpha=0.5)] == [[4.5, 6.0], [[-1.5]]]
    assert [t.item() for t in borrowed.foreach_norm(tensors)] == [5.0, 1.0]
    assert torch.equal(tensors[0], pair()[0])


class Renamed(nn.Linear):
    def _get_name(self) -> str:
        return "Dense"


def test_a_module_is_named_as_repr_names_it():
    assert borrowed.kind_of(nn.ReLU()) == "ReLU"
    assert borrowed.kind_of(Renamed(1, 1)) == "Dense"
    assert repr(Renamed(1, 1)).startswith("Dense(")


@pytest.mark.parametrize(
    "register",
    [
        "register_forward_hook",
        "register_forward_pre_hook",
        "register_full_backward_hook",
        "register_full_backward_pre_hook",
    ],
)
def test_every_kind_of_hook_is_seen_while_it_is_there(register):
    layer = nn.Linear(1, 1)
    assert not borrowed.has_hooks(layer)
    hook = getattr(layer, register)(lambda *_: None)
    assert borrowed.has_hooks(layer)
    hook.remove()
    assert not borrowed.has_hooks(layer)


def test_a_fused_optimizer_takes_scaled_gradients_and_another_does_not():
    parameters = [nn.Parameter(torch.zeros(1))]
    assert borrowed.takes_scaled_gradients(torch.optim.Adam(parameters, fused=True))
    assert not borrowed.takes_scaled_gradients(torch.optim.Adam(parameters))


def test_a_picture_is_written_byte_by_byte(tmp_path):
    content = io.BytesIO()
    Image.new("RGB", (3, 2), "red").save(content, format="PNG")
    picture = Summary.Image(height=2, width=3, colorspace=3, encoded_image_string=content.getvalue())
    with SummaryWriter(tmp_path) as writer:
        borrowed.write_summary(writer, Summary(value=[Summary.Value(tag="red", image=picture)]), 7)
    [event] = EventAccumulator(str(tmp_path)).Reload().Images("red")
    assert (event.step, event.encoded_image_string) == (7, content.getvalue())


class Watched(nn.Linear):
    def _apply(self, fn, recurse=True):
        self.moved = True
        return super()._apply(fn, recurse)


@pytest.mark.parametrize("move", [nn.Module.double, nn.Module.half, nn.Module.float, lambda net: net.to("cpu")])
def test_what_is_overridden_is_what_moves_a_module(move):
    layer = nn.Sequential(Watched(1, 1))
    move(layer)
    assert layer[0].moved


def test_hooks_of_every_module_and_optimizer_are_seen():
    from torch.nn.modules.module import register_module_forward_pre_hook
    from torch.optim.optimizer import register_optimizer_step_pre_hook

    before = sum(map(len, borrowed.global_hooks()))
    registers = (register_module_forward_pre_hook, register_optimizer_step_pre_hook)
    handles = [register(lambda *_: None) for register in registers]
    assert sum(map(len, borrowed.global_hooks())) == before + 2
    for handle in handles:
        handle.remove()
    assert sum(map(len, borrowed.global_hooks())) == before


class Drawn(Dataset):
    def __len__(self):
        return 1

    def __getitem__(self, index):
        return torch.rand(())


def test_workers_that_live_on_begin_anew():
    def first_of_epochs(begins_anew):
        loader = DataLoader(Drawn(), num_workers=1, persistent_workers=True, generator=torch.Generator())
        for _ in range(2):
            if begins_anew:
                borrowed.begin_workers_anew(loader)
            loader.generator.manual_seed(0)
            [found] = loader
            yield float(found)

    once, again = first_of_epochs(begins_anew=True)
    assert once == again
    once, again = first_of_epochs(begins_anew=False)
    assert once != again
