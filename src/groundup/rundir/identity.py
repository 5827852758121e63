"""Which run a checkpoint is of: a name that both know. Imports no torch.

It is a digest of the config that the run began with: runs that share it share their weights, too. It is in every
checkpoint, and in the first line of `config.yaml`, a comment, for it is no setting. A run that goes on, in its own
directory or in another, keeps it, though its config may have changed. Where one of the two does not say, because it was
written by version 0.1 or by hand, nothing is compared.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from groundup.errors import UserError
from groundup.printable import printable, shortened
from groundup.rundir.aliases import with_todays_names
from groundup.rundir.names import CONFIG

KEY = "run"  # in a checkpoint
NETWORK = "network"  # likewise: the nodes of the config that say what its weights mean
STACKED = "stacked"  # likewise: whether it was trained as one of a stack, see `groundup.sweep.stacked.position`
_NAME = re.compile(r"[0-9a-f]{16}")
_LINE = re.compile(rf"# run ({_NAME.pattern})\b".encode())


def new_identity(config: Mapping[str, Any]) -> str:
    """The name of a run that begins."""
    begun_with = {key: value for key, value in config.items() if key != "resume"}
    return hashlib.sha256(json.dumps(begun_with, sort_keys=True, default=str).encode()).hexdigest()[:16]


def identity_in(checkpoint: Mapping[str, Any]) -> str | None:
    """Which run a checkpoint says that it is of; None where it does not say."""
    name = checkpoint.get(KEY)
    return name if isinstance(name, str) and _NAME.fullmatch(name) else None


def network_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """What gives weights, and an optimizer's state, their meaning: the same shapes fit another activation too.

    Learning rates and `fused` may change: they are read of the config at every step, or change no figure. A scheduler
    of PyTorch has a state of its own, in which these rates and its arguments are: they must stay.
    """
    scheduler = config.get("scheduler") or {}
    scheduler = scheduler if scheduler.get("_partial_") else {}
    optimizer = {
        key: value
        for key, value in config["optimizer"].items()
        if key != "fused" and (scheduler or not key.endswith("lr"))
    }
    network = {"model": config["model"], "loss": config["loss"], "optimizer": optimizer}
    return network | ({"scheduler": scheduler} if scheduler else {})


def refuse_another_network(
    checkpoint: Mapping[str, Any], config: Mapping[str, Any], path: Path, groups: Sequence[str] = ("model", "loss")
) -> None:
    """Refuses weights that were trained in another network than a config describes, though their shapes fit.

    Args:
        path: of the checkpoint, for the message.
        groups: of the config that must agree.

    Raises:
        UserError: naming the first key that differs.
    """
    its, own = with_todays_names(checkpoint.get(NETWORK)), network_of(config)
    if not isinstance(its, Mapping):
        return  # of version 0.1
    for group in groups:
        there, here = dict(its.get(group) or {}), dict(own.get(group) or {})
        if different := [key for key in {**here, **there} if there.get(key) != here.get(key)]:
            key = min(different, key=lambda key: key != "name")
            trained, asked = (f"{group}.{_said(key)}={_said(node.get(key))}" for node in (there, here))
            raise UserError(
                f"checkpoint {path}: made by another network, with {trained}, where this run has {asked}; accepted: "
                f"checkpoints of the same {' and '.join(groups)}"
            )


def _said(value: Any) -> str:
    return shortened(printable(str(value)), 200)


def as_comment(identity: str) -> str:
    """The first line of a run's `config.yaml`."""
    return f"# run {identity}, as its checkpoints say\n"


def identity_of(run_dir: Path) -> str | None:
    """What the `config.yaml` of a run directory says; None where it says nothing, or is not there."""
    try:
        with (run_dir / CONFIG).open("rb") as file:
            found = _LINE.match(file.read(64))
    except OSError:
        return None
    return found[1].decode() if found else None
