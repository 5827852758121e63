"""What a part may be told stands in its YAML, its options and its signature: the three say the same."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any, Literal

import pytest
from hydra.utils import get_object
from lightning.pytorch import Trainer
from omegaconf import OmegaConf
from pydantic import Field

from groundup.config.hyperparameters import WITHOUT_EFFECT
from groundup.config.options import Evaluate, EvaluateData, Export, ExportData, Predict, PredictData, Run, Study, Sweep
from groundup.config.rooms import GROUPS, NAMED_GROUPS, accepted, all_options, options_of
from groundup.config.signature import signature_of
from groundup.config.trainer_options import TrainerKeys
from groundup.config.validation import refuse_wrong_values
from groundup.options import Node, Positive
from groundup.rundir.aliases import MOVED
from groundup.sweep.stacked import stackable

CONF = Path(__file__).parents[2] / "conf"
SAID_ELSEWHERE = ("_target_", "_partial_", "name")
OF_THE_BATCH = "the config knows the batch size, an optimizer alone does not"
OF_TORCH = "torch chooses by the device; here it is asked for"
OF_LIGHTNING = "a choice of this option; the class is Lightning's"
HANDED_ON = "Lightning's class hands it on to wandb.init"
PLAIN = "a plain step by default, as torch.optim.SGD; what is worth training with is chosen in conf/"
DIFFERENT = {  # where the YAML says something else than the options or the signature
    ("data=cifar10", "augment"): "photographs are worth augmenting",
    ("data=cifar100", "augment"): "photographs are worth augmenting",
    ("data=digits", "batch_size"): "few images",
    ("data=image_folder", "cache"): "runs of older versions, which do not say it, had none",
    ("data=image_folder", "channels"): "a folder has none of its own, other data sets have",
    ("data=image_folder", "decode"): "runs of older versions, which do not say it, decoded all of every file",
    ("optimizer=sgd", "lr"): PLAIN,
    ("optimizer=sgd", "momentum"): PLAIN,
    ("optimizer=sgd", "nesterov"): PLAIN,
    ("optimizer=sgd", "weight_decay"): PLAIN,
    ("optimizer=sgd", "fused"): OF_TORCH,
    ("optimizer=adam", "fused"): OF_TORCH,
    ("optimizer=adamw", "fused"): OF_TORCH,
    ("optimizer=decoupled_sgd", "fused"): OF_TORCH,
    ("optimizer=decoupled_sgd", "batch_size"): OF_THE_BATCH,
    ("optimizer=muon", "batch_size"): OF_THE_BATCH,
    ("optimizer=numpy_sgd", "momentum"): PLAIN,
    ("optimizer=numpy_sgd", "nesterov"): PLAIN,
    ("optimizer=numpy_sgd", "weight_decay"): PLAIN,
    ("callbacks=early_stopping", "early_stopping.patience"): OF_LIGHTNING,
    ("callbacks=ema", "ema.decay"): OF_LIGHTNING,
    ("logger=wandb", "wandb.project"): OF_LIGHTNING,
    ("logger=wandb", "wandb.entity"): HANDED_ON,
    ("logger=wandb", "wandb.group"): HANDED_ON,
    ("logger=wandb", "wandb.tags"): HANDED_ON,
    ("logger=mlflow", "mlflow.experiment_name"): OF_LIGHTNING,
    ("logger=mlflow", "mlflow.tracking_uri"): OF_LIGHTNING,
    ("trainer=default", "max_epochs"): "Lightning has no limit, or 1000",
    ("trainer=default", "devices"): "one process unless more are asked for",
    ("trainer=default", "precision"): "Lightning's null is 32-true",
    ("trainer=default", "log_every_n_steps"): "Lightning's null is 50",
    ("trainer=default", "deterministic"): "Lightning's null is false",
}


def load(file: Path) -> dict[str, Any]:
    """The keys of a file of `conf/`, with those of the files of its group that it builds on."""
    content = OmegaConf.to_container(OmegaConf.load(file))
    keys: dict[str, Any] = {}
    for name in content.pop("defaults", ["_self_"]):
        keys |= content if name == "_self_" else load(file.with_stem(name))
    return keys


def shipped() -> list[tuple[str, str, dict[str, Any]]]:
    """Of every part in `conf/`: its option, what its keys begin with, and its node."""
    parts = []
    for group in (*GROUPS, *NAMED_GROUPS):
        for file in sorted((CONF / group).glob("*.yaml")):
            option, node = f"{group}={file.stem}", load(file)
            if group in NAMED_GROUPS:
                own = OmegaConf.to_container(OmegaConf.load(file)).keys() - {"defaults"}
                parts += [(option, f"{name}.", node[name]) for name in sorted(own)]
            elif file.stem != "base":
                parts.append((option, "", node))
    return parts


PARTS = shipped()
each_part = pytest.mark.parametrize(
    ("option", "prefix", "node"),
    PARTS,
    ids=[f"{option},{prefix.rstrip('.')}".rstrip(",") for option, prefix, _ in PARTS],
)


def parameters(factory: Any) -> dict[str, Any]:
    """The defaults of what a class or a function takes by keyword, those that it hands on too."""
    found, more = {}, False
    for parameter in inspect.signature(factory).parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            more = True
        elif parameter.kind is not parameter.VAR_POSITIONAL:
            found[parameter.name] = parameter.default
    if more and isinstance(factory, type):
        heirs = [factory.rule] if hasattr(factory, "rule") else [base for base in factory.__mro__[1:-1]]
        handed_on = [parameters(base) for base in heirs if "__init__" in vars(base)]
        for defaults in handed_on:
            found = defaults | found
    return found


def disagreements(node: dict[str, Any], options: type[Node], takes: dict[str, Any]) -> dict[str, str]:
    """Of a shipped node's keys, those that the three places do not say alike, with what they say."""
    keys = {key: value for key, value in node.items() if key not in SAID_ELSEWHERE}
    fields = {key: field for key, field in options.model_fields.items() if f"_{key}_" not in node and key != "name"}
    found = {key: "in one of YAML and options alone" for key in keys.keys() ^ fields.keys()}
    found |= {key: "the class does not take it" for key in keys.keys() - takes.keys()}
    for key in (keys.keys() & fields.keys() & takes.keys()) - found.keys():
        said = [keys[key]]
        said += [] if fields[key].is_required() else [fields[key].default]
        said += [] if takes[key] is inspect.Parameter.empty else [takes[key]]
        said = [list(value) if isinstance(value, tuple) else value for value in said]
        if any(value != said[0] for value in said):
            found[key] = f"YAML, options, signature: {said}"
    return found


