"""How many weights a network would have, without taking memory for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch.nn.parameter import is_lazy

from groundup.config.build import build_by_name, of_bases
from groundup.config.given_sizes import sizes_of
from groundup.config.model_kinds import model_kind
from groundup.config.sizes import refuse_heavy_network, refuse_weights
from groundup.options import ModelKind
from groundup.spec import DatasetSpec


def refuse_heavy_parts(config: Mapping[str, Any], spec: DatasetSpec) -> None:
    """Refuses a run's config, whoever wrote it, whose network would not fit in memory.

    Raises:
        UserError: naming the sizes, or the network.
    """
    refuse_heavy_network(config["model"], spec)
    refuse_weights(_weights(config["model"], spec), f"model={config['model'].get('name')}")


def _weights(model: Mapping[str, Any], spec: DatasetSpec) -> int:
    """Of a network, counted on the device that has no memory; 0 where it cannot be built there."""
    if model_kind(model) in (ModelKind.NUMPY, ModelKind.LEARNER):  # of ours, with bounds, or trusted
        return 0
    sizes = sizes_of(spec)
    try:
        with torch.device("meta"):
            network = build_by_name(model, sizes | {"spec": spec}, of_bases(model, sizes))
    except Exception:  # of any kind: what is wrong with it is said when it is built
        return 0
    if not isinstance(network, torch.nn.Module):  # a hand-written one
        return 0
    return sum(tensor.numel() for tensor in (*network.parameters(), *network.buffers()) if not is_lazy(tensor))
