"""The names that an optimizer is told, and the learning rates that a step puts into it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from groundup.data.specs import make_spec
from groundup.learning.classifier import Classifier
from groundup.learning.schedules import Constant, Cosine
from groundup.models.mlp import MLP
from groundup.noprop.dt import NoPropDT
from groundup.optimizers.muon import Muon

SPEC = make_spec({"name": "mnist"})


def learner(make_optimizer, schedule):
    net = MLP(1, (28, 28), 10, hidden_dims=[4])
    made = Classifier(net, SPEC, torch.nn.CrossEntropyLoss(), make_optimizer, schedule)
    made.total_steps, made.steps_per_epoch = 40, 10
    optimizer = made.configure_optimizers()
    made._trainer = SimpleNamespace(optimizers=[optimizer])
    return made, optimizer


def test_the_optimizer_is_told_the_names_of_what_learns():
    made, optimizer = learner(lambda params: torch.optim.SGD(params, lr=0.1), Constant())
    [group] = optimizer.param_groups
    names = dict(made.named_parameters())
    assert [*names] == group["param_names"]
    assert "net.head.weight" in names
    assert all(names[name] is p for name, p in zip(group["param_names"], group["params"], strict=True))


def test_groups_of_a_learner_of_its_own_have_names_too():
    training = {"loss": torch.nn.CrossEntropyLoss(), "optimizer": lambda params: torch.optim.SGD(params, lr=0.1)}
    noprop = NoPropDT(SPEC, blocks=2, lr_schedule=Constant(), **training)
    groups = noprop.configure_optimizers().param_groups
    assert len(groups) == 3
    assert {name.split(".")[1] for group in groups[1:] for name in group["param_names"]} == {"blocks"}
    assert groups[1]["param_names"][0].startswith("net.blocks.0.")


def test_a_group_with_epochs_falls_to_zero_over_them_whatever_the_schedule():
    def make(params):
        [group] = params
        return torch.optim.SGD(
            [{"params": group["params"][:1]}, {"params": group["params"][1:], "epochs": 2.5}], lr=0.5
        )

    made, optimizer = learner(make, Cosine(warmup_epochs=0))
    for step, falls in ((0, 1.0), (1, 0.96), (5, 0.8), (24, 0.04), (25, 0.0), (39, 0.0)):  # of 25 steps
        made.set_rate(step)
        rates = [group["lr"] for group in optimizer.param_groups]
        assert rates == pytest.approx([0.5 * Cosine(warmup_epochs=0)(step, 40, 10), 0.5 * falls])
        assert made.rate == rates[0]


def test_a_rate_that_is_a_tensor_is_filled_where_it_is():
    made, optimizer = learner(lambda params: Muon(params, lr=0.5), Cosine(warmup_epochs=0))
    tensors = [torch.zeros(()) for _ in optimizer.param_groups]
    for group, tensor in zip(optimizer.param_groups, tensors, strict=True):
        group["lr"] = tensor
    made.set_rate(10)
    expected = [base * Cosine(warmup_epochs=0)(10, 40, 10) for base in (0.5, 1e-3, 1e-3)]
    assert [tensor.item() for tensor in tensors] == pytest.approx(expected)
    assert all(group["lr"] is tensor for group, tensor in zip(optimizer.param_groups, tensors, strict=True))
