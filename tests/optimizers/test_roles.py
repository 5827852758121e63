"""What a parameter is: by its name, and without one by its dimensions."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from groundup.optimizers.roles import by_role, role_of

SHAPES = {"vector": (3,), "matrix": (3, 2), "filters": (4, 3, 2, 2), "scalar": ()}


@pytest.mark.parametrize(
    ("name", "shape", "role"),
    [
        ("net.head.weight", "matrix", "head"),
        ("head.bias", "vector", "head"),
        ("net.head.0.weight", "filters", "head"),
        ("net.whiten.bias", "vector", "stem"),
        ("net.stages.0.conv.weight", "filters", "matrix"),
        ("net.stages.0.conv.bias", "vector", "vector"),
        ("net.bn.weight", "vector", "vector"),
        ("net.temperature", "scalar", "vector"),
        ("net.header.weight", "matrix", "matrix"),  # not a module called head
        ("head", "matrix", "matrix"),  # nor is a parameter of that name
        (None, "filters", "matrix"),
        (None, "vector", "vector"),
    ],
)
def test_a_role_follows_from_the_module_and_the_dimensions(name, shape, role):
    assert role_of(name, torch.zeros(SHAPES[shape])) == role


def test_each_group_given_is_split_by_role_with_its_options_and_no_parameter_is_lost():
    net = nn.ModuleDict({"body": nn.Linear(3, 4), "head": nn.Linear(4, 2)})
    named = dict(net.named_parameters())
    items = list(named.items())
    parts = by_role([{"params": items[:3], "beta": 1}, {"params": items[3:]}])
    assert [(role, group.get("beta"), [name for name, _ in group["params"]]) for role, group in parts] == [
        ("matrix", 1, ["body.weight"]),
        ("vector", 1, ["body.bias"]),
        ("head", 1, ["head.weight"]),
        ("head", None, ["head.bias"]),
    ]
    assert [role for role, _ in by_role(net.parameters())] == ["matrix", "vector"]  # without names
    assert [role for role, _ in by_role([{"params": named["body.bias"]}])] == ["vector"]
