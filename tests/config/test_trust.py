"""The config of a stranger's run directory becomes no more than the parts of a run, each in its place."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re

import pytest

from groundup.config.build import build
from groundup.config.trust import KINDS, _find, refuse_foreign_targets
from groundup.errors import UserError

LINEAR = {"_target_": "torch.nn.Linear", "in_features": 3, "out_features": 2}


@pytest.mark.parametrize("kind", [*KINDS, "trainer", "seed"])
@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "builtins.eval",
        "builtins.object",
        "torch.load",
        "torch.hub.load",
        "torch.os.system",
        "torch.save",
        "groundup.command.frame.os.system",
        "groundup.errors",
        "groundup.errors.UserError",
        "groundup.files.write_whole",
        "groundup.config.build.build",
        "torch.nn.Module.apply",
        "torch.nn.init.zeros_",
        "torch.nn.functional.relu",
        "torch.nn.modules.module.torch.hub.load",
        "torch.jit.load",
        "torch.jit.ScriptModule",
        "torch.fx.GraphModule",
        "torch.utils.cpp_extension.load_inline",
        "torchvision.models.get_model",
        "torchvision.models._utils.load_state_dict_from_url",
        "torchvision.models.feature_extraction.create_feature_extractor",
        "torchvision.io.read_image",
        "torchmetrics.image.lpip._LPIPS",
        "torchmetrics.functional.image.lpips._LPIPS",
        "lightning.pytorch.Trainer",
        "lightning.pytorch.loggers.WandbLogger",
        "lightning.pytorch.loggers.CSVLogger",
        "torchx.Net",
        "torch.nn.NoSuchThing",
        "",
        3,
        None,
        ["torch.nn.Linear"],
    ],
)
def test_what_is_no_part_of_a_run_is_refused_in_every_place(kind, target):
    for node in ({"_target_": target}, {"x": {"_target_": target}}, {"x": [{"y": {"_target_": target}}]}):
        with pytest.raises(UserError, match="refused; accepted"):
            refuse_foreign_targets({kind: node})


PARTS = {
    "model": "torch.nn.Linear",
    "loss": "torch.nn.CrossEntropyLoss",
    "optimizer": "torch.optim.SGD",
    "scheduler": "groundup.learning.schedules.Cosine",
    "data": "groundup.data.module.ImageData",
    "callbacks": "lightning.pytorch.callbacks.EarlyStopping",
    "logger": "groundup.loggers.tensorboard.TensorBoard",
}


@pytest.mark.parametrize("place", PARTS)
@pytest.mark.parametrize("part", PARTS)
def test_a_part_stands_in_its_own_place_alone(place, part):
    node = {"_target_": PARTS[part]}
    config = {place: {"x": node} if place in ("callbacks", "logger") else node}
    if place == part:
        refuse_foreign_targets(config)
    else:
        with pytest.raises(UserError, match=rf"^{place}\..*refused; accepted in the config of a run are"):
            refuse_foreign_targets(config)


def test_parts_are_told_by_their_class_not_by_the_name_that_they_are_called():
    refuse_foreign_targets({"model": {"_target_": "groundup.models.mlp.nn.Linear"}})
    with pytest.raises(UserError, match="refused"):
        refuse_foreign_targets({"model": {"_target_": "groundup.learning.learner.MetricCollection"}})


def test_an_argument_may_be_a_layer_and_nothing_else():
    relu, nested = {"_target_": "torch.nn.ReLU"}, {"_target_": "torchvision.models.resnet18", "weights": None}
    refuse_foreign_targets({"model": {"_target_": "torch.nn.Sequential", "_args_": [LINEAR, relu, nested]}})
    for target in ("torch.optim.SGD", "lightning.pytorch.callbacks.EarlyStopping", "torch.nn.init.zeros_"):
        with pytest.raises(UserError, match=r"model\._args_\.0\._target_=.*networks"):
            refuse_foreign_targets({"model": {"_target_": "torch.nn.Sequential", "_args_": [{"_target_": target}]}})


def test_a_loss_may_be_a_function_of_torch_and_have_weights_of_classes():
    functional = {"_target_": "torch.nn.functional.cross_entropy", "_partial_": True, "label_smoothing": 0.1}
    refuse_foreign_targets({"loss": functional})
    tensor = {"_target_": "torch.tensor", "data": [1, 2.5]}
    refuse_foreign_targets({"loss": {"_target_": "torch.nn.CrossEntropyLoss", "weight": tensor}})
    refuse_foreign_targets({"loss": functional | {"weight": {"_target_": "torch.tensor", "_args_": [[1, 2.5]]}}})
    for wrong in ({"_target_": "torch.load", "f": 1}, {"_target_": "torch.tensor", "data": ["x"]}, tensor | {"f": 1}):
        with pytest.raises(UserError, match=r"^loss\.weight\._target_=torch\.\w+: refused"):
            refuse_foreign_targets({"loss": {"_target_": "torch.nn.CrossEntropyLoss", "weight": wrong}})
    for place, target in (("model", functional), ("loss", {"_target_": "torch.tensor", "data": [1]})):
        with pytest.raises(UserError, match="refused"):
            refuse_foreign_targets({place: target})
    with pytest.raises(UserError, match="refused"):
        refuse_foreign_targets({"loss": {"_target_": "torch.nn.functional.importlib.import_module", "name": "x"}})


@pytest.mark.parametrize(
    ("kind", "node", "place"),
    [
        ("model", {"_target_": "torchvision.models.resnet18", "weights": "DEFAULT"}, "weights=DEFAULT"),
        ("model", {"_target_": "torchvision.models.resnet18", "pretrained": True}, "pretrained=True"),
        ("model", {"_target_": "torchvision.models.resnet18", "_args_": [True]}, "_args_"),
        ("model", {"_target_": "torchvision.models.segmentation.fcn_resnet50", "weights": None}, "weights_backbone"),
        ("callbacks", {"_target_": "lightning.pytorch.callbacks.ModelCheckpoint", "dirpath": "/x"}, "dirpath=/x"),
        ("callbacks", {"_target_": "lightning.pytorch.callbacks.ModelCheckpoint", "_args_": ["/x"]}, "_args_"),
        ("callbacks", {"_target_": "lightning.pytorch.callbacks.OnExceptionCheckpoint", "_args_": ["/x"]}, "_args_"),
        ("logger", {"_target_": "groundup.loggers.tensorboard.TensorBoard", "run_dir": "/x"}, "run_dir=/x"),
        ("loss", {"_target_": "torch.nn.CrossEntropyLoss", None: 1, 3: 1, "url": "x"}, "url=x"),
    ],
)
def test_no_part_is_told_a_file_or_fetches_weights(kind, node, place):
    named = kind in ("callbacks", "logger")
    with pytest.raises(UserError, match=rf"^{kind}\.{'x.' if named else ''}{place}: .*in the config of a run"):
        refuse_foreign_targets({kind: {"x": node} if named else node})


def accepted_classes():
    """Every class that a name in the packages of a kind stands for and that the kind accepts."""
    for place, kind in KINDS.items():
        for package in kind.modules:
            module = importlib.import_module(package)
            names = [package, *(m.name for m in pkgutil.walk_packages(getattr(module, "__path__", ()), f"{package}."))]
            for name in names:
                for attribute in vars(importlib.import_module(name)):
                    if isinstance(found := _find(f"{name}.{attribute}", kind), type):
                        yield place, found


def test_no_accepted_class_takes_a_file_but_those_whose_argument_is_refused():
    """A list of what there is, so that another one in a new version of a library is seen."""
    suspicious = re.compile(r"path|file|url|(^|_)dir(_|$)|root|mirror|weights|pretrained|hub|uri|cmd|shell")
    found = {}
    for place, part in accepted_classes():
        named = {name for name in inspect.signature(part).parameters if suspicious.search(name)}
        if named:
            found[place, part.__name__] = named
    known = {
        ("model", "VGG"): {"init_weights"},
        ("model", "GoogLeNet"): {"init_weights"},
        ("model", "Inception3"): {"init_weights"},
        ("model", "QuantizableGoogLeNet"): {"init_weights"},
        ("model", "FasterRCNN"): {"bbox_reg_weights"},
        ("model", "KeypointRCNN"): {"bbox_reg_weights"},
        ("model", "MaskRCNN"): {"bbox_reg_weights"},
        ("model", "RoIHeads"): {"bbox_reg_weights"},
        ("model", "DualGraphModule"): {"root"},  # wants objects that no config can write
        ("model", "Backbone"): {"weights"},  # which a training alone asks for: `groundup.learning.pretrained`
        ("model", "TimmNetwork"): {"weights"},
        ("model", "TorchvisionNetwork"): {"weights"},
        **{
            ("loss", name): {"class_weights"}  # numbers, one for each class
            for name in ("BinaryCrossEntropy", "CrossEntropy", "ImageLoss", "MeanSquaredError", "SquaredError")
        },
        ("data", "ImageData"): {"root", "mirror", "file_column"},  # `groundup.run.evaluate` sees to them
        ("data", "ArrayData"): {"root", "file", "test_file"},  # read as numbers, wherever they are
        ("callbacks", "ModelCheckpoint"): {"dirpath", "filename", "save_weights_only"},
        ("callbacks", "OnExceptionCheckpoint"): {"dirpath", "filename"},
        ("callbacks", "SpikeDetection"): {"exclude_batches_path"},
        ("logger", "TensorBoard"): {"run_dir"},
    }
    assert len(set(accepted_classes())) > 200  # the walk found them
    assert {key: named for key, named in found.items() if named != known.get(key)} == {}


def test_a_payload_does_not_run(tmp_path):
    victim = tmp_path / "victim"
    payload = {"_target_": "pathlib.Path.touch", "_args_": [{"_target_": "pathlib.Path", "_args_": [str(victim)]}]}
    nested = {"_target_": "torch.nn.Sequential", "_args_": [[payload]]}
    for node in (payload, nested):
        with pytest.raises(UserError, match=r"pathlib\.Path"):
            refuse_foreign_targets({"model": node})
    assert not victim.exists()
    build(payload)  # the control: it would have run
    assert victim.exists()


@pytest.mark.parametrize("place", ["model", "seed", "callbacks"])
def test_an_interpolation_is_refused_for_it_could_hide_a_target(place):
    hidden = "${oc.decode:'{_target_: os.getcwd}'}"
    for value in (hidden, {"x": [hidden]}, {hidden: 1}):
        with pytest.raises(UserError, match="interpolations"):
            refuse_foreign_targets({place: value})


def test_a_value_that_is_missing_is_named():
    with pytest.raises(UserError, match=r"^model\.in_features=\?\?\?: has no value"):
        refuse_foreign_targets({"model": LINEAR | {"in_features": "???"}})


def test_an_untrusted_module_is_not_even_imported(tmp_path, monkeypatch):
    (tmp_path / "evil_module.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match="refused"):
        refuse_foreign_targets({"model": {"_target_": "evil_module.Net"}})


@pytest.mark.parametrize("group", ["model", "loss", "optimizer", "scheduler", "data", "callbacks", "logger"])
def test_every_shipped_config_is_accepted(group, compose_config):
    from omegaconf import OmegaConf

    from groundup.command.resolvers import options
    from groundup.paths import CONF

    for option in options(CONF, group):
        own = {"image_folder": ["data.root=/x", "data.file_column=id"], "arrays": ["data.file=/x.npz"]}.get(option, [])
        config = OmegaConf.to_container(compose_config(f"{group}={option}", *own), resolve=True)
        if group == "logger" and option not in ("none", "tensorboard"):  # which write where their node says
            with pytest.raises(UserError, match="accepted in the config of a run are loggers of groundup"):
                refuse_foreign_targets(config)
        else:
            refuse_foreign_targets(config)
