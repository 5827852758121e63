"""What is wrong with keys and values, in words: pydantic's errors as whoever typed the command reads them. No torch."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from inspect import isfunction
from typing import Any

from pydantic import ValidationError

from groundup.borrowed.hydra import locate
from groundup.config.extras import EXTRAS, is_installed, not_installed
from groundup.config.familiar import familiar
from groundup.config.options import Run
from groundup.config.own_training import is_own
from groundup.config.rooms import GROUPS, NAMED_GROUPS, options_of
from groundup.config.signature import signature_of
from groundup.config.suggest import nearest
from groundup.config.trainer_arguments import SET_BY_THE_RUN, SET_BY_THE_RUN_HINT
from groundup.config.trainer_options import Trainer
from groundup.errors import UserError
from groundup.options import Node


def refuse_wrong_values(options: type[Node], node: Mapping[str, Any], prefix: str = "") -> None:
    """Holds the keys of a node, `prefix` before each, against its options.

    Raises:
        UserError: one line for each problem: key, value given, what is accepted.
    """
    _refuse(_node_problems(options, node, prefix))


def refuse_wrong_run(config: Mapping[str, Any]) -> None:
    """Holds all keys of a run against their options.

    Raises:
        UserError: one line for each problem.
    """
    _refuse(_run_problems(config))


def shown(value: Any) -> str:
    """A value as it is written on the command line."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{','.join(shown(item) for item in value)}]"
    return re.sub(r"(://).*@", r"\1…@", str(value))  # what goes before a host may be a password


def _refuse(found: Iterator[str]) -> None:
    if problems := list(found):
        raise UserError("\n".join(problems))


def _run_problems(config: Mapping[str, Any]) -> Iterator[str]:
    groups = (*GROUPS, "trainer")
    top = {key: value for key, value in config.items() if key not in (*groups, *NAMED_GROUPS)}
    yield from _node_problems(Run, top, "", siblings=list(config))
    for group in groups:
        node = config.get(group)
        if not isinstance(node, Mapping):
            yield _no_group(group, node)
        elif is_own(config, group):
            continue
        elif options := Trainer if group == "trainer" else options_of(group, node):
            yield from _node_problems(options, node, f"{group}.")
            yield from _not_installed(options, f"{group}={node.get('name')}")
        else:
            yield from _foreign_problems(group, node)
    for group in NAMED_GROUPS:
        yield from _named_node_problems(group, config.get(group), config.get("model"))


def _no_group(group: str, given: Any) -> str:
    also = "" if given else f"; it cannot be left out by ~{group}"
    return f"{group}={shown(given)}: must be a group: {group}=OPTION{also}"


def _node_problems(
    options: type[Node], node: Mapping[str, Any], prefix: str, siblings: list[str] | None = None
) -> Iterator[str]:
    try:
        options.model_validate(node)
        return
    except ValidationError as error:
        found = error.errors(include_url=False)
    accepted: dict[str, list[str]] = {}  # by key: a union of types reports each of its members
    given: dict[str, Any] = {}
    for problem in found:
        key, value = _locate(node, problem["loc"])
        name = f"{prefix}{key}"
        if problem["type"] == "extra_forbidden":
            here = familiar(name, shown(value)) if options is Run or prefix in ("model.", "data.") else None
            message = f"there is no such key; here: {here}" if here else _unknown_key(options, key, prefix, siblings)
        elif problem["type"] == "too_short":
            message = "must be a list of at least one"
        elif problem["type"] == "missing" or value is None or (isinstance(value, str) and not value.strip()):
            message = f"must be given: {name}=VALUE"
        elif problem["type"] == "string_pattern_mismatch":
            message = f"must be text that matches {problem['ctx']['pattern']}"
        else:
            message = problem["msg"].replace("Input should", "must").replace("must be a valid", "must be a")
            message = message.replace("must be a integer", "must be a whole number")
            if problem["type"] == "list_type":
                message += f"; a list is written [{shown(value)}]"
        given[name] = value
        if message not in accepted.setdefault(name, []):
            accepted[name].append(message)
    for name, messages in accepted.items():
        yield f"{name}={shown(given[name])}: {' or '.join(messages).replace(' or must be', ' or')}"


def _locate(node: Any, path: tuple[str | int, ...]) -> tuple[str, Any]:
    """The key that an error is about, as `hidden_dims.0`, and its value; a member of a union is no part of it."""
    found = []
    for part in path:
        inside = isinstance(node, Mapping) and part in node
        if not inside and not (isinstance(node, list) and isinstance(part, int) and part < len(node)):
            break
        node = node[part]
        found.append(str(part))
    return (".".join(found), node) if found else (str(path[0]), None)


