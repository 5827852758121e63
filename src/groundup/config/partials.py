"""Parts that wait for what a run makes later, and so must have `_partial_: true`. Imports torch for others' alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from groundup.config.nodes import nodes
from groundup.config.schedulers import scheduler_of
from groundup.errors import UserError


def refuse_without_partial(config: Mapping[str, Any]) -> None:
    """Refuses an optimizer, a scheduler of PyTorch, and one within it, that would be built before what they wait for.

    Raises:
        UserError: naming the node.
    """
    for place, node, waits_for in _waiting(config):
        raise UserError(f"{place}: must have the key _partial_: true, because {node['_target_']} waits for {waits_for}")


def _waiting(config: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any], str]]:
    """Those that do not wait, and should."""
    optimizer = config.get("optimizer")
    if isinstance(optimizer, Mapping) and "_target_" in optimizer and "_partial_" not in optimizer:
        yield "optimizer", optimizer, "the parameters"  # with `_partial_: false` it is told of where it is built
    for place, node in nodes(config.get("scheduler"), ("scheduler",)):
        if node.get("_partial_") is not True and scheduler_of(node) is not None:
            yield ".".join(place), node, "the optimizer"
