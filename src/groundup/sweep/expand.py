"""From the words of a command line to the jobs of a sweep: every combination of the values."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Sequence

from hydra.core.config_loader import ConfigLoader
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, RangeSweep, ValueType

from groundup.command.words import split_values
from groundup.errors import UserError

OWN = ("sweep", "trust", "jobs")  # keys, and groups of them, that are about the sweep itself


def expand(
    words: Iterable[str], loader: ConfigLoader, max_jobs: int, rows: Sequence[Sequence[str]] = ((),)
) -> list[list[str]]:
    """The overrides of each job, the last key varying fastest; values as they were typed.

    Keys of `sweep` are left out, `trust` and `jobs`: they say how to sweep, not what a job is.

    Args:
        words: of the command line.
        loader: knows the options of groups.
        max_jobs: that a sweep may have.
        rows: settings of a file; every combination of `words` is a job of each row.

    Raises:
        UserError: no jobs, or more than `max_jobs`, or a sweep whose values cannot be listed.
    """
    parsed = OverridesParser.create(config_loader=loader).parse_overrides(list(words))
    by_key: dict[str, Override] = {override.get_key_element(): override for override in parsed}
    for override in by_key.values():
        _refuse_what_cannot_be_listed(override)
    jobs = {key: override for key, override in by_key.items() if not is_own(override.key_or_group)}
    _refuse_number(jobs.values(), max_jobs, len(rows))
    choices = [
        [f"{key}={value}" for value in values_of(override)] for key, override in jobs.items() if _varies(override)
    ]
    fixed = {key: override.input_line or key for key, override in jobs.items() if not _varies(override)}
    varied = [key for key, override in jobs.items() if _varies(override)]
    combinations = (dict(zip(varied, values, strict=True)) for values in itertools.product(*choices))
    typed = [[(fixed | combination)[key] for key in jobs] for combination in combinations]
    return [[*row, *overrides] for row in rows for overrides in typed]


def is_own(key: str) -> bool:
    """Whether a key is about the sweep itself."""
    return key.partition(".")[0] in OWN


def _varies(override: Override) -> bool:
    return override.is_sweep_override()


def values_of(override: Override) -> list[str]:
    """As typed, where that can be told: Hydra would write 1e-3 as 0.001, and two commands would then look alike."""
    values = list(override.sweep_string_iterator())
    if override.value_type == ValueType.GLOB_CHOICE_SWEEP:
        return [value for value in values if value != "base"]  # what the options of a group share is no option
    typed = split_values((override.input_line or "").partition("=")[2])
    plain = override.value_type == ValueType.SIMPLE_CHOICE_SWEEP and not re.search(r"[()]", "".join(typed))
    return typed if plain and len(typed) == len(values) else values


def _refuse_what_cannot_be_listed(override: Override) -> None:
    if not _varies(override):
        return
    if is_own(override.key_or_group):
        raise UserError(f"{override.input_line}: it holds for the whole sweep; accepted: one value")
    if not override.is_discrete_sweep():
        raise UserError(f"{override.input_line}: not a list of values; accepted: a,b,c or range(start,stop,step)")


def _refuse_number(overrides: Iterable[Override], max_jobs: int, rows: int) -> None:
    """Counts before anything is listed: a billion jobs would not fit in memory."""
    number = rows
    for override in overrides:
        if _varies(override):
            found = count(override)
            if not found:
                raise UserError(f"{override.input_line}: no value at all, so the sweep has 0 jobs")
            number *= found
    refuse_more(number, max_jobs)


def refuse_more(number: int, max_jobs: int) -> None:
    """Raises: UserError: so many jobs are more than a sweep may have."""
    if number > max_jobs:
        raise UserError(
            f"sweep.max_jobs={max_jobs}: this sweep has {number:,} jobs; if that is meant: sweep.max_jobs={number}"
        )


def count(override: Override) -> int:
    """How many values a sweep has, without listing those of a range."""
    value = override.value()
    if isinstance(value, RangeSweep) and value.start is not None and value.stop is not None:
        if not value.step:
            raise UserError(f"{override.input_line}: a step of 0 never ends")
        return max(0, math.ceil((value.stop - value.start) / value.step))
    return len(list(values_of(override)))
