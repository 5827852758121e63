"""What the tab HPARAMS says of a sweep: its columns, and which of its jobs are one row.

TensorBoard takes the columns from the first run that names some, whichever that is. So each job names those of all
jobs; of a search they are known before its trials are. The process of the sweep writes them down once, see
`write_settings`: ten thousand jobs in as many processes do not each look at the configs of all.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from groundup.config.hyperparameters import chosen, hyperparameters
from groundup.config.spelling import alike
from groundup.files import write_whole
from groundup.rundir.directory import is_config
from groundup.rundir.folders import configuration_name
from groundup.rundir.grouping import grouped
from groundup.rundir.jobs import FrozenJob
from groundup.rundir.names import COLUMNS
from groundup.rundir.overrides import varied_keys
from groundup.rundir.plain import MIB, Unreadable, read_json
from groundup.rundir.replicates import KEYS, repeated_keys

Value = str | float | bool
KINDS = {"bool", "int", "float", "str"}
STATUS = "status"  # a column too: a run that was given up, or failed, is a row beside the others
LARGEST = 16 * MIB  # bytes; a job has some two hundred


@dataclass(frozen=True)
class SweepSettings:
    """Of a sweep.

    Attributes:
        kinds: by name, the kinds of the values of every setting that is not one in all jobs that have it. What is the
            same in all rows of a table tells nothing, nor do seeds, where a row is several of them.
        varied: of those that tell jobs apart.
        repeats: settings that the jobs of a row may differ in.
        groups: the configuration of each job, by its folder: `lenet lr=0.01 #3fa29b`.
    """

    kinds: Mapping[str, Sequence[str]]
    varied: Sequence[str]
    repeats: Sequence[str]
    groups: Mapping[str, str]


def write_settings(sweep_dir: Path, settings: SweepSettings) -> None:
    """Raises: OSError: it cannot be written."""
    write_whole(sweep_dir / COLUMNS, json.dumps(asdict(settings)) + "\n")


def read_settings(sweep_dir: Path) -> SweepSettings | None:
    """What was written of this sweep; None where nothing was, or where it cannot be read."""
    try:
        found = read_json(sweep_dir / COLUMNS, LARGEST)
    except Unreadable:
        return None
    if not isinstance(found, dict) or found.keys() != SweepSettings.__annotations__.keys():
        return None
    settings = SweepSettings(**found)
    kinds, groups = settings.kinds, settings.groups
    whole = (
        isinstance(kinds, dict)
        and all(_are_texts(each) and each and KINDS.issuperset(each) for each in kinds.values())
        and isinstance(groups, dict)
        and all(_are_texts(each) for each in (settings.varied, settings.repeats, [*groups.values()]))
    )
    return settings if whole else None


def settings_of_sweep(run_dir: Path) -> SweepSettings | None:
    """Of the sweep whose job this is the directory of; None of a run of its own."""
    settings = read_settings(run_dir.parent)
    return settings if settings and run_dir.name in settings.groups else None


def settings_of(jobs: Collection[FrozenJob]) -> SweepSettings:
    """What these jobs are set to, all together.

    Raises:
        TypeError, ValueError: of a stranger's configs.
    """
    whole = [job for job in jobs if is_config(job.config)]
    groups = groups_of(whole)
    values: dict[str, dict[str, str]] = {STATUS: {}}  # by name, the kind of each value in one spelling
    for job in whole:
        for name, value in hyperparameters(alike(job.config)).items():
            values.setdefault(name, {})[json.dumps(value)] = type(value).__name__
    repeats = repeated_keys(job.config for job in whole) if len(set(groups.values())) < len(groups) else ()
    shown = {name: found for name, found in values.items() if name not in repeats}
    differing = {name: found for name, found in shown.items() if len(found) > 1}
    kinds = {name: sorted(set(found.values())) for name, found in (differing or shown).items()}
    varied = chosen(varied_keys(job.overrides for job in whole)) & differing.keys()
    return SweepSettings(kinds | {STATUS: ["str"]}, sorted(varied), repeats, groups)


def with_jobs(settings: SweepSettings, jobs: Collection[FrozenJob]) -> SweepSettings:
    """The same columns, for these jobs."""
    return replace(settings, groups=groups_of([job for job in jobs if is_config(job.config)]))


def groups_of(jobs: Sequence[FrozenJob]) -> dict[str, str]:
    """The configuration of each job, by its folder: as the table has them."""
    found: dict[str, str] = {}
    for group in grouped(jobs, alike):
        first = jobs[group.places[0]]
        settings = hyperparameters(alike(first.config))
        words = configuration_name(first.folder, group.values)
        words = words or f"{settings.get('model.name', '')} {settings.get('data.name', '')}"
        name = f"{words} #{_digest(settings, group.values)}"
        found |= {jobs[place].folder: name for place in group.places}
    return found


def _are_texts(found: object) -> bool:
    return isinstance(found, list) and all(isinstance(each, str) for each in found)


def _digest(settings: Mapping[str, Value], values: Mapping[str, str]) -> str:
    """Of all settings but the seed: so runs of two sweeps that varied the same are one row where they are set alike."""
    kept = {name: value for name, value in settings.items() if name not in KEYS}
    return hashlib.sha256(json.dumps([kept, values], sort_keys=True).encode()).hexdigest()[:6]
