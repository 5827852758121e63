"""Schedulers of PyTorch in a config: told by class, with keys of Lightning's beside their own. Imports no torch itself.

Only a scheduler that is not ours is looked up, and torch with it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from groundup.borrowed.hydra import locate
from groundup.config.contradictions import key_without_validation
from groundup.config.directions import direction_of
from groundup.config.rooms import options_of
from groundup.config.signature import TIMING
from groundup.config.validation import refuse_wrong_values, shown
from groundup.errors import UserError
from groundup.options import Node, Positive


class Timing(Node):
    """When a scheduler goes on: beside its own arguments, as Lightning names it."""

    interval: Literal["epoch", "step"] = "epoch"
    frequency: Positive = 1
    monitor: Annotated[str, Field(pattern="^(val|train)/.")] | None = None


def scheduler_of(node: Mapping[str, Any]) -> Callable[..., Any] | None:
    """The class, or the function, that makes a scheduler of PyTorch of an optimizer; None where a node names another.

    A function is one if its first argument is `optimizer`.
    """
    if options_of("scheduler", node) is not None:
        return None
    try:
        found = locate(str(node.get("_target_")))
    except (ImportError, ValueError, AttributeError):  # what is wrong with it is said when it is built
        return None
    if isinstance(found, type):
        return found if issubclass(found, locate("torch.optim.lr_scheduler.LRScheduler")) else None
    return found if callable(found) and next(iter(_arguments(found)), None) == "optimizer" else None


def takes_metric(found: Callable[..., Any]) -> bool:
    """Whether a scheduler of this class goes on by a metric, as `ReduceLROnPlateau`, not by counting."""
    step = getattr(found, "step", None)
    return isinstance(found, type) and step is not None and _arguments(step)[1:2] not in ([], ["epoch"])


def monitor_of(node: Mapping[str, Any], found: Callable[..., Any]) -> str | None:
    """The metric that a scheduler of this class takes: the one that is named, or the loss or accuracy of validation."""
    if not takes_metric(found):
        return None
    return node.get("monitor") or ("val/acc" if node.get("mode") == "max" else "val/loss")


def refuse_wrong_scheduler(config: Mapping[str, Any]) -> None:
    """Refuses a scheduler of PyTorch whose node says too little, or asks for what cannot be.

    Raises:
        UserError: naming the key.
    """
    node = config["scheduler"]
    found = scheduler_of(node)
    if found is None:
        return
    refuse_wrong_values(Timing, {key: node[key] for key in TIMING if key in node}, "scheduler.")
    if not takes_metric(found):
        if node.get("monitor") is not None:
            raise UserError(
                f"scheduler.monitor={node['monitor']}: {node['_target_']} uses no metric; accepted: "
                "null, or torch.optim.lr_scheduler.ReduceLROnPlateau"
            )
        return
    _refuse_wrong_monitor(config, found)


def refuse_scheduler_without_val_loader(config: Mapping[str, Any]) -> None:
    """Refuses a scheduler that goes by a validation, with a data module of somebody else's that has none.

    Raises:
        UserError: naming both.
    """
    node = config["scheduler"]
    found = scheduler_of(node)
    if found is not None and str(monitor := monitor_of(node, found)).startswith("val/"):
        raise UserError(
            f"data={config['data']['name']} with scheduler={node['name']}, which follows {monitor}: there is no "
            "validation data, because the data module has no val_dataloader; accepted: scheduler.monitor=train/loss"
        )


def _refuse_wrong_monitor(config: Mapping[str, Any], found: Callable[..., Any]) -> None:
    node, monitor = config["scheduler"], str(monitor_of(config["scheduler"], found))
    if node.get("interval") == "step":
        raise UserError("scheduler.interval=step: a plateau is looked for after each validation; leave it out")
    if monitor.startswith("val/") and (key := key_without_validation(config)):
        raise UserError(
            f"{key}=0 with scheduler={node['name']}, which follows {monitor}: there is no validation data; give {key} "
            "a value above 0, or scheduler.monitor=train/loss"
        )
    mode = node.get("mode", "min" if "mode" in _arguments(found) else None)
    better = direction_of(monitor) or mode
    if mode in ("min", "max") and mode != better:
        raise UserError(
            f"scheduler.monitor={monitor} with scheduler.mode={shown(mode)}: the rate would fall as it gets better; "
            f"accepted: scheduler.mode={better}"
        )


def _arguments(function: Callable[..., Any]) -> list[str]:
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # one that does not tell
        return []
