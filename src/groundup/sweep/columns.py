"""`columns.json`: what TensorBoard's tab HPARAMS shows of the jobs of a sweep, written by the process of the sweep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from groundup.config.sweep_settings import STATUS, read_settings, settings_of, with_jobs, write_settings
from groundup.rundir.jobs import FrozenJob


def write_columns(sweep_dir: Path, jobs: Sequence[FrozenJob]) -> None:
    """Of a sweep whose jobs are known. None of configs that cannot be read, which may be a stranger's.

    Raises:
        OSError: it cannot be written.
    """
    try:
        settings = settings_of(jobs)
    except (TypeError, ValueError):
        return
    write_settings(sweep_dir, settings)


def write_columns_of_search(
    sweep_dir: Path, corners: Sequence[tuple[list[str], Mapping[str, Any]]], prunes: bool
) -> None:
    """Of a search before its first trial: TensorBoard keeps the columns that the first one names.

    Args:
        sweep_dir: of the study.
        corners: words and configs that have every choice and both ends of every interval.
        prunes: whether trials may be given up, which a row then says among what varied.
    """
    jobs = [FrozenJob(number, words, dict(config)) for number, (words, config) in enumerate(corners)]
    settings = settings_of(jobs)
    varied = [*settings.varied, *([STATUS] if prunes else [])]
    write_settings(sweep_dir, replace(settings, varied=varied, groups={}))


def add_to_columns(sweep_dir: Path, jobs: Sequence[FrozenJob]) -> None:
    """Adds the trials that a study has been asked for; of an older study all that are known name the columns."""
    settings = read_settings(sweep_dir)
    if settings is None:
        write_columns(sweep_dir, jobs)
        return
    try:
        write_settings(sweep_dir, with_jobs(settings, jobs))
    except (TypeError, ValueError):  # as above
        return
