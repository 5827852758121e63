"""Where the options of a part are found: in the `options.py` of the room that its class lives in. Imports no torch.

This module lists the rooms, but not the parts: every class of options in a room is a part.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Literal, NamedTuple, overload

from groundup.config.trusted import is_within
from groundup.options import Callback, Data, Logger, Loss, Model, Node, Optimizer, Schedule


class Group(NamedTuple):
    """What a group of `conf/` chooses from.

    Attributes:
        kind: that the options of its parts are of.
        home: the room that has the options of parts of other packages too, such as `torch.optim.SGD`.
        annexes: the other rooms.
    """

    kind: type[Node]
    home: str
    annexes: tuple[str, ...] = ()


GROUPS = {
    "data": Group(Data, "data"),
    "model": Group(Model, "models", ("learning", "noprop", "numpy_nets")),
    "loss": Group(Loss, "learning"),
    "optimizer": Group(Optimizer, "optimizers", ("learning",)),
    "scheduler": Group(Schedule, "learning"),
}
NAMED_GROUPS = {  # of parts with names of the user's choice
    "callbacks": Group(Callback, "callbacks"),
    "logger": Group(Logger, "loggers"),
}


def rooms_of(group: str) -> tuple[str, ...]:
    """The packages of ours that the parts of a group live in."""
    _, home, annexes = _group(group)
    return tuple(f"groundup.{room}" for room in (home, *annexes))


@overload
def options_of(group: Literal["model"], node: Mapping[str, Any]) -> type[Model] | None: ...
@overload
def options_of(group: Literal["callbacks"], node: Mapping[str, Any]) -> type[Callback] | None: ...
@overload
def options_of(group: str, node: Mapping[str, Any]) -> type[Node] | None: ...


def options_of(group: str, node: Mapping[str, Any]) -> type[Node] | None:
    """The options that a node must keep to: by its `_target_`, and by its `name` where several share one.

    None where there are none: the part is somebody else's, and may have any keys. So is a class of torch's under a name
    of one's own. Looks into no more than one room, so that a hand-written network alone takes an import of NumPy.
    """
    target = str(node.get("_target_"))
    same_target = [
        options for options in _in_room(_room_of(target, group), group) if target in accepted(options, "target")
    ]
    same_name = [options for options in same_target if node.get("name") in accepted(options, "name")]
    if "name" in node and not is_within(target, ("groundup",)) and not same_name:
        same_target = [options for options in same_target if not accepted(options, "name")]
    return next(iter(same_name or same_target), None)


def ships(target: str) -> bool:
    """Whether this is a part that has options here, of whatever group."""
    return any(options_of(group, {"_target_": target}) is not None for group in (*GROUPS, *NAMED_GROUPS))


def are_ours(config: Mapping[str, Any]) -> bool:
    """Whether all that computes in a run ships: no part of somebody else's, loggers left aside."""
    callbacks = [("callbacks", node) for node in config["callbacks"].values() if node]
    return all(options_of(group, node) is not None for group, node in ([(g, config[g]) for g in GROUPS] + callbacks))


@overload
def all_options(group: Literal["model"]) -> list[type[Model]]: ...
@overload
def all_options(group: str) -> list[type[Node]]: ...


def all_options(group: str) -> list[Any]:
    """The options of every part that ships."""
    _, home, annexes = _group(group)
    return [options for room in (home, *annexes) for options in _in_room(room, group)]


def accepted(options: type[Node], key: str) -> tuple[Any, ...]:
    """The values of a key that is a Literal, `target` or `name`; none where there is no such key."""
    field = options.model_fields.get(key)
    return () if field is None else field.annotation.__args__  # type: ignore[union-attr]


def _group(name: str) -> Group:
    return GROUPS.get(name) or NAMED_GROUPS[name]


def _room_of(target: str, group: str) -> str | None:
    """None where no room of the group has a part of this name."""
    _, home, annexes = _group(group)
    package, _, within = target.partition(".")
    if package != "groundup":
        return home
    room = within.partition(".")[0]
    return room if room in (home, *annexes) else None


def _in_room(room: str | None, group: str) -> list[type[Node]]:
    if room is None:
        return []
    module, kind = import_module(f"groundup.{room}.options"), _group(group).kind
    classes = [value for value in vars(module).values() if isinstance(value, type) and issubclass(value, kind)]
    return [options for options in classes if "target" in options.model_fields]
