"""Nodes become objects."""

from __future__ import annotations

import functools

import pytest
import torch

from groundup.config.build import build
from groundup.errors import UserError
from groundup.spec import DatasetSpec

LINEAR = {"_target_": "torch.nn.Linear", "name": "linear", "in_features": 3}


def test_the_name_is_dropped_and_extra_arguments_are_added():
    layer = build(LINEAR, out_features=2)
    assert layer.weight.shape == (2, 3)


def test_lists_arrive_as_lists():
    made = build({"_target_": "builtins.dict", "sizes": [1, 2], "deep": {"more": [3]}})
    assert type(made["sizes"]) is list
    assert type(made["deep"]) is dict
    assert type(made["deep"]["more"]) is list


def test_extra_objects_are_handed_over_untouched():
    spec = DatasetSpec("x", 1, 8, 8, ("a", "b"), (0.5,), (0.2,), 1, 1)
    net = torch.nn.Linear(1, 1)
    made = build({"_target_": "builtins.dict"}, spec=spec, net=net)
    assert made["spec"] is spec
    assert made["net"] is net


def test_a_partial_node_waits_for_more():
    make = build({"_target_": "torch.optim.SGD", "_partial_": True, "name": "sgd", "lr": 0.5}, momentum=0.25)
    assert isinstance(make, functools.partial)
    group = make([torch.nn.Parameter(torch.zeros(1))]).param_groups[0]
    assert (group["lr"], group["momentum"]) == (0.5, 0.25)


def test_a_target_that_does_not_exist_is_named():
    with pytest.raises(UserError, match=r"torch\.nn\.Liner"):
        build({"_target_": "torch.nn.Liner"})


def test_a_wrong_argument_is_named():
    with pytest.raises(UserError, match=r"torch\.nn\.Linear.*'colour'"):
        build(LINEAR, out_features=2, colour="red")


def test_an_error_of_the_part_itself_comes_through():
    with pytest.raises(ValueError, match="dropout probability"):
        build({"_target_": "torch.nn.Dropout", "p": 2.0})
