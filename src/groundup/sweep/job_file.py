"""`+jobs=FILE`: the jobs of a sweep in a file, a job a row, instead of every combination of values.

YAML is a list of mappings, CSV has the keys in its first line. Values are written as on the command line, one a key; an
empty cell of CSV leaves its key as it is for this job.
"""

from __future__ import annotations

import codecs
import csv
import os
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from groundup.command.grammar import literal, quoted, wrong
from groundup.config.normal_form import where_typed
from groundup.errors import UserError
from groundup.printable import printable, shortened
from groundup.rundir.plain import MIB, Unreadable, read_bytes, yaml_nodes
from groundup.sweep.expand import refuse_more

KEY = "jobs"
SIZE = 4 * MIB  # bytes: some fifty thousand rows
NO_JOBS = ("hydra", "sweep", "trust", KEY)  # how a sweep is carried out
NULLS = ("", "~", "null", "Null", "NULL")
_parser = OverridesParser.create()


class Row(NamedTuple):
    """The settings of a job, and where they stand; `place` is empty where no file says so."""

    place: str
    words: list[str]


class _Cell(NamedTuple):
    key: str
    text: str | None  # as on the command line; None for null


def file_asked_for(words: Iterable[str]) -> str | None:
    """The word of a command that names a file of jobs, the last one; None where none does."""
    return next((word for word in reversed(list(words)) if word.partition("=")[0].lstrip("+") == KEY), None)


def read_rows(words: Iterable[str], max_jobs: int) -> list[Row]:
    """The rows of the file that a command names; a single one that says nothing where it names none.

    Args:
        words: of the command.
        max_jobs: that a sweep may have.

    Raises:
        UserError: it cannot be read, or holds no jobs or too many, or a row is none.
    """
    word = file_asked_for(words)
    if word is None:
        return [Row("", [])]
    path = _path_in(word)
    readers = {".csv": _csv_rows, ".yaml": _yaml_rows, ".yml": _yaml_rows}
    if (reader := readers.get(path.suffix.lower())) is None:
        raise UserError(f"{word}: accepted: a file .yaml, a list of mappings, or .csv, with the keys in its first line")
    try:
        rows = list(reader(path))
    except (Unreadable, csv.Error) as error:
        raise UserError(f"{word}: {path} cannot be read: {error}") from error
    if not rows:
        raise UserError(f"{word}: {path} holds no jobs")
    refuse_more(len(rows), max_jobs)  # before the words of all are read, which takes a minute for each 50,000
    return [Row(place, list(_words(place, cells))) for place, cells in rows]


def refuse_keys_twice(rows: Sequence[Row], words: Iterable[str]) -> None:
    """Makes sure that no key stands both in the file and on the command line: which of the two would hold?

    Raises:
        UserError: naming the first.
    """
    typed = {_key(word): word for word in words}
    for row in rows:
        for word in row.words:
            if (other := typed.get(_key(word))) is not None:
                raise UserError(f"{other} with {word} in {row.place}: accepted is the key in one of the two")


def _path_in(word: str) -> Path:
    override = _parser.parse_override(word)
    value = None if override.is_sweep_override() else override.value()
    if value is None or isinstance(value, list | dict) or not str(value).strip():
        raise UserError(f"{word}: it holds for the whole sweep: accepted is one file, as +{KEY}=FILE")
    return Path(where_typed(), os.path.expanduser(str(value)))


# Rows as they stand in a file


def _text_of(path: Path) -> str:
    """The text of a file, of UTF-8 or, where it begins by saying so, of UTF-16: "Unicode text" of a spreadsheet."""
    content = read_bytes(path, SIZE)
    is_wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if is_wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable("it is no text of UTF-8; accepted: UTF-8, as a spreadsheet saves it by that name") from error


def _yaml_rows(path: Path) -> Iterator[tuple[str, list[_Cell]]]:
    root = yaml_nodes(_text_of(path))
    if root is not None and not isinstance(root, yaml.SequenceNode):
        raise Unreadable("it is no list; accepted: a list of mappings, each beginning with a dash, as - model: mlp")
    for node in root.value if root is not None else ():
        place = _place(path, node.start_mark.line + 1)
        if not isinstance(node, yaml.MappingNode):
            raise UserError(f"{place}: no keys with values; accepted: a mapping, as - model: mlp")
        yield place, [_Cell(_scalar(place, key), _text(place, key, value)) for key, value in node.value]


