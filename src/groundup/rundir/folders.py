"""The name of a job's directory, which TensorBoard shows as its run's: what varied, `03 lenet lr=0.01 seed=1`.

It sorts as the jobs do, can be written on every file system, and is the job's own by its number, however it is cut.
"""

from __future__ import annotations

import math
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from groundup.rundir.replicates import KEYS

LONGEST = 80  # characters; a whole path has 260 on Windows
BYTES = 140  # of UTF-8; a name has 255, and 143 where a file system encrypts names
LONGEST_VALUE = 40  # characters
MAY_GROW = 1000  # jobs of a search, which may go on with more trials than it began with
DIGITS = 6  # of a number that was not typed: 0.30000000000000004
_UNSAFE = re.compile(r"[^\w=.,+\[\]… -]")
_FRACTION = re.compile(r"[+-]?(\d*\.\d*)(?:e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_REPEAT = re.compile(r" (?:seed|fold)=\S*")
_OWN = re.compile(r"(\d+)(?: .*)?", re.ASCII | re.DOTALL)


def folder_of(
    number: int,
    jobs: int,
    values: Mapping[str, str],
    groups: Collection[str],
    repeated: Collection[str] = KEYS,
) -> str:
    """The name of a job's directory; `0` where nothing varies.

    Args:
        number: of the job, from 0.
        jobs: how many there are, or may be.
        values: of the keys that tell jobs apart.
        groups: those of them whose values are options of `conf/`, which say enough without their key.
        repeated: those that jobs of one configuration may differ in; they come last.
    """
    padded = str(number).zfill(len(str(max(jobs - 1, 0))))
    short = short_keys([key for key in values if key not in repeated])
    said = {key: _short_value(value) for key, value in values.items()}
    settings = [
        said[key] if key in groups and value.lower() != "null" else f"{short[key]}={said[key]}"
        for key, value in values.items()
        if key in short
    ]
    repeats = [f"{key.rpartition('.')[2]}={said[key]}" for key in repeated if key in said]
    return short_name(settings, padded, repeats)


def short_name(settings: Sequence[str], number: str = "", repeats: Sequence[str] = ()) -> str:
    """Words as one name that a file system takes; of too many the last are left out whole, and counted.

    Half a value would be one that no job has.
    """
    name = ""
    for left in reversed(range(len(settings) + 1)):
        gone = len(settings) - left
        more = [f"and {gone} more"] if gone else []
        name = safe_name(" ".join(filter(None, [number, *settings[:left], *more, *repeats])))
        if name == _cut(name):
            return name
    return _cut(name)


def is_folder_of(name: str, number: int) -> bool:
    """Whether a name, which a stranger may have written down, is one that a job of this number can have."""
    return name == _cut(safe_name(name)) and number_of(name) == number


def number_of(name: str) -> int | None:
    """Of which job a directory is, by its name; None of none."""
    found = _OWN.fullmatch(name)
    return int(found[1]) if found and len(found[1]) <= 18 else None


def configuration_in(name: str) -> str:
    """The part of a name that jobs of one configuration share: without number, seed and fold; empty where none is."""
    return _REPEAT.sub("", name).partition(" ")[2].strip(" .")  # not `..` either, which a stranger may have called it


def configuration_name(folder: str, values: Mapping[str, str]) -> str:
    """What a configuration is called where it is the name of something; empty where nothing tells it from others.

    Args:
        folder: of one of its jobs; in old sweeps a number.
        values: of the keys that tell it from the others.
    """
    return configuration_in(folder) or short_name([f"{key}={value}" for key, value in values.items()])


def job_folders(sweep_dir: Path) -> list[tuple[int, str]]:
    """What lies in a sweep's directory and is called as a job's: numbers and names."""
    names = os.listdir(sweep_dir) if sweep_dir.is_dir() else []
    return sorted((number, name) for name in names if (number := number_of(name)) is not None)


def short_keys(keys: Collection[str]) -> dict[str, str]:
    """The last part of each key, where no other ends so, and where it is not taken for the seed's or the fold's."""
    last = {key: key.rpartition(".")[2] for key in keys}
    ends = Counter([*last.values(), *(key.rpartition(".")[2] for key in KEYS)])
    return {key: name if ends[name] == 1 else key for key, name in last.items()}


def _short_value(value: str) -> str:
    """A number with more digits than anybody types is rounded; of a long list, or text, it is seen that it goes on."""
    found = _FRACTION.fullmatch(value)
    if found and len(found[1].replace(".", "").lstrip("0")) > DIGITS and math.isfinite(float(value)):
        return f"{float(value):.{DIGITS}g}"
    if len(value) <= LONGEST_VALUE:
        return value
    if value.startswith("["):
        return f"{value[: LONGEST_VALUE - 2].rpartition(',')[0]},…]"
    return f"{value[: LONGEST_VALUE // 2 - 1]}…{value[-LONGEST_VALUE // 2 :]}"


def safe_name(text: str) -> str:
    """A text as a part of a name of a file, on every file system."""
    plain = unicodedata.normalize("NFC", text)
    return " ".join(_UNSAFE.sub("_", re.sub(r"['\"]", "", plain)).split()).rstrip(" .")


def _cut(name: str) -> str:
    """No blank or dot at the end, which Windows would drop."""
    return name[:LONGEST].encode()[:BYTES].decode(errors="ignore").rstrip(" .")
