"""Nodes become objects."""

from __future__ import annotations

import enum
import functools
from pathlib import Path

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


class Mode(enum.Enum):
    FAST = "quick"
    SLOW = "slow"


def told(mode: Mode, pair: tuple[int, int], where: Path, tags: set[str], rate: float, bare=None, inner=None):
    return {**locals()}


TOLD = {"_target_": f"{__name__}.told", "mode": "SLOW", "pair": [1, 2], "where": "/x", "tags": ["a"], "rate": 1}


def test_values_arrive_as_their_annotations_have_them():
    """A string that is compared with a member of an enumeration is never equal to it, without a word."""
    made = build({**TOLD, "name": "x", "bare": [1]})
    expected = {"mode": Mode.SLOW, "pair": (1, 2), "where": Path("/x"), "tags": {"a"}, "rate": 1.0}
    assert made == expected | {"bare": [1], "inner": None}
    within = build({**TOLD, "inner": {"a": [{**TOLD, "mode": "quick"}]}})["inner"]["a"][0]
    assert within == expected | {"mode": Mode.FAST, "bare": None, "inner": None}


def test_a_node_within_waits_or_stays_as_it_is_where_it_says_so():
    waiting = build({**TOLD, "inner": {**TOLD, "_partial_": True, "pair": [3, 4]}})["inner"]
    assert waiting(bare=5)["pair"] == (3, 4)
    left = {"_target_": "nowhere.Thing", "x": [1]}
    assert build({**TOLD, "_recursive_": False, "inner": left})["inner"] == left


def test_what_says_nothing_of_its_arguments_gets_them_as_they_are():
    assert build({"_target_": "builtins.dict", "pair": [1, 2]}) == {"pair": [1, 2]}
    linear = {"_target_": "torch.nn.Linear", "in_features": 2, "out_features": 3}
    layers = build({"_target_": "torch.nn.Sequential", "_args_": [linear, {"_target_": "torch.nn.ReLU"}]})
    assert [type(layer).__name__ for layer in layers] == ["Linear", "ReLU"]
