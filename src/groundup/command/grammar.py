"""Hydra's grammar of a command line: paths as they were typed, and what is wrong with a word, in words.

Of a value that is not in quotes the grammar knows ASCII letters, digits, and some signs. Imports no torch.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from groundup.command.words import split_values
from groundup.config.suggest import nearest
from groundup.errors import UserError

# Keys whose values are paths: of those what the grammar cannot read is taken as it is.
PATHS = {
    *("data.root", "data.mirror", "resume", "init_from", "sweep.resume", "jobs", "hydra.run.dir", "hydra.sweep.dir"),
    *("run", "images", "ckpt", "out", "data.file", "data.test_file", "data.table", "data.cache"),
}
FUNCTIONS = ("choice", "range", "interval", "glob", "sort", "shuffle", "tag", "int", "float", "str", "bool")
DASHES = "\u2010\u2013\u2014\u2212"  # that look like a hyphen
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"")
_NOT_IN_KEYS = re.compile(r"[^\w./@+~-]", re.ASCII)
_NOT_IN_VALUES = re.compile(r"[^\w/\\+.$%*@?|: \t,\[\]{}()'\"-]", re.ASCII)
_SETTING = re.compile(r"[\w./]+=\S+")


def literal(word: str) -> str:
    """A setting whose value is a path, so that Hydra reads the path that was typed; any other word as it is.

    `data.root=~/photos (1)` becomes `data.root='/home/me/photos (1)'`: the shell looks for `~` at the beginning of a
    word alone, and the grammar has no `~`, no letters beyond ASCII, and takes `(` for a function's. What it can read,
    several values as well, stays; a path that is there is one, whatever commas are in it.
    """
    key, equals, value = word.partition("=")
    if not equals or key.lstrip("+") not in PATHS or "${" in value:
        return word
    if not value and key.startswith("hydra."):
        raise UserError(f"{word}: must be given a value, or be left out; an empty value would be the current directory")
    if "," in value and os.path.exists(there := os.path.expanduser(value)):  # one path, not several
        return f"{key}={quoted(there)}"
    if "~" not in value and _is_text(key, value):
        return word
    pieces = [piece if piece[:1] in ("'", '"') else os.path.expanduser(piece) for piece in split_values(value)]
    return f"{key}={','.join(piece if _is_text(key, piece) else quoted(piece) for piece in pieces)}"


def quoted(value: str) -> str:
    """A value in quotes, for Hydra."""
    inner = re.sub(r"(\\*)'", lambda found: found[1] * 2 + r"\'", value)
    return "'" + re.sub(r"\\+\Z", lambda found: found[0] * 2, inner) + "'"


def wrong(word: str, after: str = "", before: str = "") -> str:
    """Why a word of the command line is no setting.

    Args:
        word: that the grammar has refused.
        after: the word before it.
        before: the word after it; if that is the sign alone, with the word after that.
    """
    key, equals, value = word.partition("=")
    name = word if word.strip() else repr(word)
    if not equals:
        return f"{name}: not a setting. {_without_sign(word, after, before)}"
    if reason := _wrong_key(key):
        return f"{name}: not a setting: {reason}"
    settings = re.split(r"[\s&;|,]+", word.strip())
    if len(settings) > 1 and all(map(_SETTING.fullmatch, settings)):
        return f"{name}: not a setting; several are words of their own: {' '.join(settings)}"
    return f"{name}: not a setting: {_wrong_value(key, value)}"


def _is_text(key: str, value: str) -> bool:
    """Whether the grammar reads a value, or several, and as no number."""
    try:
        override = OverridesParser.create().parse_override(f"{key}={value}")
        read = None if override.is_sweep_override() else override.value()
    except (HydraException, OmegaConfBaseException, ValueError):
        return False
    return not isinstance(read, bool | int | float)


def _without_sign(word: str, after: str, before: str) -> str:
    if word and word[0] in DASHES:
        option = word.lstrip(DASHES)
        return f"{word[0]} is no hyphen; did you mean {'-' if len(option) == 1 else '--'}{option}?"
    if word == "=" or not word.strip() or word.strip("+~") == "":
        return "Write KEY=VALUE without blanks around the sign"
    if after.endswith("="):
        joined = f"{after}{word}" if after != "=" else f"KEY={word}"
    elif before.startswith("="):
        joined = f"{word}{before if before != '=' else '=VALUE'}"
    else:
        key, sign, value = re.match(r"([^:\s]*)([:\s]?)\s*(.*)", word, re.DOTALL).groups()  # type: ignore[union-attr]
        joined = f"{key}={value}" if sign and key and value else f"{word}=VALUE"
    return f"Write KEY=VALUE without blanks around the sign; did you mean {joined}?"


def _wrong_key(key: str) -> str | None:
    if not key.lstrip("+~") or key.lstrip("+~")[0] in "@=":
        return "there is no key before the sign ="
    if found := "".join(dict.fromkeys(_NOT_IN_KEYS.findall(key))):
        return f"{_named(found)} cannot be in a key"
    if re.search(r"^[+~]*[.\d]|\.\.|\.$|(?<![+~])[+~]|^\+\+\++|~.*[+~]|@.*@", key):
        return f"'{key}' is no key; a key is written optimizer.lr, and a new key +optimizer.lr"
    return None


def _wrong_value(key: str, value: str) -> str:
    bare = _QUOTED.sub("", value)
    if signs := "".join(dict.fromkeys(_NOT_IN_VALUES.findall(bare))):
        return f"{_named(signs)} cannot stand there unquoted: {_in_quotes(key, value)}"
    if quote := re.search(r"['\"]", bare):
        return f"{quote[0]} begins a quotation that does not end; as a part of the value: {_in_quotes(key, value)}"
    if reason := next(_unbalanced(bare), None):
        return reason
    if re.search(r"(^|[\[(,])\s*,|,\s*($|[\])])", bare):
        return "there is nothing before or after a comma"
    if call := re.search(r"([\w.]*)\s*\(", bare):
        return _wrong_call(call[1], key, value)
    if "{" in bare:
        return "{ begins keys with values, as {key: value}; a list is written [a,b]"
    if bare != value or "[" in bare:
        return f"something stands beside a {'quotation' if bare != value else 'list'}: quote the whole value, or none"
    return "it cannot be read"


def _wrong_call(name: str, key: str, value: str) -> str:
    if name in FUNCTIONS:
        return f"{name}(...) does not take that"
    meant = nearest(name, FUNCTIONS) if name else None
    hint = f"did you mean {meant}(...)" if meant else "a list is written [a,b]"
    return f"( belongs to a function, such as range(0,3); {hint}; as a part of the value: {_in_quotes(key, value)}"


def _in_quotes(key: str, value: str) -> str:
    """For a shell too, where that is simple."""
    setting = f"{key}={quoted(value)}"
    return setting if re.search(r'["$`\\!]', setting) else f'"{setting}"'


def _unbalanced(bare: str) -> Iterator[str]:
    opened: list[str] = []
    partner = {")": "(", "]": "[", "}": "{"}
    for char in bare:
        if char in partner.values():
            opened.append(char)
        elif char in partner and (not opened or opened.pop() != partner[char]):
            yield f"{char} closes what was not opened"
    if opened:
        yield f"{opened[-1]} is not closed"


def _named(signs: str) -> str:
    names = {" ": "a blank", "\t": "a tab", "\n": "a line break"}
    return " and ".join(names.get(sign, sign) for sign in signs)
