"""The jobs of a sweep before the first begins: each composed, checked, and told from every other."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from groundup.command.config_files import folders_of, with_files
from groundup.command.search_path import PROVIDER
from groundup.command.tell import tell
from groundup.config.check import check_run
from groundup.config.spelling import Spelling, in_one_spelling
from groundup.data.folder import scan
from groundup.data.folder_spec import Scan
from groundup.errors import UserError
from groundup.rundir.jobs import CheckedJob, FrozenJob
from groundup.rundir.overrides import label, varied_keys
from groundup.sweep import refused_jobs
from groundup.sweep.compose import Composer
from groundup.sweep.frozen import named

MANY = 500  # jobs that take a few seconds to check


def freeze(jobs: Sequence[list[str]], composer: Composer, places: Sequence[str] = ()) -> list[FrozenJob]:
    """The checked configs of all jobs; a job with the config of an earlier one is left out, with a word.

    A value that is spelt in two ways, as 0.1 and 1e-1, is spelt as in the first job that has it: jobs are told apart,
    and put together, by their words.

    Args:
        jobs: the overrides of each.
        composer: makes configs of them.
        places: of the jobs in a file; empty where they are of the command line alone.

    Raises:
        UserError: what is wrong with any of them.
    """
    if len(jobs) > MANY:
        tell(f"checking {len(jobs):,} jobs")
    varied, found = varied_keys(jobs), dict[str, list[int]]()
    scan_once = functools.cache(scan)
    frozen, repeated, spelling = dict[str, FrozenJob](), list[str](), Spelling()
    for number, overrides in enumerate(jobs):
        try:
            config = checked(overrides, composer, scan_once)
        except UserError as error:
            for line in _problems(error):
                found.setdefault(line, []).append(number)
            continue
        spelt = in_one_spelling(config)
        key = json.dumps(spelt, sort_keys=True)
        if key in frozen:
            repeated.append(_named_as(label(overrides, varied), label(frozen[key].overrides, varied)))
        else:
            frozen[key] = CheckedJob(len(frozen), spelling.of(overrides, spelt), config)
    if found:
        raise UserError(refused_jobs.message(found, jobs, varied, places))
    if repeated:
        more = f" and {len(repeated) - 5} more" if len(repeated) > 5 else ""
        tell(f"left out, being the same as another job: {', '.join(repeated[:5])}{more}")
    return named(list(frozen.values()), composer.is_group)


def _problems(error: UserError) -> list[str]:
    """A line each, of what was checked."""
    return [str(error)] if error.__cause__ else str(error).splitlines()


def _named_as(name: str, first: str) -> str:
    return f"{name} (as {first})" if name != first else f"{name or 'a job'} (given twice)"


def checked(overrides: list[str], composer: Composer, scan: Scan = scan) -> dict[str, Any]:
    """The checked config of one job; `scan` looks through an image folder.

    Raises:
        UserError: it cannot be composed, or is not accepted.
    """
    try:
        cfg = composer.compose(overrides)
    except (HydraException, OmegaConfBaseException, ValueError, YAMLError) as error:
        from groundup.command.explain import explain

        asked = [*composer.master.hydra.overrides.task, *overrides]
        folders = folders_of(composer.master.hydra)
        raise UserError(explain(error, asked, _primary(composer.master), sweeps=True, folders=folders)) from error
    try:
        config = check_run(cfg, scan, overrides).config
    except UserError as error:
        raise UserError(with_files(str(error), composer.master.hydra)) from error.__cause__
    if config["resume"] is not None:
        raise UserError(f"resume={config['resume']} in a sweep: go on with a whole sweep by sweep.resume=DIR")
    return config


def _primary(master: DictConfig) -> Path:
    """The command's own config file."""
    folders = [source.path for source in master.hydra.runtime.config_sources if source.provider in ("main", PROVIDER)]
    files = [Path(folder) / f"{master.hydra.job.config_name}.yaml" for folder in folders]
    return next((file for file in files if file.is_file()), files[0])
