"""Values of somebody else's parts are held against their annotations, in the words and at the time of our own."""

from __future__ import annotations

import enum
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest
import torch
from torch import nn

from groundup.config.validation import refuse_wrong_run
from groundup.data.module import ImageData
from groundup.errors import UserError
from groundup.learning.learner import Learner
from groundup.models.mlp import MLP

if TYPE_CHECKING:
    from nowhere import Thing


class Mode(enum.Enum):
    FAST = "quick"
    SLOW = "slow"


class Net(nn.Module):
    """Of everything that an annotation may be."""

    def __init__(
        self,
        in_channels: int,
        image_size: tuple[int, int],
        num_classes: int,
        *,
        depth: int,
        rate: float = 0.1,
        residual: bool = False,
        title: str = "",
        act: Literal["relu", "gelu"] = "relu",
        limit: int | None = None,
        mode: Mode = Mode.FAST,
        widths: list[int] = [8],  # noqa: B006
        pair: tuple[int, float] = (1, 2.0),
        many: tuple[int, ...] = (),
        tags: set[str] = frozenset(),
        stages: Sequence[str] = (),
        sizes: dict[str, int] = {},  # noqa: B006
        where: Path = Path("."),
        file: str | Path = "x",
        scale: float | torch.Tensor = 1.0,
        device: torch.device | None = None,
        body: nn.Module | None = None,
        init: Callable[[torch.Tensor], None] | None = None,
        thing: Thing = None,
        bare=3,
        odd: int = "as it is",
    ):
        super().__init__()


class Random(nn.Module):
    def __init__(self, num_classes: int, spec, seed: int):
        super().__init__()


class Deeper(Net):
    def __init__(self, extra: int = 1, **options):
        super().__init__(**options)


class Ours(MLP):
    def forward(self, images):
        return -super().forward(images)


class Calm(Learner):
    def __init__(self, spec, strength: float = 0.01, **training):
        super().__init__(nn.Flatten(), spec, **training)


class Stars(ImageData):
    def __init__(self, spec, root, *, magnitude: int = 1, **options):
        super().__init__(spec, root, **options)


def make_net(in_channels, image_size, num_classes, depth: int):
    return nn.Flatten()


@pytest.fixture(scope="module")
def problems():
    """What is said of the node of a group; nothing where all is right."""
    from composed import compose
    from omegaconf import OmegaConf

    shipped = OmegaConf.to_container(compose("train", []), resolve=True)

    def say(group: str, target: str, **values) -> str:
        target = target if "." in target else f"{__name__}.{target}"
        node = {"_target_": target, "name": "mine", **values}
        if group in ("callbacks", "logger"):
            del node["name"]
            node = {"x": node}
        try:
            refuse_wrong_run({**shipped, group: node})
        except UserError as error:
            return str(error)
        return ""

    return say


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("depth", "abc", "model.depth=abc: must be a whole number"),
        ("depth", 1.0, "model.depth=1.0: must be a whole number"),
        ("depth", True, "model.depth=true: must be a whole number"),
        ("depth", None, "model.depth=null: must be given: model.depth=VALUE"),
        ("rate", "abc", "model.rate=abc: must be a number"),
        ("residual", 1, "model.residual=1: must be a boolean"),
        ("title", 3, "model.title=3: must be a string"),
        ("act", "rleu", "model.act=rleu: must be 'relu' or 'gelu'"),
        ("limit", "abc", "model.limit=abc: must be a whole number"),
        ("mode", "fast", "model.mode=fast: must be 'FAST' or 'SLOW'"),
        ("widths", 8, "model.widths=8: must be a list; a list is written [8]"),
        ("widths", [8, "x"], "model.widths.1=x: must be a whole number"),
        ("pair", [1], "model.pair=[1]: must be a list of 2"),
        ("pair", [1, "x"], "model.pair.1=x: must be a number"),
        ("many", [1, 2.5], "model.many.1=2.5: must be a whole number"),
        ("tags", "abc", "model.tags=abc: must be a list; a list is written [abc]"),
        ("stages", "abc", "model.stages=abc: must be a list; a list is written [abc]"),
        ("sizes", {"a": "x"}, "model.sizes.a=x: must be a whole number"),
        ("where", 3, "model.where=3: must be a path"),
        ("file", 3, "model.file=3: must be a string or a path"),
        ("scale", "abc", "model.scale=abc: must be a number or keys with a _target_"),
        ("body", "relu", "model.body=relu: must be keys with a _target_"),
        ("init", "zeros", "model.init=zeros: must be keys with a _target_"),
        ("image_size", [8], "model.image_size=[8]: must be a list of 2"),
        ("detph", 3, "model.detph=3: there is no such key; did you mean model.depth? Accepted: depth, rate, residual"),
        ("_recursive_", 1, "model._recursive_=1: must be a boolean"),
    ],
)
def test_a_wrong_value_is_refused_as_one_of_our_own(problems, key, value, said):
    found = problems("model", "Net", **{"depth": 1, key: value})
    assert found.startswith(said)
    assert len(found.splitlines()) == 1


