"""Direct feedback alignment: the error comes through fixed random weights, and no other way."""

from __future__ import annotations

import torch
from torch import nn

from groundup.config.check import check
from groundup.data.specs import make_spec
from groundup.run.learners import build_learner


def make_learner(compose_config, *words: str):
    torch.manual_seed(0)
    config = check(compose_config("model=feedback_alignment", "model.hidden_dims=[6,5]", *words))
    return build_learner(config, make_spec(config["data"])).double()


def grads_of(learner, images, target):
    outputs, logits = learner.net.apart(images)
    total = learner.loss(logits, target) + learner.feedback(outputs, logits, target)
    return dict(
        zip(dict(learner.net.named_parameters()), torch.autograd.grad(total, learner.net.parameters()), strict=True)
    )


def test_gradients_are_those_worked_out_by_hand(compose_config):
    """tanh: dW1 = ((e B1) * (1 - h1^2))^T x, dW2 = ((e B2) * (1 - h2^2))^T h1, dV = e^T h2, e = (p - y) / N."""
    learner = make_learner(compose_config)
    net, images, target = learner.net, torch.randn(7, 1, 8, 8).double(), torch.randint(10, (7,))
    given = grads_of(learner, images, target)
    x = images.flatten(1)
    h1 = torch.tanh(x @ net.layers[0][0].weight.T + net.layers[0][0].bias)
    h2 = torch.tanh(h1 @ net.layers[1][0].weight.T + net.layers[1][0].bias)
    e = ((h2 @ net.head.weight.T + net.head.bias).softmax(1) - torch.eye(10)[target]) / 7
    d1, d2 = (e @ net.feedback0) * (1 - h1**2), (e @ net.feedback1) * (1 - h2**2)
    expected = [d1.T @ x, d1.sum(0), d2.T @ h1, d2.sum(0), e.T @ h2, e.sum(0)]
    for (name, ours), theirs in zip(given.items(), expected, strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-9), name


def test_with_the_weights_of_the_last_layer_it_is_back_propagation(compose_config):
    """One hidden layer, B = V: then e B is the gradient itself; with random B it is not."""
    learner = make_learner(compose_config, "model.hidden_dims=[6]")
    net, images, target = learner.net, torch.randn(7, 1, 8, 8).double(), torch.randint(10, (7,))
    plain = nn.Sequential(nn.Flatten(), net.layers[0], net.head)
    exact = torch.autograd.grad(learner.loss(plain(images), target), list(plain.parameters()))
    random = grads_of(learner, images, target)
    net.feedback0.copy_(net.head.weight.detach())
    aligned = grads_of(learner, images, target)
    assert all(torch.allclose(a, b, rtol=1e-9) for a, b in zip(aligned.values(), exact, strict=True))
    assert not torch.allclose(random["layers.0.0.weight"], exact[0], rtol=1e-2)


def test_feedback_is_fixed_and_kept_in_checkpoints(compose_config):
    learner = make_learner(compose_config)
    assert {"net.feedback0", "net.feedback1"} <= learner.state_dict().keys()
    assert not any(name.startswith("net.feedback") for name, _ in learner.named_parameters())
