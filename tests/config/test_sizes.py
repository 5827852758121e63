"""What no memory holds is refused in a sentence, and nothing that it does hold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from groundup.config import sizes
from groundup.config.check import check
from groundup.config.rooms import options_of
from groundup.data.specs import make_spec
from groundup.errors import UserError
from groundup.run.learners import build_learner
from groundup.run.weigh import refuse_heavy_parts

SPEC = make_spec({"name": "mnist"})
MODELS = sorted(file.stem for file in (Path(__file__).parents[2] / "conf" / "model").glob("*.yaml"))


@pytest.mark.parametrize(
    "words",
    [
        "model=mlp model.hidden_dims=[100,70]",
        "model=feedback_alignment model.hidden_dims=[100,70]",
        "model=forward_forward model.hidden_dims=[100,70]",
        "model=cnn model.width=24",
        "model=speednet model.widths=[32,48,40] model.depth=3",
        "model=numpy_mlp model.hidden_dims=[100,70]",
        "model=numpy_cnn model.channels=[8,12] model.hidden_dims=[300,3000]",
    ],
)
def test_the_fewest_weights_are_most_of_a_network_and_no_more(compose_config, words):
    config = check(compose_config(*words.split(), "data=mnist", "data.root=/x"))
    model = config["model"]
    fewest = options_of("model", model).fewest_weights(model, 28 * 28, 10)
    weights = sum(parameter.numel() for parameter in build_learner(config, SPEC).parameters())
    assert 0.9 * weights < fewest < weights


@pytest.mark.parametrize("name", MODELS)
def test_no_network_has_fewer_weights_than_its_options_say(compose_config, name):
    side = 32 if name in ("timm", "torchvision") else 28  # which take no smaller images
    config = check(compose_config(f"model={name}", "data=mnist", "data.root=/x", f"data.image_size={side}"))
    options = options_of("model", config["model"])
    fewest = options.fewest_weights(config["model"], side * side, 10)
    spec = replace(SPEC, height=side, width=side)
    assert fewest <= sum(parameter.numel() for parameter in build_learner(config, spec).parameters())
    assert (fewest > 0) == (options.sizes != ())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["model=mlp", "model.hidden_dims=[1000000000]"],
            r"model\.hidden_dims\.0=1000000000: must be less than or equal",
        ),
        (
            ["model=mlp", "model.hidden_dims=[1000000,1000000]"],
            r"model\.hidden_dims=\[1000000,1000000\]: at least 1,000",
        ),
        (["model=numpy_mlp", "model.hidden_dims=[1000000,1000000]"], r"weights, which take 7,\d\d\d GiB"),
        (["model=cnn", "model.width=1000000"], r"model\.width=1000000: at least"),
        (["model=speednet", "model.widths=[9000]", "model.depth=1000"], r"model\.depth=1000: at least"),
        (["model=speednet", "model.widths=[" + "64," * 200 + "64]"], r"model\.widths=.*at most 16 items"),
        (["model=block_ensemble", "model.blocks=1000000000"], r"model\.blocks=1000000000: must be less than"),
        (["data.image_size=1000000000"], r"data\.image_size=1000000000: must be less than or equal to 10000"),
        (["data.image_size=4000"], r"data=digits: 1,797 images of 4000x4000 pixels take 27 GiB in memory"),
        (["data.image_size=4000", "data.limit_train=1", "data.limit_test=1"], None),
        (["data.workers=1000000000"], r"data\.workers=1000000000: must be less than"),
    ],
)
def test_sizes_of_a_run_of_ones_own(compose_config, monkeypatch, words, said):
    monkeypatch.setattr(sizes, "memory", lambda: 16 * sizes.GIB)
    cfg = compose_config(*words)
    if said is None:
        check(cfg)
        return
    with pytest.raises(UserError, match=said):
        check(cfg)


def parts(**model):
    return {"model": {"name": "x"} | model, "data": {}, "trainer": {}, "seed": 0}


@pytest.mark.parametrize(
    ("target", "hidden_dims", "said"),
    [
        ("groundup.models.mlp.MLP", [10**6] * 2, r"model\.hidden_dims=.*: at least 1,000,794,000,000 weights"),
        ("groundup.numpy_nets.models.mlp", [10**6] * 2, r"at least 1,000,794,000,000 weights"),
    ],
)
def test_sizes_of_a_strangers_network_of_ours(monkeypatch, target, hidden_dims, said):
    monkeypatch.setattr(sizes, "memory", lambda: 16 * sizes.GIB)
    with pytest.raises(UserError, match=said):
        refuse_heavy_parts(parts(_target_=target, hidden_dims=hidden_dims), SPEC)
    refuse_heavy_parts(parts(_target_=target, hidden_dims=[10**3] * 2), SPEC)


def test_another_network_of_a_stranger_is_weighed_where_there_is_no_memory(monkeypatch):
    monkeypatch.setattr(sizes, "memory", lambda: 16 * sizes.GIB)
    linear = lambda node, *_, **__: torch.nn.Linear(node["units"], 10**5)  # noqa: E731
    monkeypatch.setattr("groundup.run.weigh.build_by_name", linear)
    with pytest.raises(UserError, match=r"model=x: at least 10,000,100,000 weights, which take 75 GiB"):
        refuse_heavy_parts(parts(_target_="torch.nn.Linear", units=10**5), SPEC)
    refuse_heavy_parts(parts(_target_="torch.nn.Linear", units=10), SPEC)


def test_layers_within_a_strangers_network_take_no_memory_either(monkeypatch):
    inner = {"_target_": "torch.nn.Linear", "in_features": 10**5, "out_features": 10**5}  # 37 GiB
    made = []
    monkeypatch.setattr(torch.nn.Linear, "reset_parameters", lambda self: made.append(self.weight.device.type))
    with pytest.raises(UserError, match="at least 10,000,100,000 weights"):
        refuse_heavy_parts(parts(_target_="torch.nn.Sequential", _args_=[inner]), SPEC)
    assert made == ["meta"]