@pytest.mark.parametrize(
    "values",
    [
        {"rate": 1, "residual": True, "title": "x", "act": "gelu", "limit": 3, "mode": "SLOW"},
        {
            "mode": "slow",
            "limit": None,
            "widths": [],
            "pair": [1, 2],
            "many": [1, 2, 3],
            "tags": ["a"],
            "stages": ["a"],
        },
        {"sizes": {"a": 1}, "where": "/x", "file": "/x", "scale": 2, "device": "cuda", "body": None},
        {"rate": float("inf"), "_convert_": "all", "_recursive_": False},
        {"thing": "whatever", "bare": "whatever", "odd": "as it is"},  # what nobody can judge, and an author's default
        {"body": {"_target_": "torch.nn.ReLU"}, "init": {"_target_": "torch.nn.init.normal_", "_partial_": True}},
        {"title": {"_target_": "builtins.str"}},
    ],
)
def test_what_the_annotations_accept_is_accepted(problems, values):
    assert problems("model", "Net", depth=1, **values) == ""


def test_a_missing_argument_is_asked_for_and_what_the_run_gives_is_not(problems):
    assert problems("model", "Net") == "model.depth=null: must be given: model.depth=VALUE"
    assert problems("model", "make_net") == "model.depth=null: must be given: model.depth=VALUE"
    assert problems("model", "make_net", depth="x") == "model.depth=x: must be a whole number"
    assert problems("model", "Calm") == ""
    assert problems("data", "Stars", root="/x") == ""


def test_what_the_run_does_not_give_to_this_kind_of_model_is_asked_for(problems):
    assert problems("model", "Random") == "model.seed=null: must be given: model.seed=VALUE"
    assert problems("model", "Random", seed=3) == ""


def test_what_the_run_gives_whatever_is_said_may_not_be_said(problems):
    assert problems("model", "Calm", seed=3) == "model.seed=3: the run gives it itself; leave it out"
    assert problems("data", "Stars", root="/x", spec=3) == "data.spec=3: the run gives it itself; leave it out"


def test_options_are_those_of_the_class_that_they_are_handed_to(problems):
    assert problems("model", "Deeper", depth=1, extra=2, act="gelu", unheard_of=3) == ""
    assert problems("model", "Deeper", act="x") == "model.act=x: must be 'relu' or 'gelu'"
    assert problems("data", "Stars", root="/x", magnitude="x", batch_size=0).splitlines() == [
        "data.magnitude=x: must be a whole number",
        "data.batch_size=0: must be greater than or equal to 1",
    ]
    said = "model.hidden_dims.0=0: must be greater than or equal to 1"  # which no annotation says
    assert problems("model", "Ours", hidden_dims=[0]) == said


def test_nodes_within_are_held_against_their_own_signatures(problems):
    linear = {"_target_": "torch.nn.Linear", "in_features": "x"}
    assert problems("model", "Net", depth=1, body=linear).splitlines() == [
        "model.body.in_features=x: must be a whole number",
        "model.body.out_features=null: must be given: model.body.out_features=VALUE",
    ]
    assert "model._args_.0.inplac=true: " in problems(
        "model", "torch.nn.Sequential", _args_=[{"_target_": "torch.nn.ReLU", "inplac": True}]
    )


@pytest.mark.parametrize(
    ("group", "target", "values", "said"),
    [
        ("loss", "torch.nn.HuberLoss", {"delta": "x"}, "loss.delta=x: must be a number"),
        ("optimizer", "torch.optim.Rprop", {"_partial_": True, "lr": "x"}, "optimizer.lr=x: must be a number or keys"),
        ("optimizer", "torch.optim.Rprop", {"_partial_": True, "rate": 1}, "optimizer.rate=1: there is no such key"),
        (
            "scheduler",
            "torch.optim.lr_scheduler.StepLR",
            {"_partial_": True},
            "scheduler.step_size=null: must be given",
        ),
        ("callbacks", "lightning.pytorch.callbacks.Timer", {"duration": 3}, "callbacks.x.duration=3: must be a string"),
        ("logger", "lightning.pytorch.loggers.CSVLogger", {"save_dir": 3}, "logger.x.save_dir=3: must be"),
    ],
)
def test_parts_of_every_group_are_held_against_theirs(problems, group, target, values, said):
    assert problems(group, target, **values).startswith(said)


def test_a_name_that_stands_for_nothing_is_told_with_the_cause(problems, tmp_path, monkeypatch):
    package = tmp_path / "half"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "nets.py").write_text("import einstein\n")
    (package / "script.py").write_text("import sys\nsys.exit(3)\n")
    monkeypatch.syspath_prepend(tmp_path)
    for target, said in {
        "hlaf.nets.Net": "there is no package hlaf: install it",
        "half.net.Net": "half has no net",
        "half.nets.Net": "cannot be imported: ModuleNotFoundError: No module named 'einstein'",
        "half.script.Net": "importing it ended with exit code 3",
        "half": "must be the dotted name",
        "pathlib": "must be the dotted name",
        f"{__name__}.Nett": f"{__name__} has no Nett; did you mean {__name__}.Net?",
        "torch.nn": "a module; accepted: a class or a function",
        "no..name": "must be the dotted name of a class or a function",
    }.items():
        found = problems("model", target) if "." in target else problems("model", f"{target}.")
        assert f": {said}" in found, found
        assert found.startswith(f"model._target_={target}")
        assert len(found.splitlines()) == 1
    assert "half.nets" not in sys.modules
