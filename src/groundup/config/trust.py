"""What a config from a stranger may ask for: the parts of a run, each in its place, that touch no file and no network.

A part is told by its class and by where it stands in the config, whatever it is called there. Imports torch only where
there is something to look up.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from groundup.borrowed.hydra import locate
from groundup.config.extras import EXTRAS, refuse_without
from groundup.config.located import located
from groundup.config.nodes import items, nodes
from groundup.config.rooms import NAMED_GROUPS, accepted, all_options, options_of, rooms_of
from groundup.config.theirs import classes, why_not_theirs
from groundup.config.trusted import is_name, is_within
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
        bases: the classes that it is a subclass of one of.
        names: the packages that it is looked up in; no other is even imported, unless it is trusted.
        modules: where it is defined.
        others: where it is not, though within `modules`.
        trusted: what a part of a package that is trusted may be, or a function of it give, besides.
    """

    words: str
    bases: tuple[str, ...]
    names: tuple[str, ...]
    modules: tuple[str, ...]
    others: tuple[str, ...] = ()
    trusted: tuple[str, ...] = ()


LOSSES = ("torch.nn.modules.loss", "groundup.learning.losses")
NETWORK = Kind(
    "networks of torch.nn, torchvision and groundup",
    ("torch.nn.Module",),
    ("torch.nn", "torchvision.models", "torchvision.ops", "groundup"),
    ("torch.nn.modules", "torchvision.models", "torchvision.ops", *rooms_of("model")),
    LOSSES,
    trusted=("groundup.numpy_nets.chain.Chain",),
)
KINDS = {  # by the first key of the place; deeper in it, as arguments, networks alone
    "model": NETWORK,
    "loss": Kind(
        "losses of torch.nn and groundup",
        ("torch.nn.Module",),
        ("torch.nn", "groundup"),
        LOSSES,
        trusted=("torch.Tensor",),  # of logits and classes, which come later
    ),
    "optimizer": Kind(
        "optimizers of torch and groundup",
        ("torch.optim.Optimizer",),
        ("torch.optim", "groundup"),
        ("torch.optim", *rooms_of("optimizer")),
    ),
    "scheduler": Kind(
        "schedules of groundup",
        ("collections.abc.Callable",),
        ("groundup",),
        ("groundup.learning.schedules",),
        trusted=("torch.optim.lr_scheduler.LRScheduler", "builtins.float"),  # the factor of a step
    ),
    "data": Kind("data of groundup", ("lightning.pytorch.LightningDataModule",), ("groundup",), rooms_of("data")),
    "callbacks": Kind(
        "callbacks of Lightning and groundup",
        ("lightning.pytorch.Callback",),
        ("lightning.pytorch.callbacks", "groundup"),
        ("lightning.pytorch.callbacks", *rooms_of("callbacks")),
    ),
    "logger": Kind("loggers of groundup", ("lightning.pytorch.loggers.Logger",), ("groundup",), rooms_of("logger")),
}


TOOLS = Kind(  # what a LightningModule of a package that is trusted may be given, besides networks
    "losses, optimizers and schedulers of torch",
    ("torch.nn.Module", "torch.optim.Optimizer", "torch.optim.lr_scheduler.LRScheduler"),
    ("torch.nn", "torch.optim"),
    ("torch.nn.modules.loss", "torch.optim"),
)


def refuse_foreign_targets(config: Mapping[str, Any], trust: Collection[str] = ()) -> None:
    """Refuses a config that asks for more than parts of a run, each in its place. Builds nothing.

    Accepted are, by class and by where they are *defined*, networks, losses, optimizers, schedules, data, callbacks and
    loggers; no argument of them may name a file or ask for weights from the internet. A string with an interpolation,
    which could become anything, is refused too.

    Args:
        config: the groups, as a run directory has them.
        trust: packages whose parts are accepted too, each in its place, with arguments of any kind, see
            `config.trusted`.

    Raises:
        UserError: naming the first place.
    """
    for place, text in _strings((), config):
        if "${" in text:
            raise UserError(f"{_key(place)}={_value(text)}: interpolations are refused in the config of a run")
        if text == "???":
            raise UserError(f"{_key(place)}=???: has no value")
    for place, node in nodes(config):
        if _is_shipped(place, node["_target_"]):
            _refuse_reaching_out(place, node, None)
            continue
        kind = _kind_of(place)
        if kind is None:
            raise _refusal(place, node, f"parts in {', '.join(KINDS)}")
        if _is_tensor(place, node):
            continue
        found = _find(node["_target_"], kind, trust)
        if found is None and _is_of_theirs(place, config, trust):
            found = _find(node["_target_"], TOOLS)
        if found is not None:
            _refuse_reaching_out(place, node, found)
            continue
        reason = why_not_theirs(node["_target_"], trust, kind.bases + kind.trusted, len(place) > _depth(place))
        if reason is not None:
            raise _refusal(place, node, f"{kind.words}{reason}")


