"""Private names of torchmetrics: what a metric has counted.

Looked at first: `Metric.metric_state` and `Metric.state_dict`, which leaves out what is not persistent: by default all.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torchmetrics import Metric


def counted(module: nn.Module) -> dict[str, dict[str, Any]]:
    """What the metrics within a module have counted, by their names: plain containers and tensors, as copies."""
    metrics = {name: part for name, part in module.named_modules() if isinstance(part, Metric)}
    return {
        name: {
            "updates": metric._update_count,
            "state": {key: _copy(each) for key, each in metric.metric_state.items()},
        }
        for name, metric in metrics.items()
    }


def put_counted(module: nn.Module, states: dict[str, dict[str, Any]]) -> None:
    """Puts back what `counted` gave; metrics that have no state among them stay as they are."""
    for name, part in module.named_modules():
        if isinstance(part, Metric) and name in states:
            for key, value in states[name]["state"].items():
                setattr(part, key, _copy(value, part))
            part._update_count, part._computed = states[name]["updates"], None


def _copy(value: Tensor | list[Tensor], metric: Metric | None = None) -> Any:
    if isinstance(value, list):
        return [_copy(each, metric) for each in value]
    return value.detach().clone() if metric is None else value.to(metric.device, copy=True)
