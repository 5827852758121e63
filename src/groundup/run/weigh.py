"""How many weights a network would have, without taking memory for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from groundup.config.build import build, computes_in_numpy
from groundup.config.sizes import refuse_heavy_network, refuse_weights
from groundup.errors import UserError
from groundup.run.kinds import brings_its_learner
from groundup.spec import DatasetSpec


def refuse_heavy_parts(config: Mapping[str, Any], spec: DatasetSpec) -> None:
    """Refuses a run's config, whoever wrote it, whose network would not fit in memory.

    Raises:
        UserError: naming the sizes, or the network.
    """
    refuse_heavy_network(config["model"], spec)
    refuse_weights(_weights(config["model"], spec), f"model={config['model'].get('name')}")


def _weights(model: Mapping[str, Any], spec: DatasetSpec) -> int:
    """Of a network, counted on the device that has no memory; 0 where it cannot be built there.

    Raises:
        UserError: there is no such network, or it does not take these arguments.
    """
    if computes_in_numpy(model) or brings_its_learner(model):  # of ours, with bounds
        return 0
    sizes = {"in_channels": spec.channels, "image_size": spec.image_size, "num_classes": spec.num_classes}
    try:
        with torch.device("meta"):
            network = build(model, **sizes)
    except UserError:
        raise
    except Exception:  # of any kind: what is wrong with it is said when it is built
        return 0
    return sum(tensor.numel() for tensor in (*network.parameters(), *network.buffers()))
