"""Going on with a run that was stopped: which run directory, which checkpoint. Imports no torch."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from groundup.data.options import ImageData
from groundup.data.whose import has_our_keys, theirs
from groundup.errors import UserError
from groundup.paths import is_unique_name
from groundup.rundir.directory import is_running, load_config
from groundup.rundir.identity import network_of
from groundup.rundir.lock import Held, holding
from groundup.rundir.names import CONFIG, LAST, RESULTS
from groundup.rundir.ranks import is_helper
from groundup.rundir.results import DONE, read_results

log = logging.getLogger(__name__)


# A run may go on longer, or be watched differently, than it was begun.
FREE_KEYS = ("resume", "callbacks", "logger")
FOLDS = ("folds", "fold")
# Otherwise images once trained on would be validated on, and the best checkpoint chosen between unlike figures.
DATA_KEYS = (
    "name",
    "val_fraction",
    *FOLDS,
    "limit_train",
    "labels",
    "split",
    "extra",
    "image_size",
    "channels",
    "mean",
    "std",
)
# Of a data module of somebody else's, by the names that everybody gives them
CHANGES_NO_IMAGE = ("root", "data_dir", "workers", "num_workers", "pin_memory", "persistent_workers", "prefetch_factor")


def find_resume(config: Mapping[str, Any], runs: Path) -> Path | None:
    """The run directory that `resume` means: `auto`, a run directory or a checkpoint. None: a new one is needed.

    Args:
        config: checked.
        runs: the folder of all runs of this model and data.

    Raises:
        UserError: it is not there, or it is a run of another model or other data.
    """
    if config["resume"] == "auto":
        return _newest_unfinished(config, runs)
    checkpoint = _named_checkpoint(config["resume"])
    run_dir = checkpoint.parent.parent
    if not (run_dir / CONFIG).is_file():
        if checkpoint != Path(config["resume"]):
            raise UserError(
                f"resume={config['resume']}: no {CONFIG} there, so nothing says what run it is; to go on from its "
                f"weights in a new run: resume={checkpoint}"
            )
        return None
    _refuse_another_net(config, run_dir)
    return run_dir


def resume_checkpoint(config: Mapping[str, Any], run_dir: Path) -> Path | None:
    """The checkpoint that a run in `run_dir` goes on from; None where it begins anew.

    Raises:
        UserError: `resume` names none.
    """
    if config["resume"] is None:
        return None
    if config["resume"] == "auto":
        return run_dir / LAST if (run_dir / LAST).is_file() else None
    return _named_checkpoint(config["resume"])


def _named_checkpoint(resume: str) -> Path:
    path = Path(resume)
    checkpoint = path / LAST if path.is_dir() else path
    if not checkpoint.is_file():
        raise UserError(
            f"resume={resume}: there is no {checkpoint}; accepted: auto, a checkpoint, or a run directory with {LAST}"
        )
    return checkpoint


def _newest_unfinished(config: Mapping[str, Any], runs: Path) -> Path | None:
    for run_dir in sorted(runs.glob("*/"), reverse=True):  # names begin with the time
        if _is_unfinished(run_dir) and _is_of(run_dir, config):
            if (run_dir / RESULTS).exists() and not read_results(run_dir):
                log.warning(f"{run_dir / RESULTS} cannot be read: the run goes on from its checkpoint")
            return run_dir
    return None


def _is_of(run_dir: Path, config: Mapping[str, Any]) -> bool:
    try:
        return _comparable(load_config(run_dir, "resume")) == _comparable(config)
    except UserError as error:  # it says nothing of the other runs
        log.warning(f"passed over: {error}")
        return False


def _is_unfinished(run_dir: Path) -> bool:
    """A run whose results cannot be read counts as one: its checkpoint knows where it was, and writes them again."""
    has_checkpoint = os.path.isfile(run_dir / LAST)  # also of another user's run, whose folder may not be looked into
    return has_checkpoint and read_results(run_dir).get("status") not in DONE and not is_running(run_dir)


@contextmanager
def begins_alone(config: Mapping[str, Any], run_dir: Path) -> Iterator[None]:
    """Of all commands with `resume=auto` and one config, lets one at a time begin a new run beside the others.

    Which run to go on with was looked up a moment ago. Where the user has named the directory there is no choice: then,
    and where a run goes on, its own lock is enough.

    Raises:
        UserError: another is about to begin, or goes on, or has just been stopped.
    """
    has_a_choice = config["resume"] == "auto" and is_unique_name(run_dir.name)
    if not has_a_choice or os.path.isfile(run_dir / LAST) or is_helper():
        yield
        return
    runs, advice = run_dir.parent, "wait for its end, or begin another run without resume"
    with ExitStack() as stack:
        try:
            runs.mkdir(parents=True, exist_ok=True)
            stack.enter_context(holding(runs / f".auto-{_digest(_comparable(config))}.lock"))
        except Held as error:
            raise UserError(f"resume=auto: a run of this config has begun in another process; {advice}") from error
        except OSError as error:
            raise UserError(f"hydra.run.dir={run_dir}: cannot be written: {error.strerror or error}") from error
        if stopped := _newest_unfinished(config, runs):
            raise UserError(f"resume=auto: {stopped} has just been stopped; repeat the command to go on with it")
        if running := next((other for other in _running(runs) if _is_of(other, config)), None):
            raise UserError(f"resume=auto: a run of this config is going on in {running}; {advice}")
        yield


def _running(runs: Path) -> Iterator[Path]:
    return (run_dir for run_dir in runs.glob("*/") if is_running(run_dir))


def _digest(config: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(config, sort_keys=True, default=str).encode()).hexdigest()[:16]


def _comparable(config: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in config.items() if key not in FREE_KEYS and value not in (None, [])}
    kept["trainer"] = {key: value for key, value in config.get("trainer", {}).items() if key != "max_epochs"}
    # runs of older versions have no keys for folds
    data = config["data"].items()
    kept["data"] = {key: value for key, value in data if key != "cache" and (key not in FOLDS or value is not None)}
    return kept


def _refuse_another_net(config: Mapping[str, Any], run_dir: Path) -> None:
    there = load_config(run_dir, "resume")
    keys = (*DATA_KEYS, *_their_keys(config["data"], there["data"]))
    before, now = _what_must_stay(there, keys), _what_must_stay(config, keys)
    if different := [key for key in before.keys() | now.keys() if before.get(key) != now.get(key)]:
        key = min(different, key=lambda key: (not key.endswith("name"), key))
        raise UserError(
            f"resume={config['resume']}: that run has {key}={before.get(key)}, but this command says "
            f"{key}={now.get(key)}; repeat the run's own settings, or begin a new run without resume"
        )


def _what_must_stay(config: Mapping[str, Any], data_keys: Iterable[str]) -> dict[str, Any]:
    """The network, its loss, the optimizer whose state is kept, and which images are for training and validation."""
    data, limit = config["data"], config["trainer"].get("limit_val_batches")
    kept = {f"data.{key}": data.get(key) for key in data_keys}
    kept["trainer.limit_val_batches"] = None if limit is None else f"{limit} of {data.get('eval_batch_size')} images"
    if data.get("name") == "image_folder":
        kept["data.root"] = data.get("root")
    kept["seed"] = config["seed"]
    kept |= {"init_from": config.get("init_from"), "freeze": config.get("freeze") or []}
    for group, node in network_of(config).items():
        kept |= {f"{group}.{key}": value for key, value in node.items()}
    return kept


def _their_keys(data: Mapping[str, Any], there: Mapping[str, Any]) -> list[str]:
    """What may change the images of data of somebody else's: all that is not known to change none.

    Args:
        data: of this command, whose class is looked at.
        there: of the run's directory, which anybody may have written: nothing that it names is imported.
    """
    if theirs(data) is None:
        return ["_target_"] if "_target_" in there else []
    kept = set(ImageData.model_fields) if has_our_keys(data) else set(CHANGES_NO_IMAGE)
    return [key for key in {**data, **there} if key not in kept]