def _scalar(place: str, node: yaml.Node) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise UserError(f"{place}: a key that is no text; accepted is one with dots, as optimizer.lr")
    return node.value.strip()


def _text(place: str, key: yaml.Node, node: yaml.Node) -> str | None:
    """A value as it would be on the command line: its own text, whatever YAML would take it for.

    In quotes it stays text, where it would be null or several values without: YAML has taken the quotes.
    """
    if isinstance(node, yaml.MappingNode):
        first = next((str(inner.value) for inner, _ in node.value), "KEY")
        raise UserError(f"{place}: {key.value}: keys below keys; accepted is one key with dots, as {key.value}.{first}")
    if isinstance(node, yaml.SequenceNode):
        return f"[{','.join(_element(place, key, item) for item in node.value)}]"
    text = node.value.strip()
    if node.style in ("'", '"'):
        return quoted(text) if text in NULLS[1:] or _is_several(f"{key.value}={text}") else text
    return None if text in NULLS else text


def _is_several(word: str) -> bool:
    try:
        return bool(_parser.parse_override(word).is_sweep_override())
    except (HydraException, OmegaConfBaseException, ValueError):  # said when the word is read
        return False


def _element(place: str, key: yaml.Node, node: yaml.Node) -> str:
    text = _text(place, key, node)
    if text is None or not isinstance(node, yaml.ScalarNode):
        return text or "null"
    try:
        read = _parser.parse_override(f"key=[{text}]").value()
        return text if isinstance(read, list) and len(read) == 1 and not isinstance(read[0], list) else quoted(text)
    except (HydraException, OmegaConfBaseException, ValueError):
        return quoted(text)


def _csv_rows(path: Path) -> Iterator[tuple[str, list[_Cell]]]:
    text = _text_of(path)
    reader = csv.reader(StringIO(text, newline=""), strict=True)
    keys = [key.strip() for key in next((row for row in reader if any(map(str.strip, row))), [])]
    if len(keys) == 1 and any(sign in keys[0] for sign in ";\t"):
        raise Unreadable("the columns of its first line are not separated by commas")
    if twice := next((key for key in keys if key and keys.count(key) > 1), None):
        raise UserError(f"{_place(path, reader.line_num)}: the key {shortened(printable(twice), 80)} stands twice")
    for row in reader:
        if not any(map(str.strip, row)):  # an empty line, or one of commas alone, as spreadsheets end a table
            continue
        place = _place(path, reader.line_num)
        cells = [cell.strip() for cell in row]
        if len(cells) < len(keys) or any(cells[len(keys) :]):
            raise UserError(f"{place}: {len(cells)} cells; accepted: {len(keys)}, as many as the first line has")
        if any(cell and not key for key, cell in zip(keys, cells, strict=False)):
            raise UserError(f"{place}: a value below no key; accepted: a key in the first line of every column")
        yield place, [_cell(key, cell) for key, cell in zip(keys, cells, strict=False) if cell]


def _cell(key: str, text: str) -> _Cell:
    return _Cell(key, None if text == "null" else text)


def _place(path: Path, line: int) -> str:
    return f"line {line} of {path.name}"


# From rows to words


def _words(place: str, cells: Iterable[_Cell]) -> Iterator[str]:
    seen: set[str] = set()
    for key, text in cells:
        word = _word(place, key, text)
        if (name := _key(word)) in seen:
            raise UserError(f"{place}: the key {name} stands twice")
        seen.add(name)
        yield word


def _word(place: str, key: str, text: str | None) -> str:
    if key.lstrip("+~").replace("/", ".").partition(".")[0] in NO_JOBS:
        raise UserError(
            f"{place}: {printable(key)} holds for the whole sweep: on the command line, as a word of its own"
        )
    is_deletion = key.startswith("~") and text is None
    try:
        word = key if is_deletion else literal(f"{key}={'null' if text is None else text}")
        override = _parser.parse_override(word)
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        said = wrong(key if is_deletion else f"{key}={text}")
        raise UserError(f"{place}: {shortened(printable(said), 500)}") from error
    if override.is_sweep_override():
        raise UserError(
            f"{place}: {shortened(printable(word), 200)}: several values, and a row is one job; accepted: a row each, "
            f"a list [{text}], or text with a comma in quotes, {quoted(str(text))}"
        )
    return word


def _key(word: str) -> str:
    return word.partition("=")[0].lstrip("+~")
