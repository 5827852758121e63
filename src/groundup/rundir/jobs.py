"""`jobs.jsonl`: the jobs of a sweep, one a line, with the configs that they had when it began."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from groundup.errors import UserError
from groundup.files import write_whole
from groundup.printable import printable
from groundup.rundir.aliases import with_todays_names
from groundup.rundir.folders import is_folder_of
from groundup.rundir.names import JOBS
from groundup.rundir.plain import MIB, Unreadable, parse_json

LINE_SIZE, FILE_SIZE = MIB, 512 * MIB  # bytes; a line has some four thousand


@dataclass(frozen=True)
class FrozenJob:
    """One job: its number, the overrides that make it, its checked config, and the name of its directory."""

    number: int
    overrides: list[str]
    config: dict[str, Any]
    folder: str = ""  # the number alone, where nothing else is said: in old sweeps

    def __post_init__(self) -> None:
        object.__setattr__(self, "folder", self.folder or str(self.number))

    @property
    def digest(self) -> str:
        """Of all that it says."""
        return hashlib.sha256(json.dumps(asdict(self)).encode()).hexdigest()


class CheckedJob(FrozenJob):
    """One whose config this process has checked; the others were read from a file, which anybody may have written."""


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
    write_whole(sweep_dir / JOBS, "".join(lines))


def read_jobs(sweep_dir: Path) -> list[FrozenJob]:
    """The jobs of a sweep.

    Raises:
        UserError: there is no sweep, or its file is damaged.
    """
    file = sweep_dir / JOBS
    if not file.is_file():
        raise UserError(f"sweep.resume={sweep_dir}: no {JOBS} there; accepted: auto, or a sweep's directory")
    try:
        if file.stat().st_size > FILE_SIZE:
            raise Unreadable(f"it is larger than {FILE_SIZE // MIB} MiB")
        with file.open("rb") as stream:
            lines = [parse_job(line) for line in iter(lambda: stream.readline(LINE_SIZE + 1), b"")]
    except (Unreadable, OSError) as error:
        raise UserError(f"sweep.resume={sweep_dir}: {JOBS} cannot be read: {error}") from error
    jobs, numbers = [job for job, _ in lines], {of for _, of in lines}
    if [job.number for job in jobs] != list(range(len(jobs))):
        raise UserError(f"sweep.resume={sweep_dir}: {JOBS} is damaged: its jobs are not numbered 0, 1, 2, …")
    if jobs and numbers != {len(jobs)}:
        there, of = len(jobs), max(numbers)
        raise UserError(f"sweep.resume={sweep_dir}: {JOBS} is damaged: it holds {there} of {of} jobs")
    return jobs


def parse_job(line: bytes) -> tuple[FrozenJob, int]:
    """A job, and how many there are.

    Raises:
        Unreadable: no line of `jobs.jsonl`.
    """
    if len(line) > LINE_SIZE:
        raise Unreadable(f"a line of more than {LINE_SIZE // MIB} MiB")
    content = parse_json(line)
    kinds = {"number": int, "overrides": list, "config": dict, "folder": str, "of": int}
    if isinstance(content, dict):
        content.setdefault("folder", str(content.get("number")))  # an old sweep
    if not isinstance(content, dict) or {key: type(value) for key, value in content.items()} != kinds:
        raise Unreadable(f"a line that is no job, with {', '.join(kinds)}")
    if not all(isinstance(word, str) for word in content["overrides"]):
        raise Unreadable("a job whose overrides are no words")
    number, folder = content["number"], content["folder"]
    if not is_folder_of(folder, number):
        raise Unreadable(f"job {number} has the folder {printable(folder)[:200]}, which is no name of its own")
    config = with_todays_names(content["config"])
    return FrozenJob(number, content["overrides"], config, folder), content["of"]
