"""The configs of a sweep's jobs as they were when it began: `jobs.jsonl`, a job a line.

Launchers get a loader that reads them there instead of composing `conf/` again, so editing `conf/` while a sweep runs
changes nothing, and composing, half of what a small job costs, is done once.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig, OmegaConf, open_dict

from groundup.errors import UserError
from groundup.files import write_whole

FILE = "jobs.jsonl"
NUMBER = "hydra.sweep.subdir"  # of a job: the name of its directory


@dataclass(frozen=True)
class FrozenJob:
    """One job: its number, the overrides that make it, and its checked config."""

    number: int
    overrides: list[str]
    config: dict[str, Any]


def write_jobs(sweep_dir: Path, jobs: Sequence[FrozenJob]) -> None:
    """Writes `jobs.jsonl`, whole or not at all; every line says how many there are, so that none is lost unseen."""
    lines = (json.dumps(asdict(job) | {"of": len(jobs)}) + "\n" for job in jobs)
    write_whole(sweep_dir / FILE, "".join(lines))


def read_jobs(sweep_dir: Path) -> list[FrozenJob]:
    """The jobs of a sweep.

    Raises:
        UserError: there is no sweep, or its file is damaged.
    """
    file = sweep_dir / FILE
    if not file.is_file():
        raise UserError(f"sweep.resume={sweep_dir}: no {FILE} there; accepted: auto, or a sweep's directory")
    try:
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        numbers = {line.pop("of") for line in lines}
        jobs = [FrozenJob(**line) for line in lines]
    except (ValueError, TypeError, KeyError, AttributeError, OSError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise UserError(f"sweep.resume={sweep_dir}: {FILE} cannot be read: {reason}") from error
    if [job.number for job in jobs] != list(range(len(jobs))):
        raise UserError(f"sweep.resume={sweep_dir}: {FILE} is damaged: its jobs are not numbered 0, 1, 2, …")
    if jobs and numbers != {len(jobs)}:
        there, of = len(jobs), max(numbers)
        raise UserError(f"sweep.resume={sweep_dir}: {FILE} is damaged: it holds {there} of {of} jobs")
    return jobs


def launch_words(job: FrozenJob) -> list[str]:
    """What a launcher is given for a job: its overrides, and its number, by which the loader knows it."""
    return [*job.overrides, f"{NUMBER}={job.number}"]


class FrozenLoader(ConfigLoaderImpl):
    """Gives launchers the frozen configs of the jobs in `sweep_dir`.

    Small when pickled, whatever the number of jobs: a process reads the lines that it needs.
    """

    def __init__(self, sweep_dir: Path, composing: ConfigLoader):
        super().__init__(composing.get_search_path())
        self.file = sweep_dir / FILE
        self._offsets: list[int] = []

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_offsets": []}

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        """The whole config of a job: what is frozen, and the `hydra` node of the command."""
        job = self._read(_number(sweep_overrides))
        config = OmegaConf.create(copy.deepcopy(job.config))
        with open_dict(config):
            config.hydra = master_config.hydra
        OmegaConf.set_readonly(config.hydra, False)  # launchers write in it, and `HydraConfig` has locked the command's
        with open_dict(config.hydra):
            config.hydra.overrides.task = list(job.overrides)
            config.hydra.job.override_dirname = ""
            config.hydra.job.num = job.number
            config.hydra.job.id = str(job.number)
            config.hydra.sweep.subdir = str(job.number)
            if OmegaConf.select(config, "hydra.job_logging.handlers.console") is not None:
                config.hydra.job_logging.handlers.console.level = "WARNING"  # the rest is in train.log
        OmegaConf.set_struct(config, True)
        return config

    def _read(self, number: int) -> FrozenJob:
        with self.file.open("rb") as file:
            if not self._offsets:
                self._offsets = [0]
                for line in file:
                    self._offsets.append(self._offsets[-1] + len(line))
            file.seek(self._offsets[number])
            job = json.loads(file.readline())
            return FrozenJob(job["number"], job["overrides"], job["config"])


def _number(overrides: Sequence[str]) -> int:
    words = dict(word.split("=", 1) for word in overrides if word.startswith(f"{NUMBER}="))
    return int(words[NUMBER])
