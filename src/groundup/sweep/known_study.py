"""Which study a search is of: the one to go on with, or a new one, and what `study.json` says that it is."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from omegaconf import DictConfig

from groundup.command.tell import tell
from groundup.config.check import check_study, refuse_idle_study_keys
from groundup.config.directions import direction_of
from groundup.errors import UserError
from groundup.files import write_whole
from groundup.printable import printable
from groundup.rundir.names import STUDY, STUDY_DATABASE
from groundup.rundir.plain import Unreadable, read_json
from groundup.sweep.expand import is_own
from groundup.sweep.search_space import Space

METRIC = "metric"  # of a study: by which its trials are compared
KEPT = {  # by a study that goes on; with what stands for not being asked for
    **{"study_name": None, "metric": "val/acc", "direction": None},
    **{"pruner": "none", "startup_trials": None, "warmup_epochs": None},
}

SAMPLER = "tpe"  # where none is asked for


def settings_in(words: Sequence[str]) -> list[str]:
    """What makes the jobs: not how they are swept."""
    return [word for word in words if not is_own(word.partition("=")[0]) and not word.startswith("hydra")]


def study_to_go_on_with(resume: str | None, words: Sequence[str], master: DictConfig) -> Path | None:
    """Of the study to go on with; None for a new one."""
    asked = set(settings_in(words))
    if resume is None:
        return None
    if resume == "auto":
        folder = Path(master.hydra.sweep.dir).absolute().parent
        files = sorted(folder.glob(f"*/{STUDY}"), reverse=True)  # names begin with the time
        return next((file.parent for file in files if _is_of(file.parent, asked)), None)
    before = set(read_study(Path(resume))["words"])
    if asked and (different := sorted(asked ^ before)):
        where = "not in it" if different[0] in asked else "in it, not asked for now"
        raise UserError(
            f"sweep.resume={resume}: another study: {different[0]} is {where}; repeat its own settings, give none at "
            "all, or begin a new one without sweep.resume"
        )
    return Path(resume)


def _is_of(sweep_dir: Path, asked: set[str]) -> bool:
    try:
        return set(read_study(sweep_dir)["words"]) == asked
    except UserError as error:  # it says nothing of the other studies
        tell(f"passed over: {error}")
        return False


def read_study(sweep_dir: Path) -> dict[str, Any]:
    try:
        known = read_json(sweep_dir / STUDY)
    except Unreadable as error:
        raise UserError(f"sweep.resume={sweep_dir}: no study there: {STUDY} cannot be read: {error}") from error
    words = known.get("words") if isinstance(known, dict) else None
    names = [known.get(name) for name in ("study_name", "metric", "direction")] if isinstance(words, list) else []
    if not names or not all(isinstance(word, str) for word in [*(words or ()), *names, known.get("storage") or ""]):
        raise UserError(f"sweep.resume={sweep_dir}: {STUDY} is damaged: it does not say what the study is")
    return known


def as_it_began(sweep_dir: Path, options: Mapping[str, Any], typed: Sequence[str]) -> dict[str, Any]:
    """The settings of a study that goes on: what it is stays as it was.

    Args:
        sweep_dir: of the study.
        options: asked for now.
        typed: the words of the command, by which a default that was asked for is told from one that was not.

    Raises:
        UserError: another study is asked for, or its file is damaged.
    """
    before = read_study(sweep_dir)
    _refuse_unnamed_storage(sweep_dir, before.get("storage"), options["storage"])
    kept = {key: before.get(key, default) for key, default in KEPT.items()}  # older studies have no pruner
    if options["sampler"] == SAMPLER and not _is_typed("sampler", typed):  # it may change, and stays if nothing is said
        options = {**options, "sampler": before.get("sampler", SAMPLER)}
    try:
        check_study({**options, **kept, "params": None})
        refuse_idle_study_keys({**options, **kept})
    except UserError as error:
        raise UserError(f"sweep.resume={sweep_dir}: {STUDY} is damaged: {error}") from error
    for key, default in KEPT.items():
        asked = options[key] != default or _is_typed(key, typed)
        if asked and options[key] not in (None, kept[key]):
            raise UserError(
                f"hydra.sweeper.{key}={options[key]} with sweep.resume={sweep_dir}: that study has "
                f"{'null' if kept[key] is None else printable(str(kept[key]))}, and keeps it; leave it out, or begin a "
                "new study"
            )
    return {**options, **kept, "storage": before.get("storage")}


def _is_typed(key: str, words: Sequence[str]) -> bool:
    return any(word.lstrip("+").startswith(f"hydra.sweeper.{key}=") for word in words)


def _refuse_unnamed_storage(sweep_dir: Path, there: str | None, named: str | None) -> None:
    """A stranger's study may be in a database on a server of the stranger's, or in any file."""
    if there is not None and there != named:
        raise UserError(
            f"sweep.resume={sweep_dir}: its study is in the database {printable(there)}; only one that this command "
            "names is opened: add hydra.sweeper.storage=URL"
        )


def as_it_begins(sweep_dir: Path, options: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a new study, with what was left to be chosen.

    Raises:
        UserError: it would take the worst for the best, or which is better is not known.
    """
    metric, asked = options["metric"], options["direction"]
    better = {"max": "maximize", "min": "minimize", None: None}[direction_of(metric)]
    if asked is None and better is None:
        raise UserError(
            f"hydra.sweeper.metric={metric}: its name does not say whether more of it is better; accepted: "
            "hydra.sweeper.direction=maximize or minimize beside it"
        )
    if asked is not None and better not in (None, asked):
        raise UserError(
            f"hydra.sweeper.metric={metric} with hydra.sweeper.direction={asked}: the worst would be taken for the "
            f"best; accepted: hydra.sweeper.direction={better}"
        )
    return {**options, "study_name": options["study_name"] or sweep_dir.name, "direction": asked or better}


