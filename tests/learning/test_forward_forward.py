"""Forward-Forward: layers that learn alone to tell right classes from wrong ones."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from groundup.config.check import check
from groundup.data.specs import make_spec
from groundup.errors import UserError
from groundup.learning.forward_forward import ForwardForwardNet
from groundup.run.learners import build_learner

BLACK, WHITE = -0.5, 2.0


def net(*dims: int) -> ForwardForwardNet:
    torch.manual_seed(0)
    return ForwardForwardNet(9, 3, dims, BLACK, WHITE)


def test_scores_are_the_goodness_of_all_layers_but_the_first_for_every_class():
    images, own = torch.randn(4, 1, 3, 3), net(8, 6, 5)
    expected = torch.zeros(4, 3)
    for i in range(4):
        for label in range(3):
            x = images[i].flatten().clone()
            x[:3] = BLACK
            x[label] = WHITE
            for depth, layer in enumerate(own.layers):
                x = F.relu(layer.weight @ (x / x.square().mean().sqrt()) + layer.bias)
                expected[i, label] += x.square().mean() if depth else 0
    assert torch.allclose(own(images), expected, atol=1e-5)
    assert torch.allclose(
        net(8)(images).amax(),
        torch.stack([next(net(8).goodness(images, torch.full((4,), k))) for k in range(3)]).amax(),
    )


def test_no_gradient_goes_from_layer_to_layer():
    own = net(8, 6)
    _, second = own.goodness(torch.randn(4, 1, 3, 3), torch.tensor([0, 1, 2, 0]))
    grads = torch.autograd.grad(second.sum(), list(own.parameters()), allow_unused=True)
    assert [grad is None for grad in grads] == [True, True, False, False]


def test_the_length_of_what_comes_from_below_does_not_matter():
    own = net(8, 6)
    images, target = torch.randn(4, 1, 3, 3), torch.tensor([0, 1, 2, 0])
    _, before = own.goodness(images, target)
    with torch.no_grad():
        own.layers[0].weight.mul_(7)
        own.layers[0].bias.mul_(7)
    first, after = own.goodness(images, target)
    assert torch.allclose(before, after, rtol=1e-4)
    assert not torch.allclose(first, next(net(8, 6).goodness(images, target)))


def test_wrong_classes_are_never_the_right_one_and_the_loss_is_the_published_one(compose_config, monkeypatch):
    config = check(compose_config("model=forward_forward", "model.hidden_dims=[12,7]"))
    learner = build_learner(config, make_spec(config["data"]))
    shown = []
    goodness = learner.net.goodness
    monkeypatch.setattr(
        learner.net, "goodness", lambda images, target: shown.append(target) or goodness(images, target)
    )
    images, target = torch.randn(200, 1, 8, 8), torch.randint(10, (200,))
    losses = learner.losses(images, target)
    right, wrong = shown
    assert torch.equal(right, target)
    assert (wrong != target).all()
    assert len(wrong.unique()) == 10
    good, bad = (torch.stack(list(goodness(images, labels))) for labels in (right, wrong))
    expected = torch.log1p(torch.exp(2 - good)).mean(1).sum() + torch.log1p(torch.exp(bad - 2)).mean(1).sum()
    assert losses.loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert losses.shown.item() == pytest.approx(expected.item() / 2, rel=1e-5)  # of two layers


def test_an_image_without_room_for_its_class_is_refused(compose_config):
    config = check(compose_config("model=forward_forward"))
    with pytest.raises(
        UserError, match="the class is written into the image, and 4 numbers have no room for 10 classes"
    ):
        build_learner(config, replace(make_spec(config["data"]), height=2, width=2))
