"""Of a package that is trusted, parts alone, each in its place: attacked as a stranger would who knows the package."""

from __future__ import annotations

import sys

import pytest

from groundup.config.trust import KINDS, refuse_foreign_targets
from groundup.config.trusted import trusted
from groundup.errors import UserError

PACKAGE = """
import functools, os, pathlib, pickle, subprocess, sys
import torch
from torch import nn, load as read_weights
from torchvision.models import resnet18
from groundup.learning.checkpoint import load_checkpoint
from lightning.pytorch import Callback, LightningDataModule
from lightning.pytorch.loggers import CSVLogger

run = subprocess.run
part = functools.partial(os.system)
instance = pathlib.Path("x")


class Net(nn.Module):
    def __init__(self, width: int = 1, path=None, body=None):
        super().__init__()

    @classmethod
    def restore(cls, path):
        return pickle.load(open(path, "rb"))

    @staticmethod
    def shell(command) -> nn.Module:
        os.system(command)

    class Inner(nn.Module):
        pass


class Task:
    def __init__(self, command):
        os.system(command)


class Watch(Callback):
    pass


class Data(LightningDataModule):
    pass


class Log(CSVLogger):
    pass


class Sgd(torch.optim.SGD):
    pass


class Rate:
    def __call__(self, step, total_steps, steps_per_epoch):
        return 1.0


def make(command):
    os.system(command)


def tidy(command) -> None:
    os.system(command)


def make_net(width: int = 1) -> nn.Module:
    return Net(width)


def loss(logits, target) -> torch.Tensor:
    return logits.mean()


small = functools.partial(Net, width=1)
quick = lambda command: os.system(command)
"""
SUB = """
from torch import nn
from mypkg import Net as Elsewhere


class Net(nn.Module):
    pass
"""
PARTS = {
    "model": "Net",
    "loss": "loss",
    "optimizer": "Sgd",
    "scheduler": "Rate",
    "data": "Data",
    "callbacks": "Watch",
    "logger": "Log",
}


@pytest.fixture(autouse=True, scope="module")
def mypkg(tmp_path_factory):
    root = tmp_path_factory.mktemp("packages")
    (root / "mypkg").mkdir()
    (root / "mypkg" / "__init__.py").write_text(PACKAGE)
    (root / "mypkg" / "sub.py").write_text(SUB)
    (root / "mypkg2.py").write_text("raise SystemExit('imported')")
    sys.path.insert(0, str(root))
    yield
    sys.path.remove(str(root))
    for name in [name for name in sys.modules if name.partition(".")[0] in ("mypkg", "mypkg2")]:
        del sys.modules[name]


def put(kind, node):
    return {kind: {"x": node} if kind in ("callbacks", "logger") else node}


def refusal(config, trust) -> str:
    try:
        refuse_foreign_targets(config, trust)
    except UserError as error:
        return str(error).replace("\n", "TWO LINES")
    return ""


@pytest.mark.parametrize("place", PARTS)
@pytest.mark.parametrize("part", PARTS)
def test_a_trusted_part_stands_in_its_own_place_alone(place, part):
    found = refusal(put(place, {"_target_": f"mypkg.{PARTS[part]}"}), ("mypkg",))
    also = (part, place) in (("model", "loss"), ("model", "scheduler"))  # a loss is a module, a schedule is called
    assert (found == "") == (place == part or also), found
    assert "refused" in refusal(put(place, {"_target_": f"mypkg.{PARTS[part]}"}), ())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "name",
    [
        *("os.system", "run", "subprocess.run", "subprocess.Popen", "pickle.load", "read_weights", "torch.load"),
        *("torch.hub.load", "load_checkpoint", "part", "instance", "pathlib.Path", "sys.exit", "functools.partial"),
        *("Task", "make", "tidy", "quick", "Net.restore", "Net.shell", "Net.Inner", "Net.__init__", "Net.__class__"),
        *("Net.__subclasses__", "make.__globals__.get", "make.__class__", "__builtins__.get", "make.__code__.replace"),
        *("__loader__.load_module", "__spec__.loader.get_data", "sub", "nowhere", "Net.nowhere", "nn.Module.apply"),
    ],
)
def test_what_is_no_part_of_a_run_is_refused_though_its_package_is_trusted(kind, name):
    assert "refused" in refusal(put(kind, {"_target_": f"mypkg.{name}"}), ("mypkg",))
    assert "refused" in refusal(
        {"model": {"_target_": "mypkg.Net", "body": [{"_target_": f"mypkg.{name}"}]}}, ("mypkg",)
    )


def test_a_trusted_part_may_name_files_and_no_other_may():
    resnet = {"_target_": "mypkg.resnet18", "weights": "DEFAULT"}
    assert refusal({"model": {"_target_": "mypkg.Net", "path": "/x"}}, ("mypkg",)) == ""
    assert "weights=DEFAULT: refused" in refusal({"model": resnet}, ("mypkg",))
    assert "weights=DEFAULT: refused" in refusal({"model": {"_target_": "mypkg.Net", "body": resnet}}, ("mypkg",))
    assert "interpolations" in refusal({"model": {"_target_": "mypkg.Net", "path": "${oc.env:HOME}"}}, ("mypkg",))


