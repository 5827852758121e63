"""The configs of a sweep's jobs as they were when it began: `jobs.jsonl`, a job a line.

Launchers get a loader that reads them there instead of composing `conf/` again, so editing `conf/` while a sweep runs
changes nothing, and composing, half of what a small job costs, is done once.
"""

from __future__ import annotations

import copy
import hashlib
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
from groundup.plain import MIB, Unreadable, parse_json

FILE = "jobs.jsonl"
NUMBER = "hydra.sweep.subdir"  # of a job: the name of its directory
DIGEST = "hydra.sweep.digest"  # likewise, for our loader alone
LINE_SIZE, FILE_SIZE = MIB, 512 * MIB  # bytes; a line has some four thousand


@dataclass(frozen=True)
class FrozenJob:
    """One job: its number, the overrides that make it, and its checked config."""

    number: int
    overrides: list[str]
    config: dict[str, Any]

    @property
    def digest(self) -> str:
        """Of all that it says."""
        return hashlib.sha256(json.dumps(asdict(self)).encode()).hexdigest()


def write_jobs(sweep_dir: Path, jobs: Sequence[FrozenJob]) -> None:
    """Writes `jobs.jsonl`, whole or not at all; every line says how many there are, so that none is lost unseen.

    Raises:
        UserError: it would be larger than `read_jobs` reads.
    """
    lines = [json.dumps(asdict(job) | {"of": len(jobs)}) + "\n" for job in jobs]
    if sum(map(len, lines)) > FILE_SIZE or max(map(len, lines), default=0) > LINE_SIZE:
        raise UserError(
            f"{len(jobs):,} jobs: their configs take more than {FILE_SIZE // MIB} MiB; accepted: fewer jobs"
        )
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
        if file.stat().st_size > FILE_SIZE:
            raise Unreadable(f"it is larger than {FILE_SIZE // MIB} MiB")
        with file.open("rb") as stream:
            lines = [_parse(line) for line in iter(lambda: stream.readline(LINE_SIZE + 1), b"")]
    except (Unreadable, OSError) as error:
        raise UserError(f"sweep.resume={sweep_dir}: {FILE} cannot be read: {error}") from error
    jobs, numbers = [job for job, _ in lines], {of for _, of in lines}
    if [job.number for job in jobs] != list(range(len(jobs))):
        raise UserError(f"sweep.resume={sweep_dir}: {FILE} is damaged: its jobs are not numbered 0, 1, 2, …")
    if jobs and numbers != {len(jobs)}:
        there, of = len(jobs), max(numbers)
        raise UserError(f"sweep.resume={sweep_dir}: {FILE} is damaged: it holds {there} of {of} jobs")
    return jobs


def _parse(line: bytes) -> tuple[FrozenJob, int]:
    """A job, and how many there are.

    Raises:
        Unreadable: no line of `jobs.jsonl`.
    """
    if len(line) > LINE_SIZE:
        raise Unreadable(f"a line of more than {LINE_SIZE // MIB} MiB")
    content = parse_json(line)
    kinds = {"number": int, "overrides": list, "config": dict, "of": int}
    if not isinstance(content, dict) or {key: type(value) for key, value in content.items()} != kinds:
        raise Unreadable(f"a line that is no job, with {', '.join(kinds)}")
    if not all(isinstance(word, str) for word in content["overrides"]):
        raise Unreadable("a job whose overrides are no words")
    return FrozenJob(content["number"], content["overrides"], content["config"]), content["of"]


def launch_words(job: FrozenJob) -> list[str]:
    """What a launcher is given for a job: its overrides, and its number and digest, by which the loader knows it."""
    return [*job.overrides, f"{NUMBER}={job.number}", f"{DIGEST}={job.digest}"]


class FrozenLoader(ConfigLoaderImpl):
    """Gives launchers the frozen configs of the jobs in `sweep_dir`.

    Small when pickled, whatever the number of jobs: a process reads the lines that it needs. What it reads is what the
    process of the sweep has checked: else it is refused, whoever has written in the file meanwhile.
    """

    def __init__(self, sweep_dir: Path, composing: ConfigLoader):
        super().__init__(composing.get_search_path())
        self.file = sweep_dir / FILE
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
            job, _ = _parse(file.readline(LINE_SIZE + 1))
            return job


def _word(key: str, overrides: Sequence[str]) -> str:
    """The value of the last word with this key, which ours are."""
    return next((word.partition("=")[2] for word in reversed(overrides) if word.startswith(f"{key}=")), "")