@each_part
def test_yaml_options_and_signature_say_the_same(option, prefix, node):
    group = option.partition("=")[0]
    options = options_of(group, node)
    if options is None:  # the signature says it all
        refuse_wrong_values(signature_of(group, node).options, node)
        return
    found = disagreements(node, options, parameters(get_object(node["_target_"])))
    intended = {key for of, key in DIFFERENT if of == option and key.startswith(prefix)}
    assert {f"{prefix}{key}" for key in found} == intended, found


def test_no_intended_difference_is_of_a_part_that_is_gone():
    known = {(option, f"{prefix}{key}") for option, prefix, node in PARTS for key in node}
    known |= {("trainer=default", key) for key in load(CONF / "trainer" / "default.yaml")}
    assert DIFFERENT.keys() <= known


class Thing:
    def __init__(self, size: int = 3, depth: int = 1):
        pass


class ThingOptions(Node):
    target: Literal["x.Thing"] = Field(alias="_target_")
    name: Literal["thing"]
    size: Positive = 3
    depth: Positive


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        ({}, set()),
        ({"size": 4}, {"size"}),
        ({"depth": 2}, {"depth"}),
        ({"depht": 1}, {"depht"}),
        ({"depth": None}, {"depth"}),
    ],
)
def test_each_disagreement_would_be_found(changed, found):
    node = {"_target_": "x.Thing", "name": "thing", "size": 3, "depth": 1} | changed
    assert disagreements(node, ThingOptions, parameters(Thing)).keys() == found
    del node["size"]
    assert "size" in disagreements(node, ThingOptions, parameters(Thing))
    assert "size" in disagreements(node | {"size": 3}, ThingOptions, {"depth": 1})
    assert "size" in disagreements(node | {"size": 3}, ThingOptions, {"depth": 1, "size": 4})


