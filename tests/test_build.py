"""Nodes become objects; the config of a stranger's run directory becomes no more than the parts of a run."""

from __future__ import annotations

import functools

import pytest
import torch

from groundup.build import build, build_trusted, refuse_foreign_targets
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


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "builtins.eval",
        "torch.load",
        "torch.hub.load",
        "torch.os.system",
        "torch.save",
        "groundup.cli.os.system",
        "groundup.errors",
        "torch.nn.Module.apply",
        "torch.jit.load",
        "torch.utils.cpp_extension.load_inline",
        "lightning.pytorch.Trainer",
        "torchx.Net",
        "torch.nn.NoSuchThing",
        "",
        3,
    ],
)
def test_targets_that_are_no_part_of_a_run_are_refused(target):
    for kind in ("model", "loss", "callbacks"):
        with pytest.raises(UserError, match="refused; accepted"):
            refuse_foreign_targets({kind: {"_target_": target}})


def test_a_payload_does_not_run(tmp_path):
    victim = tmp_path / "victim"
    payload = {"_target_": "pathlib.Path.touch", "_args_": [{"_target_": "pathlib.Path", "_args_": [str(victim)]}]}
    nested = {"_target_": "torch.nn.Sequential", "_args_": [[payload]]}
    for node in (payload, nested):
        with pytest.raises(UserError, match=r"pathlib\.Path"):
            build_trusted(node, "model")
    assert not victim.exists()
    build(payload)  # the control: it would have run
    assert victim.exists()


def test_an_interpolation_is_refused_for_it_could_hide_a_target():
    hidden = {"_target_": "torch.nn.Linear", "in_features": "${oc.decode:'{_target_: os.getcwd}'}", "out_features": 1}
    with pytest.raises(UserError, match="interpolations"):
        build_trusted(hidden, "model")


def test_an_untrusted_module_is_not_even_imported(tmp_path, monkeypatch):
    (tmp_path / "evil_module.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match="refused"):
        refuse_foreign_targets({"model": {"_target_": "evil_module.Net"}})


def test_a_model_is_a_network_and_nothing_else():
    with pytest.raises(UserError, match="refused"):
        refuse_foreign_targets({"model": {"_target_": "torch.optim.SGD"}})
    refuse_foreign_targets({"optimizer": {"_target_": "torch.optim.SGD", "_partial_": True}})


def test_every_shipped_config_is_trusted(compose_config):
    from groundup.config import check

    for option in (
        "model=mlp",
        "model=lenet",
        "model=resnet18",
        "optimizer=adamw",
        "loss=mse",
        "callbacks=early_stopping",
    ):
        refuse_foreign_targets(check(compose_config(option)))
    assert build_trusted(LINEAR, "model", out_features=2).out_features == 2
