"""The name of a job's directory, which TensorBoard shows as its run's: what varied, `03 lenet lr=0.01 seed=1`.

It sorts as the jobs do, can be written on every file system, and is the job's own by its number, however it is cut.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from groundup.rundir.overrides import shown

LONGEST = 80  # characters; a whole path has 260 on Windows
BYTES = 140  # of UTF-8; a name has 255, and 143 where a file system encrypts names
DIGITS = 6  # of a number that was not typed: 0.30000000000000004
_UNSAFE = re.compile(r"[^\w=.,+\[\] -]")
_REPEAT = re.compile(r" (?:seed|(?:data\.)?fold)=\S*")
_OWN = re.compile(r"(\d+)(?: .*)?", re.ASCII | re.DOTALL)


def folder_of(
    number: int, jobs: int, overrides: Iterable[str], varied: Collection[str], groups: Collection[str]
) -> str:
    """The name of a job's directory; `0` where nothing varies.

    Args:
        number: of the job, from 0.
        jobs: how many there are, as far as is known.
        overrides: that make the job.
        varied: the keys that tell jobs apart.
        groups: those of them whose values are options of `conf/`, which say enough without their key.
    """
    padded = str(number).zfill(len(str(max(jobs - 1, 0))))
    short = _short_keys(varied)
    words = [
        _short_value(value) if key in groups and value.lower() != "null" else f"{short[key]}={_short_value(value)}"
        for key, value in shown(overrides, varied).items()
    ]
    return _cut(safe_name(" ".join([padded, *words])))


def is_folder_of(name: str, number: int) -> bool:
    """Whether a name, which a stranger may have written down, is one that a job of this number can have."""
    return name == _cut(safe_name(name)) and number_of(name) == number


def number_of(name: str) -> int | None:
    """Of which job a directory is, by its name; None of none."""
    found = _OWN.fullmatch(name)
    return int(found[1]) if found and len(found[1]) <= 18 else None


def configuration_in(name: str) -> str:
    """The part of a name that jobs of one configuration share: without number, seed and fold; empty where none is."""
    return _REPEAT.sub("", name).partition(" ")[2]


def job_folders(sweep_dir: Path) -> list[tuple[int, str]]:
    """What lies in a sweep's directory and is called as a job's: numbers and names."""
    names = os.listdir(sweep_dir) if sweep_dir.is_dir() else []
    return sorted((number, name) for name in names if (number := number_of(name)) is not None)


def _short_keys(keys: Collection[str]) -> Mapping[str, str]:
    """The last part of each key, where no other ends so."""
    last = {key: key.rpartition(".")[2] for key in keys}
    return {key: name if list(last.values()).count(name) == 1 else key for key, name in last.items()}


def _short_value(value: str) -> str:
    try:
        return f"{float(value):.{DIGITS}g}" if len(value) > DIGITS + 2 else value
    except ValueError:
        return value


def safe_name(text: str) -> str:
    """A text as a part of a name of a file, on every file system."""
    plain = unicodedata.normalize("NFC", text)
    return " ".join(_UNSAFE.sub("_", re.sub(r"['\"]", "", plain)).split())


def _cut(name: str) -> str:
    """No blank or dot at the end, which Windows would drop."""
    return name[:LONGEST].encode()[:BYTES].decode(errors="ignore").rstrip(" .")
