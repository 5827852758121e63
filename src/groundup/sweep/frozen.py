"""The configs of a sweep's jobs as they were when it began: `jobs.jsonl`, a job a line.

Launchers get a loader that reads them there instead of composing `conf/` again, so editing `conf/` while a sweep runs
changes nothing, and composing, half of what a small job costs, is done once.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig, OmegaConf, open_dict

from groundup.borrowed.hydra import ConfigLoaderImpl
from groundup.config.spelling import alike
from groundup.errors import UserError
from groundup.rundir.folders import folder_of
from groundup.rundir.grouping import grouped
from groundup.rundir.jobs import LINE_SIZE, CheckedJob, FrozenJob, parse_job
from groundup.rundir.names import JOBS
from groundup.rundir.overrides import shown, varied_keys
from groundup.rundir.replicates import repeated_keys

NUMBER = "hydra.sweep.subdir"  # of a job: in the words of a launcher its number, in its config its directory
DIGEST = "hydra.sweep.digest"  # likewise, for our loader alone
PRUNING = "hydra.sweep.pruning"  # of a study that gives trials up: by which rule
CHECKED = "hydra.sweep.checked"  # whether the process of the sweep has: then nobody does it again where the job runs


def named(jobs: Sequence[FrozenJob], is_group: Callable[[str], bool]) -> list[FrozenJob]:
    """The jobs of a sweep with the names of their directories: their configuration's, their seed and their fold.

    Args:
        jobs: all of them.
        is_group: whether the values of a key are options of `conf/`.
    """
    values = {place: group.values for group in grouped(jobs, alike) for place in group.places}
    repeated = repeated_keys(job.config for job in jobs)
    repeats = [key for key in varied_keys(job.overrides for job in jobs) if key in repeated]
    found = []
    for job, said in zip(jobs, (values[place] for place in range(len(jobs))), strict=True):
        said = said | shown(job.overrides, repeats)
        found.append(replace(job, folder=folder_of(job.number, len(jobs), said, [*filter(is_group, said)], repeated)))
    return found


def launch_words(job: FrozenJob) -> list[str]:
    """What a launcher is given for a job: its overrides, and its number and digest, by which the loader knows it."""
    checked = str(isinstance(job, CheckedJob)).lower()
    return [*job.overrides, f"{NUMBER}={job.number}", f"{DIGEST}={job.digest}", f"{CHECKED}={checked}"]


class FrozenLoader(ConfigLoaderImpl):
    """Gives launchers the frozen configs of the jobs in `sweep_dir`.

    Small when pickled, whatever the number of jobs: a process reads the lines that it needs. What it reads is what the
    process of the sweep has checked: else it is refused, whoever has written in the file meanwhile.
    """

    def __init__(self, sweep_dir: Path, composing: ConfigLoader, pruning: Mapping[str, Any] | None = None):
        super().__init__(composing.get_search_path())
        self._pruning = pruning
        self.file = sweep_dir / JOBS
        self._offsets: list[int] = []

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_offsets": []}

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        """The whole config of a job: what is frozen, and the `hydra` node of the command."""
        job = self._read(int(_word(NUMBER, sweep_overrides)))
        if job.digest != _word(DIGEST, sweep_overrides):
            raise UserError(f"{self.file}: job {job.number} has been changed since the sweep began, or went on")
        config = OmegaConf.create(copy.deepcopy(job.config))
        with open_dict(config):
            config.hydra = master_config.hydra
        OmegaConf.set_readonly(config.hydra, False)  # launchers write in it, and `HydraConfig` has locked the command's
        with open_dict(config.hydra.sweep):
            config.hydra.sweep.pruning = self._pruning
            config.hydra.sweep.checked = _word(CHECKED, sweep_overrides) == "true"
        with open_dict(config.hydra):
            config.hydra.overrides.task = list(job.overrides)
            config.hydra.job.override_dirname = dirname(job.overrides, config.hydra.job.config.override_dirname)
            config.hydra.job.num = job.number
            config.hydra.job.id = str(job.number)
            config.hydra.sweep.subdir = job.folder
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
            job, _ = parse_job(file.readline(LINE_SIZE + 1))
            return job


def dirname(overrides: Sequence[str], style: Any) -> str:
    """Hydra's `hydra.job.override_dirname` of a job: its overrides, but for those of `exclude_keys`, in one word."""
    words = [word for word in overrides if word.lstrip("+~").partition("=")[0] not in style.exclude_keys]
    return style.item_sep.join(sorted(words)).replace("=", style.kv_sep)


def _word(key: str, overrides: Sequence[str]) -> str:
    """The value of the last word with this key, which ours are."""
    return next((word.partition("=")[2] for word in reversed(overrides) if word.startswith(f"{key}=")), "")