def open_study(sweep_dir: Path, options: Mapping[str, Any], words: Sequence[str], space: Space) -> optuna.Study:
    """The study in its database, made where it is not there.

    Raises:
        UserError: the database cannot be opened, or holds a study of this name that searches something else.
    """
    storage = options["storage"] or f"sqlite:///{sweep_dir / STUDY_DATABASE}"  # not in the file: directories are moved
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        study = optuna.create_study(
            storage=storage, study_name=options["study_name"], direction=options["direction"], load_if_exists=True
        )
    except Exception as error:  # of SQLAlchemy, or of whatever driver
        reason = str(error).splitlines()[0]
        raise UserError(f"hydra.sweeper.storage={storage}: cannot be opened: {reason}") from error
    _refuse_another_aim(study, options)
    if METRIC not in study.user_attrs:
        study.set_user_attr(METRIC, options["metric"])
    about = {"words": settings_in(words), **options, "scales": space.scales}
    if (sweep_dir / STUDY).exists():
        about = {**read_study(sweep_dir), "n_trials": options["n_trials"], "sampler": options["sampler"]}
    write_whole(sweep_dir / STUDY, json.dumps(about, indent=2) + "\n")  # last: by it the study is found that goes on
    study.sampler = _sampler(options, len(study.get_trials(deepcopy=False)))
    stopping = "" if options["pruner"] == "none" else f", trials are given up by {options['pruner']}"
    tell(f"study {options['study_name']} in {storage}{stopping}")
    return study


def _refuse_another_aim(study: optuna.Study, options: Mapping[str, Any]) -> None:
    """Optuna gives the study of this name whatever it optimises, and would take a loss for an accuracy."""
    metric, directions = study.user_attrs.get(METRIC), [direction.name.lower() for direction in study.directions]
    if metric in (None, options["metric"]) and directions == [options["direction"]]:
        return
    there = f"{' and '.join(directions)} {'its metric' if metric is None else printable(str(metric))}"
    raise UserError(
        f"hydra.sweeper.study_name={options['study_name']}: that study is to {there}, this search to "
        f"{options['direction']} {options['metric']}; accepted: the same, or another hydra.sweeper.study_name"
    )


def _sampler(options: Mapping[str, Any], trials: int) -> optuna.samplers.BaseSampler:
    """Seeded; when a study goes on by other numbers, or its random trials would be those that it has already."""
    seed = options["seed"] + trials
    if options["sampler"] == "tpe":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # which of its options are experimental
            return optuna.samplers.TPESampler(seed=seed, constant_liar=True)
    return optuna.samplers.RandomSampler(seed=seed)