def test_a_function_is_trusted_by_what_it_says_that_it_gives_or_by_its_own_name():
    assert refusal({"model": {"_target_": "mypkg.make_net"}}, ("mypkg",)) == ""
    said = refusal({"model": {"_target_": "mypkg.make"}}, ("mypkg",))
    assert said.endswith("annotate what it returns; if it is meant: trust=[mypkg,mypkg.make]")
    assert refusal({"model": {"_target_": "mypkg.make"}}, ("mypkg.make",)) == ""
    assert "refused" in refusal(
        {"model": {"_target_": "mypkg.run"}}, ("mypkg.run",)
    )  # not theirs, whatever it is called


@pytest.mark.parametrize("name", ["Net.restore", "Net.shell", "small"])
def test_a_method_and_a_partial_are_trusted_by_their_own_name_alone(name):
    config = {"model": {"_target_": f"mypkg.{name}"}}
    assert refusal(config, ("mypkg",)).endswith(f"; if it is meant: trust=[mypkg,mypkg.{name}]")
    assert refusal(config, ("mypkg", f"mypkg.{name}")) == ""
    assert "defined in posix, which is not trusted" in refusal({"model": {"_target_": "mypkg.part"}}, ("mypkg.part",))


def test_a_trusted_model_may_be_given_optimizers_and_schedulers_of_torch():
    def given(**arguments):
        return {"model": {"_target_": "mypkg.Net", **arguments}}

    for target in ("torch.optim.Adam", "torch.optim.lr_scheduler.StepLR", "torch.nn.CrossEntropyLoss", "torch.nn.ReLU"):
        node = {"_target_": target, "_partial_": True}
        assert refusal(given(optimizer=node, nets=[{"a": node}]), ("mypkg",)) == ""
        assert "refused" in refusal(given(optimizer=node), ())
    for target in ("torch.optim.Adam", "torch.optim.lr_scheduler.StepLR"):
        assert "refused" in refusal(
            {"model": {"_target_": "torch.nn.Sequential", "x": {"_target_": target}}}, ("mypkg",)
        )
    for target in ("torch.load", "torch.optim.swa_utils.update_bn", "torch.hub.load", "lightning.pytorch.Trainer"):
        assert "refused" in refusal(given(optimizer={"_target_": target}), ("mypkg",))


def test_an_argument_that_is_no_network_is_trusted_by_its_own_name_alone():
    config = {"model": {"_target_": "mypkg.Net", "body": {"_target_": "mypkg.Task", "command": "x"}}}
    assert "trust=[mypkg,mypkg.Task]" in refusal(config, ("mypkg",))
    assert refusal(config, ("mypkg", "mypkg.Task")) == ""
    assert "refused" in refusal({"model": {"_target_": "mypkg.Task"}}, ("mypkg", "mypkg.Task"))


def test_a_module_that_is_trusted_is_trusted_with_what_is_defined_in_it():
    assert refusal({"model": {"_target_": "mypkg.sub.Net"}}, ("mypkg.sub",)) == ""
    assert "it is defined in mypkg, which is not trusted" in refusal(
        {"model": {"_target_": "mypkg.sub.Elsewhere"}}, ("mypkg.sub",)
    )
    assert "if mypkg is yours: trust=[mypkg.sub,mypkg]" in refusal({"model": {"_target_": "mypkg.Net"}}, ("mypkg.sub",))


def test_the_refusal_says_how_a_package_is_trusted_and_imports_nothing():
    said = refusal({"model": {"_target_": "mypkg2.Net"}}, ())
    assert said.endswith("; if mypkg2 is yours: trust=[mypkg2] or GROUNDUP_TRUST=mypkg2")
    assert "mypkg2" not in sys.modules
    for target in ("os.system", "torch.load", "groundup.errors.UserError", "builtins.eval", "x;y.Z", "", 3, None):
        assert "yours" not in refusal({"model": {"_target_": target}}, ())  # nobody is told to trust these
    assert "importing it ended with exit code imported" in refusal({"model": {"_target_": "mypkg2.Net"}}, ("mypkg2",))


@pytest.mark.parametrize(
    "given",
    [
        *(
            "torch",
            "torch.nn",
            "torchvision",
            "os",
            "os.path",
            "builtins",
            "hydra",
            "hydra.utils",
            "subprocess",
            "numpy",
        ),
        *("lightning", "lightning.pytorch", "pickle", "__main__", "sys", "omegaconf", "pip"),
        *(
            "",
            " ",
            "a b",
            ".",
            "mypkg.",
            ".mypkg",
            "mypkg..x",
            "*",
            "mypkg.*",
            "mypkg/x",
            "-m",
            "mypkg,os",
            3,
            None,
            ["x"],
        ),
    ],
)
def test_what_is_no_package_of_ones_own_cannot_be_trusted(given, monkeypatch):
    with pytest.raises(UserError, match=r"^trust="):
        trusted([given])
    with pytest.raises(UserError, match=r"^trust="):
        trusted(["mypkg", given])
    if isinstance(given, str) and given.strip() and "," not in given:
        monkeypatch.setenv("GROUNDUP_TRUST", f"mypkg,{given}")
        with pytest.raises(UserError, match=r"^GROUNDUP_TRUST="):
            trusted()


def test_whom_the_command_and_the_environment_trust(monkeypatch):
    assert trusted() == trusted(None) == trusted([]) == ()
    assert trusted("mypkg") == trusted(["mypkg"]) == ("mypkg",)
    assert trusted(["groundup", "groundup.models"]) == ()  # it is no more than it was
    monkeypatch.setenv("GROUNDUP_TRUST", " other, mypkg.sub ,,")
    assert trusted(["mypkg"]) == ("mypkg", "other", "mypkg.sub")
    for given in (3, {"a": 1}, True):
        with pytest.raises(UserError, match=r"^trust="):
            trusted(given)
