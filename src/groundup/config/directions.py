"""Which way a metric goes as a network gets better, as far as its name says so. Imports no torch."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Any

from groundup.config.located import located
from groundup.errors import UserError

LARGER = {"acc", "accuracy", "f1", "auc", "auroc", "top5"}  # words of a name
SMALLER = {"loss", "err", "error"}


def direction_of(metric: str) -> str | None:
    """`max` or `min`; None where the name has no such word, or one of each."""
    words = set(re.split(r"[^a-z0-9]+", metric.lower()))
    larger, smaller = bool(words & LARGER), bool(words & SMALLER)
    return None if larger == smaller else "max" if larger else "min"


def refuse_wrong_directions(callbacks: Mapping[str, Any]) -> None:
    """Refuses a callback that would take the worst of a metric for its best.

    Raises:
        UserError: naming both keys.
    """
    for name, node in callbacks.items():
        if not isinstance(node, Mapping) or not isinstance(monitor := node.get("monitor"), str):
            continue
        mode, better = node.get("mode") or _default_mode(node), direction_of(monitor)
        if mode in ("max", "min") and better not in (None, mode):
            raise UserError(
                f"callbacks.{name}.monitor={monitor} with callbacks.{name}.mode={mode}: the worst would be taken for "
                f"the best; accepted: callbacks.{name}.mode={better}"
            )


def _default_mode(node: Mapping[str, Any]) -> Any:
    """What the part itself has, where the node says nothing."""
    try:
        mode = inspect.signature(located(node["_target_"])).parameters.get("mode")
    except (KeyError, TypeError, ValueError, UserError):  # what is wrong with a target is said elsewhere
        return None
    return None if mode is None else mode.default
