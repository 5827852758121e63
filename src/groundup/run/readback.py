"""Reading a run directory back: its config, checked and trusted, and its checkpoints. Imports no torch."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from groundup.config.extras import refuse_without
from groundup.config.rooms import options_of
from groundup.config.trust import refuse_foreign_targets
from groundup.config.trusted import trusted
from groundup.errors import UserError
from groundup.printable import printable
from groundup.rundir.directory import GROUPS, load_config
from groundup.rundir.names import CONFIG
from groundup.rundir.results import read_results

log = logging.getLogger(__name__)


def read_config(run_dir: Path, built: Sequence[str], trust: Collection[str] = ()) -> dict[str, Any]:
    """The part of a run's resolved config that it takes to read the run; what may stand there, see `config.trust`.

    Args:
        run_dir: of the run.
        built: the groups that will be built of it. The others are looked at as data, if at all, and may name any parts.
        trust: packages that these may be of, too; see `config.trusted`.

    Raises:
        UserError: no run directory, no readable config.yaml, or one that asks for more than parts of a run.
    """
    if not (run_dir / CONFIG).is_file():
        raise UserError(f"run={run_dir}: no {CONFIG} there; accepted: a run directory such as outputs/runs/*/*")
    config = load_config(run_dir)
    refuse_foreign_targets({group: _read_back(group, config[group]) for group in built}, trusted(trust))
    for group in ("data", *built):  # of which predictions take the background
        _refuse_wrong_values(run_dir, group, config[group])
    return {key: config[key] for key in (*GROUPS, "seed")}


def _read_back(group: str, node: dict[str, Any]) -> dict[str, Any]:
    """A node without the weights that its training began with: whoever builds it to read it back asks for none."""
    options = options_of("model", node) if group == "model" else None
    return node if options is None else {key: value for key, value in node.items() if key != options.begins_with}


def warn_of_pruned(run_dir: Path) -> None:
    """Of a run that its search has given up: its figures are of a training that was cut short."""
    results = read_results(run_dir)
    if results.get("status") == "pruned":
        log.warning(
            f"run={run_dir} was given up by its search and not trained to its end: its figures are not to be compared "
            "with those of finished runs"
        )


def _refuse_wrong_values(run_dir: Path, group: str, node: dict[str, Any]) -> None:
    """Packages must be there, and values of ours as they are today; another version may have had more or fewer keys."""
    options = options_of(group, node)
    if options is not None and options.package is not None:
        refuse_without(options.package, f"run={run_dir}: {group}={node.get('name')}")
    try:
        if options is not None:
            options.model_validate(node)
    except ValidationError as error:
        for problem in error.errors(include_url=False):
            if problem["type"] not in ("missing", "extra_forbidden"):
                key = ".".join(str(part) for part in (group, *problem["loc"]))
                value, reason = printable(str(problem["input"]))[:60], problem["msg"].replace("Input should", "must")
                raise UserError(f"run={run_dir}: {CONFIG} says {key}={value}: {reason}") from error


@contextmanager
def building_from(run_dir: Path) -> Iterator[None]:
    """For what is built from a run's config inside: the file may have been edited, or be of another version.

    Raises:
        UserError: the parts do not take what the config says.
    """
    try:
        yield
    except UserError as error:
        raise UserError(f"{error} (run={run_dir})") from error
    except Exception as error:  # of any kind: each part has its own way not to bear a value
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise UserError(f"run={run_dir}: what its config.yaml says cannot be built: {reason}") from error