def _refusal(place: tuple[str, ...], node: Mapping[str, Any], accepted: str) -> UserError:
    given = f"{_key((*place, '_target_'))}={_value(node['_target_'])}"
    return UserError(f"{given}: refused; accepted in the config of a run are {accepted}")


def _kind_of(place: tuple[str, ...]) -> Kind | None:
    """Of the node in this place; None where none may stand."""
    kind = KINDS.get(place[0]) if place else None
    if kind is None or len(place) < _depth(place):
        return None
    return kind if len(place) == _depth(place) else NETWORK


def _depth(place: tuple[str, ...]) -> int:
    """Keys to a part of a group: it stands under a name where there are several."""
    return 2 if place[0] in NAMED_GROUPS else 1


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


def _find(target: Any, kind: Kind, trust: Collection[str] = ()) -> Any:
    """The class or function of this kind that a name stands for; None where it is none.

    What a trusted package has from elsewhere is looked up under the name that it has there.
    """
    if not isinstance(target, str):
        return None
    if (package := target.partition(".")[0]) in EXTRAS:
        refuse_without(package, target)
    try:
        if is_within(target, kind.names):
            found = locate(target)  # as `instantiate` does, without a word in the log
        elif is_within(target, trust):
            found = located(target)
        else:
            return None
    except (ImportError, ValueError, AttributeError, UserError):
        return None
    if isinstance(found, type):
        return found if _is_defined_for(found, kind) else None
    if kind is NETWORK:
        return found if _makes_networks(found) else None
    return found if kind is KINDS["loss"] and _is_loss_of_torch(found) else None


def _is_defined_for(found: type, kind: Kind) -> bool:
    module = found.__module__
    defined = is_within(module, kind.modules) and not is_within(module, kind.others) and "." not in found.__qualname__
    return defined and issubclass(found, classes(kind.bases))


def _is_of_theirs(place: tuple[str, ...], config: Mapping[str, Any], trust: Collection[str]) -> bool:
    """Whether this place is within a model of a package that is trusted."""
    if place[0] != "model" or len(place) == _depth(place):
        return False
    target = config["model"].get("_target_")
    return is_name(target) and is_within(target, trust)


def _is_loss_of_torch(found: Any) -> bool:
    """Whether this is a function such as `torch.nn.functional.cross_entropy`: they are of tensors alone."""
    is_functional = isinstance(found, FunctionType) and found.__module__ == "torch.nn.functional"
    return is_functional and "target" in inspect.signature(found).parameters


def _is_tensor(place: tuple[str, ...], node: Mapping[str, Any]) -> bool:
    """Whether this is an argument that holds numbers, such as the weights of classes."""
    if len(place) <= _depth(place) or node["_target_"] != "torch.tensor":
        return False
    given = {key: value for key, value in node.items() if key != "_target_"}
    return given.keys() <= {"_args_", "data"} and all(map(_is_numbers, given.values()))


def _is_numbers(value: Any) -> bool:
    return all(map(_is_numbers, value)) if isinstance(value, list) else isinstance(value, int | float)


def _makes_networks(found: Any) -> bool:
    """Whether this is a function of ours that `conf/` names, or one that torchvision lists."""
    if not isinstance(found, FunctionType) or "." in found.__qualname__:
        return False
    if not is_within(found.__module__ or "", ("torchvision.models",)):
        return f"{found.__module__}.{found.__qualname__}" in _shipped()["model"]
    from torchvision.models import get_model_builder, list_models

    return found in map(get_model_builder, list_models())


def _refuse_reaching_out(place: tuple[str, ...], node: Mapping[str, Any], found: Any) -> None:
    """Refuses arguments that name files or ask for weights, by default too, or that have no names at all.

    Where images lie, the keys of our own data say: they are read there, as pictures and numbers, and nothing else is.
    """
    options = options_of("data", node) if place == ("data",) else None
    of_data = set() if options is None else set(options.model_fields)
    for key, value in items(node):
        if key in of_data:
            continue
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
    return isinstance(found, type) and is_within(found.__module__, ("torch.nn.modules",))


def _strings(place: tuple[str, ...], value: Any) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every string of a config, keys too, with its place."""
    if isinstance(value, str):
        yield place, value
    for key, item in items(value):
        yield (*place, key), key
        yield from _strings((*place, key), item)


def _key(place: tuple[str, ...]) -> str:
    return printable(".".join(place))


def _value(value: Any) -> str:
    return printable(str(value))[:200]
