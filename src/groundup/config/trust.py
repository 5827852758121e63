"""What a config from a stranger may ask for: the parts of a run, each in its place, that touch no file and no network.

A part is told by its class and by where it stands in the config, whatever it is called there. Imports torch only where
there is something to look up.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from groundup.borrowed.hydra import locate
from groundup.config.extras import EXTRAS, refuse_without
from groundup.config.rooms import NAMED_GROUPS, accepted, all_options
from groundup.errors import UserError
from groundup.printable import printable

# Arguments that name files, or ask for weights from the internet.
FILES = re.compile(r"path|(?<!pro)file|url|(^|_)dir(_|$)")
WEIGHTS = re.compile(r"^(weights|pretrained)")


@dataclass(frozen=True)
class Kind:
    """What may stand in a place.

    Attributes:
        words: for a message.
        base: the class that it is a subclass of.
        names: the packages that it is looked up in; no other is even imported.
        modules: where it is defined.
        others: where it is not, though within `modules`.
    """

    words: str
    base: str
    names: tuple[str, ...]
    modules: tuple[str, ...]
    others: tuple[str, ...] = ()


LOSSES = ("torch.nn.modules.loss", "groundup.learning.losses")
NETWORK = Kind(
    "networks of torch.nn, torchvision and groundup",
    "torch.nn.Module",
    ("torch.nn", "torchvision.models", "torchvision.ops", "groundup"),
    (
        "torch.nn.modules",
        "torchvision.models",
        "torchvision.ops",
        "groundup.models",
        "groundup.learning",
        "groundup.noprop",
    ),
    LOSSES,
)
KINDS = {  # by the first key of the place; deeper in it, as arguments, networks alone
    "model": NETWORK,
    "loss": Kind(
        "losses of torch.nn and groundup",
        "torch.nn.Module",
        ("torch.nn", "groundup"),
        LOSSES,
    ),
    "optimizer": Kind(
        "optimizers of torch and groundup",
        "torch.optim.Optimizer",
        ("torch.optim", "groundup"),
        ("torch.optim", "groundup.optimizers", "groundup.learning"),
    ),
    "scheduler": Kind("schedules of groundup", "builtins.object", ("groundup",), ("groundup.learning.schedules",)),
    "data": Kind("data of groundup", "lightning.pytorch.LightningDataModule", ("groundup",), ("groundup.data",)),
    "callbacks": Kind(
        "callbacks of Lightning and groundup",
        "lightning.pytorch.Callback",
        ("lightning.pytorch.callbacks", "groundup"),
        ("lightning.pytorch.callbacks", "groundup.callbacks"),
    ),
    "logger": Kind("loggers of groundup", "lightning.pytorch.loggers.Logger", ("groundup",), ("groundup.loggers",)),
}
FACTORIES = ("groundup.models", "groundup.numpy_nets.models")


def refuse_foreign_targets(config: Mapping[str, Any]) -> None:
    """Refuses a config that asks for more than parts of a run, each in its place. Builds nothing.

    Accepted are, by class and by where they are *defined*, networks, losses, optimizers, schedules, data, callbacks and
    loggers; no argument of them may name a file or ask for weights from the internet. A string with an interpolation,
    which could become anything, is refused too.

    Raises:
        UserError: naming the first place.
    """
    for place, text in _strings((), config):
        if "${" in text:
            raise UserError(f"{_key(place)}={_value(text)}: interpolations are refused in the config of a run")
        if text == "???":
            raise UserError(f"{_key(place)}=???: has no value")
    for place, node in _nodes((), config):
        if _is_shipped(place, node["_target_"]):
            _refuse_reaching_out(place, node, None)
            continue
        kind = _kind_of(place)
        found = _find(node["_target_"], kind) if kind is not None else None
        if kind is None or found is None:
            accepted = kind.words if kind is not None else f"parts in {', '.join(KINDS)}"
            raise UserError(
                f"{_key((*place, '_target_'))}={_value(node['_target_'])}: refused; accepted in the config of "
                f"a run are {accepted}"
            )
        _refuse_reaching_out(place, node, found)


def _kind_of(place: tuple[str, ...]) -> Kind | None:
    """Of the node in this place; None where none may stand."""
    kind = KINDS.get(place[0]) if place else None
    depth = 2 if place and place[0] in NAMED_GROUPS else 1  # a part stands under a name there
    if kind is None or len(place) < depth:
        return None
    return kind if len(place) == depth else NETWORK


def _is_shipped(place: tuple[str, ...], target: Any) -> bool:
    """Whether this is one of the parts that `conf/` names, in its place: not looked up, which takes torch."""
    kind = _kind_of(place)
    return kind is not None and kind is KINDS.get(place[0]) and target in _shipped()[place[0]]


@functools.cache
def _shipped() -> dict[str, list[str]]:
    return {
        group: [
            target
            for options in all_options(group)
            if not getattr(options, "reaches_out", False)
            for target in accepted(options, "target")
        ]
        for group in KINDS
    }


def _find(target: Any, kind: Kind) -> Any:
    """The class or function of this kind that a name stands for; None where it is none."""
    if not isinstance(target, str) or not _within(target, kind.names):
        return None
    if (package := target.partition(".")[0]) in EXTRAS:
        refuse_without(package, target)
    try:
        found = locate(target)  # as `instantiate` does, without a word in the log
    except (ImportError, ValueError, AttributeError):
        return None
    if not isinstance(found, type):
        return found if kind is NETWORK and _makes_networks(found) else None
    module = found.__module__
    defined = _within(module, kind.modules) and not _within(module, kind.others) and "." not in found.__qualname__
    return found if defined and issubclass(found, locate(kind.base)) else None


def _makes_networks(found: Any) -> bool:
    """Whether this is a function of ours that makes networks, or one that torchvision lists."""
    if not isinstance(found, FunctionType) or "." in found.__qualname__:
        return False
    if not _within(found.__module__ or "", ("torchvision.models",)):
        return _within(found.__module__ or "", FACTORIES)
    from torchvision.models import get_model_builder, list_models

    return found in map(get_model_builder, list_models())


def _refuse_reaching_out(place: tuple[str, ...], node: Mapping[str, Any], found: Any) -> None:
    """Refuses arguments that name files or ask for weights, by default too, or that have no names at all."""
    for key, value in _items(node):
        if key == "_args_" and not _is_layer(found):
            raise UserError(f"{_key((*place, key))}: refused in the config of a run: arguments without names")
        if value not in (None, False) and key != "_target_" and (FILES.search(key) or WEIGHTS.search(key)):
            raise UserError(
                f"{_key((*place, key))}={_value(value)}: refused in the config of a run, which may name no "
                "files and ask for no weights; accepted: null"
            )
    parameters = inspect.signature(found).parameters if found is not None else {}
    for name, parameter in parameters.items():
        if WEIGHTS.search(name) and name not in node and parameter.default not in (None, False):
            raise UserError(
                f"{_key((*place, name))}: must be given as null in the config of a run: {node['_target_']} would "
                "download weights"
            )


def _is_layer(found: Any) -> bool:
    """Whether arguments of this class are of no kind but numbers, words and other layers: `Sequential` has no names."""
    return isinstance(found, type) and _within(found.__module__, ("torch.nn.modules",))


def _within(name: str, packages: tuple[str, ...]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def _strings(place: tuple[str, ...], value: Any) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every string of a config, keys too, with its place."""
    if isinstance(value, str):
        yield place, value
    for key, item in _items(value):
        yield (*place, key), key
        yield from _strings((*place, key), item)


def _nodes(place: tuple[str, ...], value: Any) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """Every node that says what to build, with its place."""
    if isinstance(value, Mapping) and "_target_" in value:
        yield place, value
    for key, item in _items(value):
        yield from _nodes((*place, key), item)


def _items(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        yield from ((str(key), item) for key, item in value.items())
    elif isinstance(value, list | tuple):
        yield from ((str(index), item) for index, item in enumerate(value))


def _key(place: tuple[str, ...]) -> str:
    return printable(".".join(place))


def _value(value: Any) -> str:
    return printable(str(value))[:200]
