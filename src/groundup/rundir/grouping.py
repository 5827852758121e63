"""Which jobs are one configuration: one answer for tables, verdicts, mean curves, HPARAMS and names of directories.

Jobs are whose configs are the same but for seed and fold, so that a default may be given or left out and a value be
spelt in several ways. Jobs are, too, whose words are the same but for these: a part of somebody's own may be given the
seed once more. Words are else no more than what a configuration is called by.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from groundup.rundir.directory import is_config
from groundup.rundir.jobs import FrozenJob
from groundup.rundir.overrides import shown, varied_keys
from groundup.rundir.replicates import repeated_keys

Alike = Callable[[Mapping[str, Any]], Mapping[str, Any]]
_NO_SETTING = ("seed", "resume")


@dataclass(frozen=True)
class Group:
    """A configuration.

    Attributes:
        values: that tell it from the others, as they were typed first; none of what no job of it was given.
        places: of its jobs among all.
    """

    values: dict[str, str]
    places: list[int]


def grouped(jobs: Sequence[FrozenJob], alike: Alike = dict) -> list[Group]:
    """The configurations of jobs, in the order of their first jobs.

    Args:
        jobs: of a sweep; their configs may be anybody's, and those that are none say nothing.
        alike: gives configs that mean the same in one spelling.
    """
    repeated = repeated_keys(job.config for job in jobs)
    keys = [key for key in varied_keys(job.overrides for job in jobs) if key not in repeated]
    words = [tuple(shown(job.overrides, keys).items()) for job in jobs]
    configs = [_setting(job.config, repeated, alike) for job in jobs]
    places = _put_together(words, configs)
    values = [_first_values(keys, [words[place] for place in group]) for group in places]
    telling = [key for key in keys if len({each.get(key) for each in values}) > 1]
    return [
        Group({key: each[key] for key in telling if key in each}, group)
        for each, group in zip(values, places, strict=True)
    ]


def _setting(config: Mapping[str, Any], repeated: Sequence[str], alike: Alike) -> str | None:
    """All that a config says but for what its repetitions differ in; None of one that is none, or damaged."""
    if not is_config(config):
        return None
    kept = {key: value for key, value in alike(config).items() if key not in _NO_SETTING}
    if "data.fold" in repeated:
        kept["data"] = {key: value for key, value in kept["data"].items() if key != "fold"}
    try:
        return json.dumps(kept, sort_keys=True, default=str)
    except (TypeError, ValueError):  # with keys that are no texts
        return None


def _put_together(words: Sequence[Hashable], configs: Sequence[str | None]) -> list[list[int]]:
    """The places of those that have words or a config in common, each with the next."""
    leader: dict[Hashable, Hashable] = {}

    def find(key: Hashable) -> Hashable:
        leader.setdefault(key, key)
        while leader[key] != key:
            leader[key] = leader[leader[key]]
            key = leader[key]
        return key

    for said, config in zip(words, configs, strict=True):
        if config is not None:
            leader[find(said)] = find(config)
    groups: dict[Hashable, list[int]] = {}
    for place, said in enumerate(words):
        groups.setdefault(find(said), []).append(place)
    return list(groups.values())


def _first_values(keys: Sequence[str], words: Sequence[tuple[tuple[str, str], ...]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pairs in words:
        for key, value in pairs:
            found.setdefault(key, value)
    return {key: found[key] for key in keys if key in found}
