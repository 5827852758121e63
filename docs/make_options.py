"""Writes docs/options.md from the files of conf/ and the options beside the classes: python docs/make_options.py"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from groundup.config.options import Evaluate, EvaluateData, Predict, Run, Study, Sweep
from groundup.config.rooms import GROUPS, NAMED_GROUPS, options_of
from groundup.config.signature import signature_of
from groundup.config.trainer_options import TrainerKeys
from groundup.options import Node

PROJECT = Path(__file__).parents[1]
CONF = PROJECT / "conf"
RECIPES = ("experiment", "debug")
COMMANDS: dict[str, type[Node]] = {"train": Run, "evaluate": Evaluate, "predict": Predict}
KEYS_OF = {"train": "run"}  # the file that has them, where it is not the command's own
WITHIN: dict[str, type[Node]] = {"sweep": Sweep, "data": EvaluateData}  # groups of keys of a command
ONE = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "object": "keys with values",
}
SEVERAL = {"integer": "whole numbers", "number": "numbers", "array": "lists", "string": "texts"}
SIGNS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
BEGINNING = """# Options

Every group of `conf/`, every option, every key with its default, what is accepted, and what it means. Made by
`python docs/make_options.py` from the YAML files and the options beside the classes; a test holds this page to them.

A group is chosen by `GROUP=OPTION`, a key set by `KEY=VALUE`; a list is written `[a,b]`.
"""


class Entry(NamedTuple):
    """A line of a YAML file: its dotted key, the value as it is written, the comment behind it."""

    key: str
    value: str
    comment: str


def page() -> str:
    """All of it, in Markdown."""
    sections = [BEGINNING]
    for group in (*GROUPS, "trainer", *NAMED_GROUPS):
        sections += [f"## {group}\n", *(_option(group, file) for file in _files(group))]
    sections += [_recipes(group) for group in RECIPES]
    sections += [_command(command, options) for command, options in COMMANDS.items()]
    study = CONF / "hydra" / "sweeper" / "optuna.yaml"
    rows = [_row(f"hydra.sweeper.{entry.key}", entry, Study, entry.key) for entry in _entries(study) if _is_key(entry)]
    sections.append(f"## hydra/sweeper=optuna\n\n{_header(study)}\n\n{_table(rows)}")
    return "\n".join(sections)


def _files(group: str) -> list[Path]:
    """What others build on comes first."""
    return sorted((CONF / group).glob("*.yaml"), key=lambda file: (file.stem not in ("base", "default"), file.stem))


def _option(group: str, file: Path) -> str:
    title = f"every {group}" if file.stem == "base" else f"{group}={file.stem}"
    rows = list(_named_rows(group, file) if group in NAMED_GROUPS else _rows(group, file))
    return "\n".join([f"### {title}\n", f"{_header(file)}\n", *([_table(rows)] if rows else [])])


def _rows(group: str, file: Path) -> Iterator[str]:
    """Of the keys that the file itself has; what its part is may be said by the one that it builds on."""
    base = file.with_stem("base")
    node = {entry.key: entry.value for each in (base, file) if each.is_file() for entry in _entries(each)}
    options = TrainerKeys if group == "trainer" else _options_of(group, node)
    for entry in filter(_is_key, _entries(file)):
        yield _row(f"{group}.{entry.key}", entry, options, entry.key)


def _named_rows(group: str, file: Path) -> Iterator[str]:
    """Of each part that the file itself has; one without keys has a row all the same."""
    parts: dict[str, list[Entry]] = {}
    for entry in _entries(file):
        parts.setdefault(entry.key.partition(".")[0], []).append(entry)
    for name, (_, target, *entries) in parts.items():
        keys = [entry for entry in entries if _is_key(entry)]
        if not keys:
            yield f"| `{group}.{name}` | | no keys | `{target.value}` |"
        for entry in keys:
            leaf = entry.key.partition(".")[2]
            yield _row(f"{group}.{entry.key}", entry, _options_of(group, {"_target_": target.value}), leaf)


def _options_of(group: str, node: Mapping[str, Any]) -> type[Node] | None:
    """Of a part without options, what its signature says."""
    if options := options_of(group, node):
        return options
    signature = signature_of(group, node)
    return signature.options if signature else None


def _command(command: str, options: type[Node]) -> str:
    """The keys of a command that are no group."""
    rows = []
    file = CONF / f"{KEYS_OF.get(command, command)}.yaml"
    for entry in _entries(file):
        place, _, leaf = entry.key.rpartition(".")
        if not entry.key.startswith("hydra") and leaf not in WITHIN:
            rows.append(_row(entry.key, entry, WITHIN[place] if place else options, leaf))
    return f"## {command}.py\n\n{_table(rows)}"


def _recipes(group: str) -> str:
    files = sorted((CONF / group).rglob("*.yaml"))
    rows = [f"| `{group}={file.relative_to(CONF / group).with_suffix('')}` | {_header(file)} |" for file in files]
    return "\n".join([f"## {group}\n", "| option | what it is |", "| --- | --- |", *rows, ""])


def _table(rows: list[str]) -> str:
    return "\n".join(["| key | default | accepted | meaning |", "| --- | --- | --- | --- |", *rows, ""])


def _row(key: str, entry: Entry, options: type[Node] | None, leaf: str) -> str:
    assert options is not None, key
    default = f"`{entry.value}`" if entry.value != "???" else ""
    values = accepted(options, leaf)
    listed = set(re.findall(r"[\w/]+", entry.comment)) - {"or", "of"} <= set(re.findall(r"`(.*?)`", values))
    meaning = "" if listed else entry.comment  # for whoever reads the file, who does not see what is accepted
    return f"| `{key}` | {default} | {values} | {meaning} |".replace("  ", " ")


def _is_key(entry: Entry) -> bool:
    """Whether a user may set it: not what says which part it is."""
    leaf = entry.key.rpartition(".")[2]
    return not leaf.startswith("_") and leaf != "name"


# What a file says


def _entries(file: Path) -> Iterator[Entry]:
    parents: list[str] = []
    for line in file.read_text().splitlines():
        if found := re.match(r"( *)(\w+):(?: +([^#\s].*?))?(?: +# (.*))?$", line):
            indent, key, value, comment = found.groups()
            parents = [*parents[: len(indent) // 2], key]
            if parents[0] != "defaults":
                yield Entry(".".join(parents), value or "", comment or "")


def _header(file: Path) -> str:
    """The comment that a file begins with, up to its command or its result."""
    lines = [line for line in file.read_text().splitlines() if not line.startswith("# @")]
    comments = itertools.takewhile(lambda line: line.startswith("#"), lines)
    header = " ".join(line.removeprefix("#").strip() for line in comments)
    return re.split(r":? +python |[.:]? Expected result", header)[0].rstrip(":")


# What is accepted


def accepted(options: type[Node], key: str) -> str:
    """The values of a key in words."""
    schema = options.model_json_schema()["properties"][key]
    return _words(schema) or _refusal(options, key)


def _words(schema: dict[str, Any], kinds: Mapping[str, str] = ONE) -> str:
    if "anyOf" in schema:
        return " or ".join(_words(member) for member in schema["anyOf"])
    if values := schema.get("enum", [schema["const"]] if "const" in schema else []):
        return ", ".join(f"`{value}`" for value in values)
    kind = schema.get("type", "")
    if kind == "null":
        return "`null`"
    if kind == "array":
        least = "at least one of " if schema.get("minItems") else ""
        return f"{kinds.get(kind, 'a list')} of {least}{_words(schema['items'], SEVERAL)}"
    bounds = [f"{sign} {schema[name]:,}" for name, sign in SIGNS.items() if name in schema]
    return f"{kinds.get(kind, '')} {' and '.join(bounds)}".strip()


def _refusal(options: type[Node], key: str) -> str:
    """In the words in which a value of no kind is refused."""
    if key not in options.model_fields:  # of a signature, which has them by other names
        return "what the class takes"
    for validator in options.model_fields[key].metadata:
        try:
            assert isinstance(validator, AfterValidator)
            validator.func(object())  # type: ignore[call-arg]
        except PydanticCustomError as error:
            return error.message().removeprefix("must be ")
    raise AssertionError(f"{key}: takes anything")


if __name__ == "__main__":
    (PROJECT / "docs" / "options.md").write_text(page())
