"""What Hydra could not compose because of a file of somebody's own, in words that name the file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from groundup.command.config_files import defaults_of, find, package_of, used_files
from groundup.command.words import split_values
from groundup.paths import CONF

HEADER = "'# @package _global_'"
_WITHIN = re.compile(r"(?:In '([^']+)'|In ([\w/]+)|Invalid defaults list in '([^']+)')[:,] (.*)", re.DOTALL)
_TWICE = re.compile(r"Multiple values for (\S+)\.|(\S+) appears more than once")
_RELATIVE = re.compile(r"Could not (?:find|load) '([^']+)'")
_NOT_THERE = re.compile(r"Could not override '([^'@]+)'\. No match")


def explain_file(error: Exception, words: Sequence[str], folders: Sequence[Path]) -> str | None:
    """One message for an error that a config file is to blame for; None for any other.

    Args:
        error: what Hydra raised, or what reading a file did.
        words: of the command line.
        folders: of the search path.
    """
    if isinstance(error, yaml.MarkedYAMLError):
        return _bad_yaml(error)
    if isinstance(error, UnicodeDecodeError):
        return next(_not_text(words, folders), f"a config file is not UTF-8 text: {error}")
    message = str(error)
    if twice := _TWICE.match(message):
        return _not_overridden(twice[1] or twice[2], words, folders)
    if not (within := _WITHIN.match(message)):
        return None
    name, reason = within[1] or within[2] or within[3], within[4]
    file = find(name, folders)
    if file is None or file.is_relative_to(CONF) or _is_choice_of_primary(name, reason):
        return None
    return f"{file}: {_reason(name, file, reason)}"


def file_of_choice(missing: str, words: Sequence[str], folders: Sequence[Path]) -> Path | None:
    """The chosen file whose defaults list asks for an option that is not there, `model/nosuch`; None where none is."""
    group, _, option = missing.rpartition("/")
    for _, file in used_files(_chosen(words, folders), folders):
        if any(key.split()[-1].lstrip("/") == group and value == option for key, value in _choices(file)):
            return file
    return None


def _bad_yaml(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    where = f"{mark.name}:{mark.line + 1}" if mark else "a config file"
    problem = " ".join(str(error.problem or error.context).split())
    if "'\\t'" in problem:
        return f"{where}: a tab; YAML accepts only spaces here"
    return f"{where}: not YAML: {problem}"


def _not_text(words: Sequence[str], folders: Sequence[Path]) -> Iterator[str]:
    for name in _chosen(words, folders):
        file = find(name, folders)
        assert file is not None
        try:
            file.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            yield f"{file}: not UTF-8 text: {error.reason} at byte {error.start}"


def _is_choice_of_primary(name: str, reason: str) -> bool:
    """Whether an option is not there that a group of the primary config has, which most often was typed."""
    missing = _RELATIVE.match(reason)
    return "/" not in name and missing is not None and "/" in missing[1]


def _reason(name: str, file: Path, reason: str) -> str:
    group = name.rpartition("/")[0]
    if re.match(rf"Could not override '[^']*@{group}\.", reason) and not package_of(file):
        return f"it does not begin with {HEADER}, so what it overrides is looked for below '{group}'"
    if gone := _NOT_THERE.match(reason):
        return f"it overrides the group '{gone[1]}', which no defaults list chooses from"
    if (relative := _RELATIVE.match(reason)) and group and relative[1].startswith(f"{group}/"):
        inner, _, option = relative[1].removeprefix(f"{group}/").rpartition("/")
        if inner:
            meant = f"an option of {inner} is chosen by 'override /{inner}: {option}'"
            return f"its defaults list has '{inner}: {option}', which is looked for in {group}/{inner}; {meant}"
        return f"its defaults list has '{option}', and there is no {relative[1]}.yaml"
    if "Cannot merge DictConfig with ListConfig" in reason:
        return "it holds a list; accepted: keys with values"
    return " ".join(reason.partition("\nConfig search path")[0].split())


def _not_overridden(group: str, words: Sequence[str], folders: Sequence[Path]) -> str | None:
    """For a group that a defaults list chooses again; of a `+group=option` that was typed another message tells."""
    if any(word.startswith(f"+{group}=") for word in words):
        return None
    for _, file in used_files(_chosen(words, folders), folders):
        for key, value in _choices(file):
            if "override" not in key and key.split()[-1].lstrip("/") == group:
                return f"{file}: its defaults list chooses {group} once more; write 'override /{group}: {value}'"
    return None


def _chosen(words: Iterable[str], folders: Sequence[Path]) -> list[str]:
    """The options that words choose, as far as there are files of them."""
    pairs = [word.lstrip("+").partition("=") for word in words]
    names = [f"{key.partition('@')[0]}/{value}" for key, _, text in pairs for value in split_values(text.strip("[]"))]
    return [name for name in names if ".." not in name and find(name, folders)]


def _choices(file: Path) -> list[tuple[str, Any]]:
    return [(str(key), value) for entry in defaults_of(file) if isinstance(entry, dict) for key, value in entry.items()]