@pytest.mark.parametrize("group", [*GROUPS, *NAMED_GROUPS])
def test_every_options_class_names_its_part_as_it_is_called_and_stands_in_its_room(group):
    used = {node["_target_"] for option, _, node in PARTS if option.startswith(f"{group}=")}
    for options in all_options(group):
        for target in accepted(options, "target"):
            found = get_object(target)
            assert target in used, "no option of conf/ has it"
            if target.startswith("groundup."):
                assert target == f"{found.__module__}.{found.__qualname__}"
                assert options.__module__ == ".".join([*target.split(".")[:2], "options"])
            assert options in (options_of(group, {"_target_": target, "name": name}) for name in names(options))


def names(options: type[Node]) -> tuple[Any, ...]:
    return accepted(options, "name") or (None,)


def test_a_name_of_another_room_or_package_has_no_options():
    assert options_of("model", {"_target_": "groundup.callbacks.charts.Charts", "name": "mlp"}) is None
    assert options_of("optimizer", {"_target_": "torch.optim.Adagrad", "name": "sgd"}) is None
    assert options_of("model", {"_target_": None}) is None
    assert options_of("loss", {"_target_": "groundup.learning.schedules.Step", "name": "step"}) is None


@pytest.mark.parametrize(
    ("file", "within", "options"),
    [
        ("run", None, Run),
        ("run", "sweep", Sweep),
        ("evaluate", None, Evaluate),
        ("evaluate", "data", EvaluateData),
        ("predict", None, Predict),
        ("predict", "data", PredictData),
        ("export", None, Export),
        ("export", "data", ExportData),
        ("hydra/sweeper/optuna", None, Study),
    ],
)
def test_the_keys_of_a_command_are_those_of_its_options(file, within, options):
    content = OmegaConf.load(CONF / f"{file}.yaml")
    keys = set((content[within] if within else content).keys()) - {"defaults", "hydra", "_target_", "_convert_"}
    assert keys == options.model_fields.keys()


def test_the_trainers_defaults_are_lightnings():
    takes, written = parameters(Trainer), load(CONF / "trainer" / "default.yaml")
    fields = TrainerKeys.model_fields
    assert written.keys() - fields.keys() == set()
    assert {key for key, field in fields.items() if field.is_required()} <= written.keys()
    ours = {"compile", "capture"}
    said = {key: field.default for key, field in fields.items() if not field.is_required()} | written
    different = {key for key in fields.keys() - ours if said[key] != takes[key]}
    assert {("trainer=default", key) for key in different} == {key for key in DIFFERENT if key[0] == "trainer=default"}
    assert [(key, fields[key].default) for key in ours if not fields[key].is_required()] == [
        ("capture", written["capture"])
    ]


def test_lists_of_parts_by_name_name_parts_that_are_there():
    targets = {
        target
        for group in (*GROUPS, *NAMED_GROUPS)
        for each in all_options(group)
        for target in accepted(each, "target")
    }
    assert {*stackable.MODELS, *stackable.OPTIMIZERS, *stackable.WATCHERS} <= targets
    assert set(MOVED.values()) <= targets


def test_keys_that_change_no_figure_are_keys():
    keys = {f"{group}.{key}" for group in GROUPS for options in all_options(group) for key in options.model_fields}
    keys |= {f"trainer.{key}" for key in TrainerKeys.model_fields}
    assert keys >= WITHOUT_EFFECT
