"""What is taken from the directory of a sweep, which may be a stranger's.

The words of this command and this checkout's `conf/` may name any code. What `jobs.jsonl` and `study.json` say is
accepted where these say the same. Everything else is treated as the config of a stranger's run, see
`groundup.config.trust`. So a sweep of your own parts can go on, and a stranger's sweep runs nothing but parts of this
package and of torch.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from groundup.config.rooms import NAMED_GROUPS
from groundup.config.trust import FILES, WEIGHTS, refuse_foreign_targets
from groundup.errors import UserError
from groundup.printable import printable
from groundup.rundir.directory import GROUPS
from groundup.rundir.jobs import FrozenJob
from groundup.rundir.names import JOBS
from groundup.rundir.plain import DEPTH
from groundup.rundir.state import read_state

# An interpolation, an escape, a mapping, or a key such as `_target_`.
NOT_A_VALUE = re.compile(r"[$\\{]|(?<![A-Za-z0-9])_[a-z]+_(?![A-Za-z0-9])")
ELSEWHERE = re.compile(r"\.\.|(^|[^\w])/")  # of a group: options are files, and these would lie outside of `conf/`
LONGEST = 2000  # letters of a word: Hydra's parser takes seconds for longer ones, and its stack for nested ones
RESERVED = ("hydra", "sweep", "resume", "trust", "jobs")  # how a command is carried out, not what a job is
REPEAT = "repeat the sweep's own settings in this command, if they are yours"


def refuse_foreign_jobs(
    sweep_dir: Path,
    jobs: Iterable[FrozenJob],
    typed: Collection[str],
    compose: Callable[[list[str]], Mapping[str, Any]],
    trust: Collection[str] = (),
) -> None:
    """Refuses jobs of a sweep's directory that do more than a stranger's may.

    Args:
        sweep_dir: for messages.
        jobs: as they are there.
        typed: the words of this command that make jobs.
        compose: gives the checked config of a job's words, by this checkout's `conf/`.
        trust: packages that parts may be of, too, see `config.trusted`.

    Raises:
        UserError: naming the first word or the first place in a config.
    """
    for job in jobs:
        _refuse_incomplete(sweep_dir, job)
        refuse_foreign_words(sweep_dir, job.overrides, typed)
        try:
            _refuse_foreign_config(job.config, trust)
        except UserError as error:
            _refuse_where_it_differs(sweep_dir, job, compose, trust, error)


def _refuse_incomplete(sweep_dir: Path, job: FrozenJob) -> None:
    """A trial that was refused has no config, and has failed; any other job has all of it."""
    if not job.config and read_state(sweep_dir / job.folder).ended:
        return
    groups = [job.config.get(group) for group in (*GROUPS, *NAMED_GROUPS)]
    if not all(isinstance(group, dict) for group in groups) or not {"seed", "resume"} <= job.config.keys():
        raise UserError(f"sweep.resume={sweep_dir}: {JOBS} is damaged: job {job.number} has no config of a run")


def refuse_foreign_words(sweep_dir: Path, words: Sequence[str], typed: Collection[str] = ()) -> None:
    """Refuses words that do more than to choose options of `conf/` and to set plain values, unless they were typed.

    Raises:
        UserError: naming the first.
    """
    for word in words:
        if word not in typed and (reason := _more_than_a_value(word)):
            raise UserError(f"sweep.resume={sweep_dir}: its setting {printable(word)[:200]} {reason}; {REPEAT}")


def _more_than_a_value(word: str) -> str:
    key, _, value = word.lstrip("+~").partition("=")
    if NOT_A_VALUE.search(word) or len(word) > LONGEST or len(re.findall(r"[\[(]", word)) > DEPTH:
        return "is more than a plain value"
    if re.split(r"[./@]", key)[0] in RESERVED:
        return "is no setting of a job"
    if key in ("data.mirror", "init_from") or FILES.search(key) or WEIGHTS.search(key.rpartition(".")[2]):
        return "names what is fetched or written"
    if ("." not in key or "/" in key) and ELSEWHERE.search(value):
        return "names a file outside of conf/"
    return ""


def _refuse_where_it_differs(
    sweep_dir: Path,
    job: FrozenJob,
    compose: Callable[[list[str]], Mapping[str, Any]],
    trust: Collection[str],
    refusal: UserError,
) -> None:
    """What this checkout composes to is its own, whatever it names."""
    try:
        own = compose(job.overrides)
    except UserError:  # nothing: `conf/` has other options now
        own = {}
    try:
        _refuse_foreign_config({key: value for key, value in job.config.items() if own.get(key) != value}, trust)
    except UserError as error:
        where = f"sweep.resume={sweep_dir}: job {job.number} is not what this command and conf/ make of it, and"
        raise UserError(f"{where} {error}") from refusal


def _refuse_foreign_config(config: Mapping[str, Any], trust: Collection[str]) -> None:
    refuse_foreign_targets(config, trust)
    if config.get("init_from") is not None:
        raise UserError(
            f"init_from={printable(str(config['init_from']))}: only weights that the command names are read"
        )
    data = config.get("data")
    if isinstance(data, Mapping) and data.get("mirror") is not None:
        raise UserError(f"data.mirror={printable(str(data['mirror']))}: only a mirror that the command names is asked")
