"""The directory of a run: whether it is one, its config as it was written, whether it is at work."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from groundup.errors import UserError
from groundup.rundir.aliases import with_todays_names
from groundup.rundir.lock import is_held
from groundup.rundir.names import CHECKPOINTS, CONFIG, JOBS, LOCK, METRICS, OF_A_RUN, OF_A_SWEEP, PREDICTIONS
from groundup.rundir.plain import Unreadable, read_yaml

GROUPS = ("data", "model", "loss", "optimizer", "scheduler", "trainer")  # of every run; besides callbacks and loggers


def is_running(run_dir: Path) -> bool:
    """Whether a process has this run now."""
    return is_held(run_dir / LOCK)


def is_config(content: Mapping[str, Any]) -> bool:
    """Whether this is the config of a run."""
    return "seed" in content and all(isinstance(content.get(group), dict) for group in GROUPS)


def load_config(run_dir: Path, key: str = "run") -> dict[str, Any]:
    """What the config of a run says, whoever wrote it: to be compared, not to be built.

    Args:
        key: of the command that names the run, for messages.

    Raises:
        UserError: no readable config.yaml of a run.
    """
    try:
        config = read_yaml(run_dir / CONFIG)
    except Unreadable as error:
        raise UserError(f"{key}={run_dir}: {CONFIG} cannot be read: {error}") from error
    groups = config if isinstance(config, dict) else {}
    seed = groups.get("seed")
    complete = all(_is_group(groups.get(group)) for group in GROUPS)
    if not complete or type(seed) is not int or not 0 <= seed < 2**32:
        raise UserError(f"{key}={run_dir}: {CONFIG} is not the config of a run")
    return with_todays_names(groups)


def _is_group(node: object) -> bool:
    return isinstance(node, dict) and all(isinstance(key, str) for key in node)


def refuse_files_of_runs(file: Path, key: str) -> None:
    """For what a user asks to be written.

    Args:
        key: that names the file, for messages.

    Raises:
        UserError: it is one that a run or a sweep has written or would write.
    """
    file = file.resolve()
    for folder in file.parents[:2]:
        for kept, mark, names in (("run", CONFIG, OF_A_RUN), ("sweep", JOBS, OF_A_SWEEP)):
            name = file.relative_to(folder).as_posix()
            if (folder / mark).is_file() and any(fnmatchcase(name, own) for own in names):
                raise UserError(f"{key}={file}: a file of this name belongs to the {kept} {folder}; choose another one")


def refuse_files_of_no_run(run_dir: Path) -> None:
    """For a run that begins in a directory of the user's choice.

    Raises:
        UserError: a file or folder there has the name of one that a run writes, and is none: it would be overwritten.
    """
    if (run_dir / CONFIG).exists():
        load_config(run_dir, "hydra.run.dir")
        return
    if (run_dir / JOBS).exists():
        raise UserError(f"hydra.run.dir={run_dir}: is the directory of a sweep; name another, or a new one within it")
    for name in (METRICS, CHECKPOINTS, *PREDICTIONS.values()):
        if (run_dir / name).exists():
            raise UserError(
                f"hydra.run.dir={run_dir}: holds {name} and no run; name another, because {name} would be overwritten"
            )


def find_weights(init_from: str) -> Path:
    """The file of weights that `init_from` means: a run directory's best ones, or the file itself.

    Raises:
        UserError: it is not there.
    """
    path = Path(init_from)
    file = path / CHECKPOINTS / "best.ckpt" if path.is_dir() else path
    if not file.is_file():
        what = f"there is no {file}" if path.is_dir() else "there is no such run directory or file"
        raise UserError(
            f"init_from={init_from}: {what}; accepted: a run directory, a checkpoint, or a file of a state_dict"
        )
    return file


def find_checkpoint(run_dir: Path, ckpt: str) -> Path:
    """`best`, `last` or a path, as a file that is there.

    Raises:
        UserError: it is not there.
    """
    path = run_dir / CHECKPOINTS / f"{ckpt}.ckpt" if ckpt in ("best", "last") else Path(ckpt).expanduser()
    if not path.is_file():
        raise UserError(f"ckpt={ckpt}: no file {path}; accepted: best, last, or the path of a checkpoint")
    return path
