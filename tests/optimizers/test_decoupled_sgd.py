"""Decoupled SGD against PyTorch's SGD, set up by hand on a summed loss."""

from __future__ import annotations

import io

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from groundup.optimizers.decoupled_sgd import DecoupledSGD

BATCH = 16
K = 7850.666666666667  # 1024 (1 + 1 / (1 - 0.85))


def net():
    torch.manual_seed(0)
    layers = {"conv": nn.Conv2d(3, 4, 3, bias=False), "norm": nn.BatchNorm2d(4), "head": nn.Linear(4, 3)}
    return nn.ModuleDict(layers)


def train(net, optimizer, reduction, steps=5, start=0):
    random = torch.Generator().manual_seed(1)
    images, target = torch.randn(20, BATCH, 3, 6, 6, generator=random), torch.randint(3, (20, BATCH), generator=random)
    for x, y in list(zip(images, target, strict=True))[start : start + steps]:
        optimizer.zero_grad()
        logits = net["head"](net["norm"](net["conv"](x)).amax((2, 3)))
        F.cross_entropy(logits, y, reduction=reduction).backward()
        optimizer.step()
    return net.state_dict()


def same(first, second, **tolerance):
    return all(torch.allclose(first[name], second[name], **tolerance) for name in first)


def by_hand(theirs):
    """lr / k of the summed loss, 64 times that for the norm, weight decay 0.5 x batch / k of the weights a step."""
    norm, rest = [*theirs["norm"].parameters()], [*theirs["conv"].parameters(), *theirs["head"].parameters()]
    rate, decay = 11.5 / K, 0.5 * BATCH / K
    return torch.optim.SGD(
        [
            {"params": norm, "lr": 64 * rate, "weight_decay": decay / (64 * rate)},
            {"params": rest, "lr": rate, "weight_decay": decay / rate},
        ],
        momentum=0.85,
        nesterov=True,
    )


@pytest.mark.parametrize("fused", [True, False])
def test_it_is_sgd_of_the_summed_loss_with_the_rates_of_airbench94(fused):
    ours, theirs = net(), net()
    optimizer = DecoupledSGD(ours.named_parameters(), weight_decay=0.5, batch_size=BATCH, fused=fused)
    found, expected = train(ours, optimizer, "mean"), train(theirs, by_hand(theirs), "sum")
    assert same(found, expected, rtol=1e-4, atol=1e-6)
    for control in ({"weight_decay": 0.4}, {"bias_scale": 60}, {"lr": 11.4}, {"batch_size": BATCH + 1}):
        other = net()
        options = {"weight_decay": 0.5, "batch_size": BATCH, "fused": fused} | control
        end = train(other, DecoupledSGD(other.named_parameters(), **options), "mean")
        assert not same(end, expected, rtol=1e-4, atol=1e-6), control


def test_the_share_that_decays_in_a_step_is_that_of_the_images_whatever_the_rate_and_the_role():
    for batch_size, lr in ((64, 11.5), (64, 3.0), (256, 11.5)):
        optimizer = DecoupledSGD(net().named_parameters(), lr=lr, batch_size=batch_size)
        shares = [group["lr"] * group["weight_decay"] for group in optimizer.param_groups]
        assert shares == pytest.approx([0.0153 * batch_size / K] * 3)


def test_a_whole_epoch_moves_weights_alike_whatever_the_batch_size_and_the_momentum():
    """Of a constant gradient: the sum of what 4,096 images and the momentum that they leave move."""
    moved = []
    for batch_size, momentum in ((64, 0.85), (1024, 0.85), (256, 0.5)):
        weights = nn.Parameter(torch.zeros(2, 2, dtype=torch.float64))
        options = {"weight_decay": 0.0, "momentum": momentum, "nesterov": False, "batch_size": batch_size}
        optimizer = DecoupledSGD([weights], lr=1.0, **options)
        for step in range(4096 // batch_size + 400):
            weights.grad = torch.full_like(weights, 1.0 if step < 4096 // batch_size else 0.0)  # a mean
            optimizer.step()
        moved.append(weights.detach()[0, 0].item() * (1 + 1 / (1 - momentum)) * (1 - momentum))
    # lr / k x 4096 / (1 - momentum) = 4 / ((1 + 1 / (1 - momentum)) (1 - momentum))
    assert moved == pytest.approx([-4.0] * 3)


def test_the_whitening_layer_has_the_rate_of_all_and_epochs_of_its_own():
    named = [("whiten.bias", nn.Parameter(torch.zeros(3))), ("bn.bias", nn.Parameter(torch.zeros(3)))]
    vector, stem = DecoupledSGD(named, stem_epochs=3, batch_size=1024).param_groups
    assert (stem["lr"], stem["epochs"]) == (pytest.approx(11.5 * 1024 / K), 3)
    assert vector["lr"] == pytest.approx(64 * 11.5 * 1024 / K)
    assert "epochs" not in vector


def test_a_rate_that_is_a_tensor_does_what_a_number_does():
    ends = []
    for make in (float, torch.tensor):
        own = net()
        optimizer = DecoupledSGD(own.named_parameters(), batch_size=BATCH, fused=True)
        for group in optimizer.param_groups:
            group["lr"] = make(0.125)
        ends.append(train(own, optimizer, "mean"))
    assert same(*ends, rtol=1e-5, atol=1e-6)


def test_a_checkpoint_goes_on_to_the_same_weights_bit_for_bit():
    whole, half = net(), net()
    options = {"batch_size": BATCH, "stem_epochs": 3, "fused": True}
    optimizer = DecoupledSGD(whole.named_parameters(), **options)
    half.load_state_dict(train(whole, optimizer, "mean", 3))
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    file.seek(0)
    again = DecoupledSGD(half.named_parameters(), **options)
    again.load_state_dict(torch.load(file, weights_only=True))
    expected = train(whole, optimizer, "mean", start=3)
    assert same(train(half, again, "mean", start=3), expected, rtol=0, atol=0)