def _unknown_key(options: type[Node], key: str, prefix: str, siblings: list[str] | None) -> str:
    fields = [field.alias or name for name, field in options.model_fields.items() if field.repr]
    fields = [name for name in fields if not name.startswith("_") and name != "name"]
    fields += [sibling for sibling in siblings or [] if sibling not in (key, *fields)]
    if options is Trainer and key in SET_BY_THE_RUN:
        return SET_BY_THE_RUN_HINT
    meant = nearest(key, fields)
    hint = f"; did you mean {prefix}{meant}?" if meant else "."
    listed = "any argument of Lightning's Trainer" if options is Trainer else ", ".join(fields)
    return f"there is no such key{hint} Accepted: {listed}"


def _foreign_problems(group: str, node: Mapping[str, Any]) -> Iterator[str]:
    """A node that is not ours must say what to build and what to call it; the rest is as its signature says."""
    unsaid = [key for key in ("_target_", "name") if not isinstance(node.get(key), str)]
    for key in unsaid:
        yield f"{group}.{key}={shown(node.get(key))}: must be given, a string, as {group}=OPTION does"
    if "_target_" not in unsaid:
        yield from _signature_problems(group, node, group)


def _signature_problems(group: str | None, node: Mapping[str, Any], place: str) -> Iterator[str]:
    """Of a node, and of the nodes that are values in it."""
    try:
        signature = signature_of(group, node)
    except UserError as error:
        yield f"{place}._target_={shown(node['_target_'])}: {error}"
        return
    if signature is not None:
        for key in signature.given:
            if key in node:
                yield f"{place}.{key}={shown(node[key])}: the run gives it itself; leave it out"
        settings = {key: value for key, value in node.items() if key not in signature.given}
        hint = _meant_itself(place, node)
        for problem in _node_problems(signature.options, settings, f"{place}."):
            yield problem + (hint if ": must be given: " in problem else "")
    for key, value in node.items():
        yield from _problems_within(value, f"{place}.{key}")


def _problems_within(value: Any, place: str) -> Iterator[str]:
    if isinstance(value, Mapping) and isinstance(value.get("_target_"), str):
        yield from _signature_problems(None, value, place)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _problems_within(item, f"{place}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _problems_within(item, f"{place}.{index}")


def _meant_itself(place: str, node: Mapping[str, Any]) -> str:
    """How a function is meant itself, where its arguments would be asked for."""
    if place not in ("loss", "scheduler") or node.get("_partial_") or not isfunction(locate(str(node["_target_"]))):
        return ""
    return f"; where the function itself is the {place}: _partial_: true in its YAML"


def _named_node_problems(group: str, nodes: Any, model: Any) -> Iterator[str]:
    if not isinstance(nodes, Mapping):
        yield _no_group(group, nodes) + ("" if nodes else f", its parts by {group}.NAME=null")
        return
    for name, node in nodes.items():
        if node is None:
            continue
        if not isinstance(node, Mapping) or not isinstance(node.get("_target_"), str):
            yield f"{group}.{name}={shown(node)}: must be null, or keys with a _target_"
        elif options := options_of(group, node):
            problems = list(_node_problems(options, _monitored(node, options, model), f"{group}.{name}."))
            yield from problems or _problems_of_more(options, group, node, f"{group}.{name}")
            yield from _not_installed(options, f"{group}.{name}")
        else:
            yield from _signature_problems(group, node, f"{group}.{name}")


def _problems_of_more(options: type[Node], group: str, node: Mapping[str, Any], place: str) -> Iterator[str]:
    """Of keys that are not in our options but may be in its signature: the part is of another package."""
    known = {field.alias or name for name, field in options.model_fields.items()}
    if options.model_config.get("extra") == "allow" and node.keys() - known - {"name"}:
        yield from _signature_problems(group, node, place)


def _not_installed(options: type[Node], asked: str) -> Iterator[str]:
    if options.package is not None and not is_installed(options.package):
        yield not_installed(asked, options.package, EXTRAS[options.package])


def _monitored(node: Mapping[str, Any], options: type[Node], model: Any) -> Mapping[str, Any]:
    """A node as it is held against its options: what a model of somebody else's logs is seen when it has logged it."""
    is_theirs = isinstance(model, Mapping) and options_of("model", model) is None
    named = isinstance(node.get("monitor"), str) and node["monitor"].strip() and "monitor" in options.model_fields
    return {**node, "monitor": "val/loss"} if is_theirs and named else node
