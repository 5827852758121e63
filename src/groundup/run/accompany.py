"""What a LightningModule of somebody else's has beside it in a run, and which callbacks have nothing to look at."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule
from torch import Tensor

from groundup.callbacks.dead_units import DeadUnits
from groundup.callbacks.evaluation_watcher import EvaluationWatcher
from groundup.callbacks.feature_maps import FeatureMaps
from groundup.callbacks.graph import Graph
from groundup.callbacks.smooth_loss import SmoothLoss
from groundup.errors import UserError
from groundup.learning.companion import Companion
from groundup.models.summary import untouched
from groundup.run.trials import refuse_late_layers
from groundup.spec import DatasetSpec

log = logging.getLogger(__name__)


def accompany(
    module: LightningModule, spec: DatasetSpec, config: Mapping[str, Any], callbacks: list[Callback]
) -> Companion:
    """Puts a `Companion` before the callbacks of a run, and leaves out those that would have nothing to show.

    Args:
        module: of the run.
        spec: of its images.
        config: of the run.
        callbacks: built of it, in its order; changed.

    Raises:
        UserError: the trainer is asked for what this module has to do itself.
    """
    _refuse_what_it_does_itself(module, config)
    named = dict(zip((name for name, node in config["callbacks"].items() if node), callbacks, strict=True))
    idle: tuple[type[Callback], ...] = (EvaluationWatcher, SmoothLoss)
    weights = set(module.state_dict())
    if not answers_images(module, spec):
        idle += (FeatureMaps, DeadUnits, Graph)
    refuse_late_layers(config["model"], weights, module)
    left_out = [name for name, callback in named.items() if isinstance(callback, idle)]
    if left_out:
        log.info(
            f"callbacks without anything to show: {', '.join(left_out)}; what a LightningModule makes of single images "
            "it keeps to itself"
        )
    companion = Companion(module, spec, config["seed"], named)
    callbacks[:] = [companion, *(callback for callback in callbacks if not isinstance(callback, idle))]
    return companion


def _refuse_what_it_does_itself(module: LightningModule, config: Mapping[str, Any]) -> None:
    if module.automatic_optimization:
        return
    for key, nothing in (("gradient_clip_val", None), ("accumulate_grad_batches", 1)):
        if (value := config["trainer"].get(key, nothing)) not in (None, nothing):
            raise UserError(
                f"trainer.{key}={value} with model={config['model'].get('name')}: it steps its optimizers itself "
                f"(automatic_optimization = False); accepted: {'null' if nothing is None else nothing}"
            )


def answers_images(module: LightningModule, spec: DatasetSpec) -> bool:
    """Whether its `forward` makes a tensor of images `(N, C, H, W)`."""
    try:
        with untouched(module) as like:
            images = torch.zeros(2, spec.channels, *spec.image_size, dtype=like.dtype, device=like.device)
            return isinstance(module(images), Tensor)
    except Exception:  # of any kind: it is for something else, or not there
        return False
