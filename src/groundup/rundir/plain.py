"""Reading YAML and JSON that anybody may have written: plain values alone, bounded in size and depth. Imports no torch.

What is read can be walked, compared and shown without surprise: no aliases, which let a few lines stand for billions of
values or for themselves; no tags, which name types; no number of more digits than Python shows.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

import yaml

MIB = 2**20
CONFIG_SIZE = MIB  # bytes of a config, two hundred times what a run writes
RESULTS_SIZE = 256 * MIB  # bytes; a confusion matrix of 5,000 classes
DEPTH = 50  # of lists and mappings in one another; a config has four or five
DIGITS = 100


class Unreadable(ValueError):
    """A file is not there, or not what it should be; the message says why, in one line."""


def read_yaml(file: Path) -> Any:
    """The content of a YAML file of plain values: mappings, lists, strings, numbers, true, false and null.

    Raises:
        Unreadable: it cannot be read, holds anything else, or too much.
    """
    text = read_text(file, CONFIG_SIZE)
    try:
        _refuse_what_is_not_plain(text)
        return yaml.load(text, _PlainLoader)
    except (yaml.YAMLError, ValueError) as error:
        raise Unreadable(" ".join(str(error).split())) from error


def yaml_nodes(text: str) -> yaml.Node | None:
    """What a YAML text is made of, as its author wrote it: mappings and lists of texts, with their lines.

    None of an empty one.

    Raises:
        Unreadable: it is no YAML, or holds aliases or tags, or is too deep.
    """
    try:
        _refuse_what_is_not_plain(text)
        return yaml.compose(text, _Safe)
    except (yaml.YAMLError, ValueError) as error:
        raise Unreadable(" ".join(str(error).split())) from error


def write_yaml(content: Any) -> str:
    """YAML of plain values, without the aliases that PyYAML writes for an object that stands in two places."""
    return yaml.dump(content, Dumper=_PlainDumper, sort_keys=False)


def read_json(file: Path, size: int = RESULTS_SIZE) -> Any:
    """The content of a JSON file of at most `size` bytes.

    Raises:
        Unreadable: it cannot be read, or is too large or too deep.
    """
    return parse_json(read_text(file, size))


def read_text(file: Path, size: int) -> str:
    """The text of a file of at most `size` bytes, of UTF-8.

    Raises:
        Unreadable: it cannot be read, is larger, or is no file but a named pipe, say, which would be waited for.
    """
    try:
        return read_bytes(file, size).decode()
    except UnicodeDecodeError as error:
        raise Unreadable(str(error)) from error


def read_bytes(file: Path, size: int) -> bytes:
    """The content of a file of at most `size` bytes.

    Raises:
        Unreadable: as `read_text`.
    """
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            raise Unreadable("it is no file but a directory, a pipe or a device")
        with file.open("rb") as stream:
            content = stream.read(size + 1)
    except OSError as error:
        raise Unreadable(error.strerror or str(error)) from error
    if len(content) > size:
        raise Unreadable(f"it is larger than {size / MIB:g} MiB")
    return content


def parse_json(text: str | bytes) -> Any:
    """The content of a JSON text.

    Raises:
        Unreadable: it is none, or too deep.
    """
    try:
        content = json.loads(text)
    except RecursionError as error:
        raise Unreadable(f"more than {DEPTH} lists and mappings in one another") from error
    except ValueError as error:
        raise Unreadable(str(error)) from error
    _refuse_depth(content)
    return content


def _refuse_depth(content: Any) -> None:
    level: list[Any] = [content]
    for _ in range(DEPTH):
        level = [child for node in level for child in _children(node)]
        if not level:
            return
    raise Unreadable(f"more than {DEPTH} lists and mappings in one another")


def _children(node: Any) -> Iterable[Any]:
    """The lists and mappings in one."""
    values = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return (value for value in values if isinstance(value, dict | list))


def _refuse_what_is_not_plain(text: str) -> None:
    """Before anything is made of it: a loader would follow aliases, and go as deep as its stack lasts."""
    depth = 0
    for event in yaml.parse(text, _Safe):
        if isinstance(event, yaml.AliasEvent):
            raise Unreadable(f"aliases (*{event.anchor}) are not accepted{_place(event)}")
        if getattr(event, "tag", None) is not None:
            raise Unreadable(f"tags ({event.tag}) are not accepted{_place(event)}")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEPTH:
            raise Unreadable(f"more than {DEPTH} lists and mappings in one another{_place(event)}")


def _place(node: Any) -> str:
    return f", line {node.start_mark.line + 1}"


# In C where PyYAML has it: ten times as fast, and a report may read hundreds of files.
_Safe: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _PlainLoader(_Safe):
    """PyYAML's safe loader, of plain values alone."""

    yaml_constructors: ClassVar[dict[str | None, Any]] = {
        f"tag:yaml.org,2002:{tag}": yaml.SafeLoader.yaml_constructors[f"tag:yaml.org,2002:{tag}"]
        for tag in ("null", "bool", "str", "seq", "map")
    }

    def number(self, node: yaml.ScalarNode) -> int | float:
        if len(node.value) > DIGITS:
            raise Unreadable(f"a number of {len(node.value):,} digits{_place(node)}")
        return self.construct_yaml_int(node) if node.tag.endswith(":int") else self.construct_yaml_float(node)

    def refuse(self, node: yaml.Node) -> None:
        raise Unreadable(f"a {node.tag.rpartition(':')[2]} is no plain value{_place(node)}")


for tag in ("int", "float"):
    _PlainLoader.add_constructor(f"tag:yaml.org,2002:{tag}", _PlainLoader.number)
_PlainLoader.add_constructor(None, _PlainLoader.refuse)


class _PlainDumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True
