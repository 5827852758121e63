"""Muon against PyTorch's Muon, SGD and AdamW, and numbers worked by hand."""

from __future__ import annotations

import copy
import io
import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from groundup.errors import UserError
from groundup.optimizers import orthogonalize
from groundup.optimizers.muon import Muon, as_matrix, like


class Net(nn.Module):
    """A whitening layer, two convolutions, a norm and a head."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.whiten = nn.Conv2d(3, 4, 2)
        self.whiten.weight.requires_grad_(False)
        self.convs = nn.Sequential(nn.Conv2d(4, 6, 3), nn.GELU(), nn.Conv2d(6, 5, 3, bias=False))
        self.norm = nn.BatchNorm2d(5)
        self.head = nn.Linear(5, 3)

    def forward(self, x):
        x = self.convs(F.gelu(self.whiten(x)))
        return self.head(self.norm(x).relu().amax((2, 3)))


def learned(net):
    return [(name, p) for name, p in net.named_parameters() if p.requires_grad]


def train(net, optimizer, steps=5, reduction="mean", start=0):
    random = torch.Generator().manual_seed(1)
    images, target = torch.randn(20, 8, 3, 8, 8, generator=random), torch.randint(3, (20, 8), generator=random)
    for x, y in list(zip(images, target, strict=True))[start : start + steps]:
        optimizer.zero_grad()
        F.cross_entropy(net(x), y, reduction=reduction).backward()
        optimizer.step()
    return net.state_dict()


def same(first, second, **tolerance):
    return all(torch.allclose(first[name], second[name], **tolerance) for name in first)


@pytest.mark.parametrize("shape", [(6, 15), (15, 6)], ids=["wide", "tall"])
@pytest.mark.parametrize("nesterov", [True, False])
def test_a_matrix_goes_where_pytorchs_muon_takes_it(monkeypatch, shape, nesterov):
    monkeypatch.setattr(orthogonalize, "usual_dtype", lambda device: torch.bfloat16)  # as PyTorch's, anywhere
    options = {"lr": 0.02, "momentum": 0.9, "nesterov": nesterov, "weight_decay": 0.5}
    random = torch.Generator().manual_seed(0)
    start, *grads = torch.randn(7, *shape, generator=random)

    def moved(make, **options):
        weights = nn.Parameter(start.clone())
        optimizer = make([weights], **options)
        for weights.grad in grads:
            optimizer.step()
        return weights.detach() - start

    expected = moved(torch.optim.Muon, ns_steps=5, adjust_lr_fn="original", **options)

    def error(**options):
        return ((moved(Muon, steps=5, **options) - expected).norm() / expected.norm()).item()

    assert error(**options) < 0.01  # bfloat16 has eight bits
    for control in ({"nesterov": not nesterov}, {"weight_decay": 0.0}, {"lr": 0.021}, {"momentum": 0.8}):
        assert error(**options | control) > 0.03, control


def test_the_groups_are_matrices_vectors_head_and_stem_each_with_its_rate():
    options = {"other_lr": 0.01, "head_lr": 0.5, "stem_lr": 0.3, "stem_epochs": 3, "other_weight_decay": 0.02}
    optimizer = Muon(learned(Net()), lr=0.2, other="sgd", batch_size=8, **options)
    kinds = [(group["method"], group["lr"], group["weight_decay"]) for group in optimizer.param_groups]
    assert kinds == [
        ("muon", 0.2, 0.0),
        ("sgd", 0.08, pytest.approx(2.0)),  # 0.01 x 8 images; 0.02 / 0.01
        ("sgd", 4.0, pytest.approx(0.04)),
        ("sgd", pytest.approx(2.4), pytest.approx(0.02 / 0.3)),
    ]
    assert optimizer.param_groups[2]["param_names"] == ["head.weight", "head.bias"]
    assert [group.get("epochs") for group in optimizer.param_groups] == [None, None, None, 3]
    plain = Muon(learned(Net()), other_lr=0.01, batch_size=8)
    assert [group["lr"] for group in plain.param_groups] == [0.02, 0.01, 0.01, 0.01]


def test_the_rest_learns_as_pytorchs_sgd_does_from_a_summed_loss():
    ours, theirs = Net(), Net()
    rates = {"other_lr": 0.02, "head_lr": 0.05, "stem_lr": 0.01}
    decay = 1e-3  # of one image
    muon = Muon(learned(ours), other="sgd", other_momentum=0.8, other_weight_decay=decay, batch_size=8, **rates)
    named, groups = dict(learned(theirs)), []
    for rate, names in (
        (0.02, ["convs.0.bias", "norm.weight", "norm.bias"]),
        (0.05, ["head.weight", "head.bias"]),
        (0.01, ["whiten.bias"]),
    ):
        groups.append({"params": [named[name] for name in names], "lr": rate, "weight_decay": decay * 8 / rate})
    reference = torch.optim.SGD(groups, momentum=0.8, nesterov=True)
    for step in range(5):
        train(ours, muon, 1, start=step)
        train(theirs, reference, 1, "sum", start=step)
        for name in ("convs.0.weight", "convs.2.weight"):  # matrices are Muon's
            named[name].data.copy_(ours.state_dict()[name])
    assert same(ours.state_dict(), theirs.state_dict(), rtol=1e-4, atol=1e-5)
    other = Net()  # the control
    train(other, Muon(learned(other), other="sgd", other_momentum=0.8, batch_size=8, **rates))
    assert not same(other.state_dict(), theirs.state_dict(), rtol=1e-3, atol=1e-4)


def test_the_rest_learns_as_pytorchs_adamw_does():
    ours, theirs = Net(), Net()
    options = {"betas": (0.8, 0.95), "eps": 1e-6}
    muon = Muon(learned(ours), other_lr=0.01, other_weight_decay=0.1, **options)
    rest = [p for name, p in learned(theirs) if "convs" not in name or "bias" in name]
    reference = torch.optim.AdamW(rest, lr=0.01, weight_decay=0.1, foreach=False, **options)
    for step in range(5):
        train(ours, muon, 1, start=step)
        train(theirs, reference, 1, start=step)
        theirs.convs[0].weight.data.copy_(ours.convs[0].weight)
        theirs.convs[2].weight.data.copy_(ours.convs[2].weight)
    assert same(ours.state_dict(), theirs.state_dict(), rtol=1e-4, atol=1e-5)
    other = Net()  # the control
    train(other, Muon(learned(other), other_lr=0.01, **options))
    assert not same(other.state_dict(), theirs.state_dict(), rtol=1e-3, atol=1e-4)


def test_a_renormalizing_step_worked_by_hand():
    # W = diag(3, 4) has norm 5 and gets sqrt(2); g = diag(1, 1), M = g at first, so g + 0.6 M = diag(1.6, 1.6), of norm
    # 1.6 sqrt(2): singular values 1/sqrt(2), after one step 3.4445 s - 4.7750 s^3 + 2.0315 s^5
    weights = nn.Parameter(torch.diag(torch.tensor([3.0, 4.0])))
    optimizer = Muon([weights], lr=0.24, momentum=0.6, steps=1, renormalize=True)
    weights.diagonal().sum().backward()
    optimizer.step()
    s = 1 / math.sqrt(2)
    update = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    expected = [math.sqrt(2) / 5 * value - 0.24 * update for value in (3.0, 4.0)]
    torch.testing.assert_close(weights.diagonal(), torch.tensor(expected))


def test_a_tall_matrix_moves_further_only_where_nothing_is_renormalized():
    def moved(**options):
        weights = nn.Parameter(torch.eye(8, 2) * 2)  # of norm sqrt(8) already
        optimizer = Muon([weights], lr=1.0, steps=1, **options)
        weights.sum().backward()
        before = weights.detach().clone()
        optimizer.step()
        return weights.detach() - before

    torch.testing.assert_close(moved(), 2 * moved(renormalize=True))  # sqrt(8 / 2)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=["contiguous", "channels last"])
def test_filters_become_a_matrix_and_back(layout):
    filters = torch.randn(5, 4, 3, 2).to(memory_format=layout)
    matrix = as_matrix(filters)
    assert matrix.shape == (5, 24)
    assert torch.equal(like(matrix, filters), filters)
    assert (matrix.data_ptr() == filters.data_ptr()) == (layout == torch.channels_last)
    flat = torch.linalg.svdvals(filters.flatten(1))
    torch.testing.assert_close(torch.linalg.svdvals(matrix), flat)  # an order of columns is no part of it


@pytest.mark.parametrize("renormalize", [False, True])
def test_the_layout_of_filters_in_memory_changes_nothing(renormalize):
    plain, last = Net(), Net().to(memory_format=torch.channels_last)
    ends = [train(net, Muon(learned(net), renormalize=renormalize, weight_decay=0.1), 3) for net in (plain, last)]
    assert same(*ends, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("other", ["adam", "sgd"])
def test_a_rate_that_is_a_tensor_does_what_a_number_does(other):
    numbers, tensors = Net(), Net()
    ends = []
    for net in (numbers, tensors):
        options = {"weight_decay": 0.5, "other_weight_decay": 0.125, "other_lr": 0.25}
        optimizer = Muon(learned(net), lr=0.125, other=other, **options)
        for group in optimizer.param_groups:  # powers of two, which float32 holds exactly
            group["lr"] = torch.tensor(group["lr"]) if net is tensors else group["lr"]
        ends.append(train(net, optimizer))
    assert same(*ends, rtol=1e-5, atol=1e-6)
    for group in optimizer.param_groups:
        group["lr"].fill_(0.0)
    before = copy.deepcopy(tensors.state_dict())
    after = train(tensors, optimizer, start=5)
    assert all(torch.equal(before[name], after[name]) for name, _ in learned(tensors))  # the tensor is what counts


@pytest.mark.parametrize("other", ["adam", "sgd"])
def test_a_checkpoint_goes_on_to_the_same_weights_bit_for_bit(other):
    whole, half, forgetful = Net(), Net(), Net()
    options = {"other": other, "stem_epochs": 2.0, "other_lr": 0.01}
    make = lambda net: Muon(learned(net), **options)  # noqa: E731
    optimizer = make(whole)
    half.load_state_dict(train(whole, optimizer, 3))
    forgetful.load_state_dict(whole.state_dict())
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    again = make(half)
    again.load_state_dict(torch.load(file, weights_only=True))
    expected = train(whole, optimizer, start=3)
    assert same(train(half, again, start=3), expected, rtol=0, atol=0)
    assert not same(train(forgetful, make(forgetful), start=3), expected, rtol=1e-4, atol=1e-5)  # the control


@pytest.mark.parametrize("renormalize", [False, True])
def test_a_step_of_matrices_reads_no_number_from_the_device(renormalize):
    weights = [nn.Parameter(torch.empty(shape, device="meta")) for shape in ((4, 3, 3, 3), (2, 5), (5, 2))]
    optimizer = Muon(weights, weight_decay=0.1, renormalize=renormalize)  # on a device that has no numbers
    optimizer.param_groups[0]["lr"] = torch.empty((), device="meta")
    for p in weights:
        p.grad = torch.empty_like(p)
    optimizer.step()
    with pytest.raises(RuntimeError, match="item"):  # the control
        torch.optim.SGD(weights, torch.empty((), device="meta"), foreach=False).step()


def test_adams_count_of_steps_is_loaded_onto_the_device():
    loaded = Muon([nn.Parameter(torch.zeros(3, device="meta"))])
    before = Muon([nn.Parameter(torch.zeros(3))])
    before.param_groups[0]["params"][0].grad = torch.ones(3)
    before.step()
    loaded.load_state_dict(before.state_dict())
    [state] = loaded.state.values()
    assert {name: tensor.device.type for name, tensor in state.items()} == dict.fromkeys(state, "meta")
    assert "step" in state


def test_a_parameter_that_got_no_gradient_stays_and_joins_later():
    net = Net()
    optimizer = Muon(learned(net), other="sgd")
    before = copy.deepcopy(net.state_dict())
    net.convs[0].weight.sum().backward()
    optimizer.step()
    changed = [name for name, p in learned(net) if not torch.equal(p, before[name])]
    assert changed == ["convs.0.weight"]
    train(net, optimizer, 1)
    assert all(not torch.equal(p, before[name]) for name, p in learned(net))


def test_another_rule_for_the_rest_is_refused_by_name():
    with pytest.raises(UserError, match=r"optimizer\.other=rmsprop: accepted: adam, sgd"):
        Muon(Net().parameters(), other="rmsprop")
