"""Values that are spelt in several ways: which configs, and which words, mean the same. Imports no torch.

1 and 1.0 are one learning rate, but not one `trainer.limit_train_batches`: a batch, and the whole epoch. Which numbers
may have a fraction is said by the options of a part, or by its signature.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from groundup.config.rooms import GROUPS, NAMED_GROUPS, options_of
from groundup.config.signature import signature_of
from groundup.config.trainer_options import Trainer
from groundup.errors import UserError
from groundup.options import Node

OF_EVERY_OPTIMIZER = ("lr", "weight_decay")
_ABSENT = object()
EXACT = 2**53  # up to there every whole number is a float


def in_one_spelling(config: Mapping[str, Any], own: bool = False) -> dict[str, Any]:
    """A config in which numbers that may have a fraction, and have none, are whole: 1 for 1.0. For comparisons alone.

    Args:
        config: checked; of a stranger's, what is wrong stays as it is.
        own: looks at nothing but parts of ours; else what it names is imported, which is for no file of a stranger's.
    """
    alike = dict(config)
    for group in (*GROUPS, "trainer"):
        alike[group] = _node(group, config.get(group), own)
    for group in NAMED_GROUPS:
        nodes = config.get(group)
        if isinstance(nodes, Mapping):
            alike[group] = {name: _node(group, node, own) for name, node in nodes.items()}
    return {key: value for key, value in alike.items() if key in config}


def alike(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config in one spelling, whoever wrote it: nothing that it names is imported."""
    return in_one_spelling(config, own=True)


class Spelling:
    """The words of jobs, each value spelt as in the first job that has it: `true` for TRUE, `0.1` for 1e-1."""

    def __init__(self) -> None:
        self._first: dict[tuple[str, str], str] = {}

    def of(self, overrides: Sequence[str], config: Mapping[str, Any]) -> list[str]:
        """The words of a job with this config."""
        return [self._word(word, config) for word in overrides]

    def _word(self, word: str, config: Mapping[str, Any]) -> str:
        key, equals, text = word.partition("=")
        node: Any = config
        for part in key.lstrip("+").split("."):
            node = node.get(part, _ABSENT) if isinstance(node, Mapping) else _ABSENT
        if not equals or node is _ABSENT or isinstance(node, Mapping) or "${" in text:  # which means something else
            return word  # with another seed, say
        return f"{key}={self._first.setdefault((key.lstrip('+'), json.dumps(node, default=str)), text)}"


def _node(group: str, node: Any, own: bool) -> Any:
    if not isinstance(node, Mapping) or not any(isinstance(value, float | int | list) for value in node.values()):
        return node
    try:
        return {**node, **_whole(group, json.dumps(node, sort_keys=True), own)}
    except (TypeError, ValueError):  # of a stranger's config
        return node


@functools.lru_cache(4096)
def _whole(group: str, text: str, own: bool) -> dict[str, Any]:
    """The numbers of a node, and its lists of numbers, that may have a fraction: those without one as whole numbers."""
    node = json.loads(text)
    asked = {key: whole for key, value in node.items() if (whole := _without_fraction(value)) is not None}
    options = _options(group, node, own) if asked else None
    known = {key for key in asked if group == "optimizer" and key in OF_EVERY_OPTIMIZER}
    return {key: value for key, value in asked.items() if key in known | _floats(options, {**node, **asked})}


def _floats(options: type[Node] | None, node: Mapping[str, Any]) -> set[str]:
    """The keys whose whole numbers a part takes for numbers with a fraction."""
    if options is None:
        return set()
    try:
        made = options.model_validate(node)
    except ValidationError:
        return set()
    taken = {field.alias or name: getattr(made, name) for name, field in type(made).model_fields.items()}
    return {key for key, value in taken.items() if _are_floats(value)}


def _without_fraction(value: Any) -> int | list[Any] | None:
    """A number without a fraction as a whole one, and a list in which there are any; None for anything else."""
    if isinstance(value, list):
        found = [_without_fraction(item) if isinstance(item, int | float) else None for item in value]
        filled = [item if whole is None else whole for item, whole in zip(value, found, strict=True)]
        return filled if any(whole is not None for whole in found) else None
    if type(value) is int or (type(value) is float and value.is_integer()):
        return int(value) if abs(value) < EXACT else None
    return None


def _are_floats(taken: Any) -> bool:
    values = taken if isinstance(taken, list) else [taken]
    return bool(values) and all(type(value) is float for value in values)


def _options(group: str, node: Mapping[str, Any], own: bool) -> type[Node] | None:
    if group == "trainer":
        return Trainer
    found = options_of(group, node)
    if found is not None or own or not isinstance(node.get("_target_"), str):
        return found
    try:
        signature = signature_of(group, node)
    except UserError:
        return None
    return signature.options if signature else None
