"""Which jobs of a sweep can be trained at once, and why the others cannot. Imports no torch."""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from typing import Any

from groundup.config.mixing import mixes
from groundup.config.trainer_arguments import TRAINER_ARGUMENTS
from groundup.data.published import published_set
from groundup.data.whose import theirs

# What members of a stack may differ in. With nesterov goes momentum: without momentum the two are the same.
MAY_DIFFER = {
    "": ("seed",),
    "model": ("init", "dropout"),
    "optimizer": ("lr", "weight_decay", "momentum", "nesterov"),
}
MODELS = ("groundup.models.mlp.MLP", "groundup.models.lenet.LeNet")
OPTIMIZERS = ("torch.optim.SGD", "torch.optim.Adam", "torch.optim.AdamW")
WATCHERS = (
    "groundup.callbacks.charts.Charts",
    "groundup.callbacks.checkpoints.Checkpoints",
    "groundup.callbacks.confusion.Confusion",
    "groundup.callbacks.filters.Filters",
    "groundup.callbacks.gradient_norm.GradientNorm",
    "groundup.callbacks.metrics_csv.MetricsCSV",
    "groundup.callbacks.mistakes.Mistakes",
    "groundup.callbacks.per_class.PerClass",
    "groundup.callbacks.progress.Progress",
    "groundup.callbacks.reliability.Reliability",
    "groundup.callbacks.samples.Samples",  # has nothing to show: no member holds its own images
    "groundup.callbacks.smooth_loss.SmoothLoss",
    "groundup.loggers.tensorboard.TensorBoard",
    "groundup.callbacks.throughput.Throughput",
)
FREE_TRAINER_KEYS = ("max_epochs", "accelerator", "log_every_n_steps", "deterministic", "gradient_clip_val")
TRAINER_KEYS = {
    "devices": (1,),
    "precision": ("32-true",),
    "compile": (False,),
    "capture": (False,),
    "accumulate_grad_batches": (1,),
}


def groups_of(configs: Sequence[Mapping[str, Any]], max_members: int = 64) -> tuple[list[list[int]], dict[int, str]]:
    """Sorts the jobs of a sweep.

    Args:
        configs: checked ones.
        max_members: of a stack.

    Returns:
        Stacks of two or more, as positions in `configs`, and of every other job the reason why it trains alone.
    """
    alone: dict[int, str] = {}
    groups: dict[str, list[int]] = {}
    for number, config in enumerate(configs):
        if reason := why_not(config):
            alone[number] = reason
        else:
            groups.setdefault(json.dumps(_what_is_shared(config), sort_keys=True), []).append(number)
    stacks = [part for group in groups.values() for part in _parts(group, max_members)]
    alone |= {stack[0]: "no other job differs from it in numbers only" for stack in stacks if len(stack) == 1}
    return [stack for stack in stacks if len(stack) > 1], dict(sorted(alone.items()))


def why_not(config: Mapping[str, Any]) -> str | None:
    """Why a run cannot be one of a stack; None where it can."""
    model, optimizer = config["model"], config["optimizer"]
    if config["resume"] is not None:
        return f"resume={config['resume']}: it goes on from a checkpoint"
    for key in ("init_from", "freeze"):
        if config.get(key):
            return f"{key}={config[key]}: not made for stacked training"
    if model["_target_"] not in MODELS:
        return f"model={model['name']}: only mlp and lenet can be stacked"
    if model.get("batch_norm"):
        return "model.batch_norm=true: its running figures cannot be stacked"
    if optimizer["_target_"] not in OPTIMIZERS:
        return f"optimizer={optimizer['name']}: only sgd, adam and adamw can be stacked"
    if config["scheduler"].get("_partial_"):
        return f"scheduler={config['scheduler']['name']}: a scheduler of PyTorch is told alone when to go on"
    if theirs(config["data"]) is not None:
        return f"data={config['data']['name']}: only our own data sets can be stacked"
    if not config["data"].get("in_memory", True):
        return "data.in_memory=false: stacked training holds the images in memory"
    if "auto" in (config["data"].get("mean"), config["data"].get("std")):
        return "data.mean=auto or data.std=auto: every job measures its own training images"
    for key, ordinary in {"progressive_sizes": None, "tta": "none", "sampler": None}.items():
        if config["data"].get(key, ordinary) != ordinary:
            return f"data.{key}={config['data'][key]}: not made for stacked training"
    if mixed := mixes(config["data"]):
        return f"data.augment={mixed[0]}: not made for stacked training"
    if (weights := config["loss"].get("class_weights")) is not None:
        return f"loss.class_weights={weights}: not made for stacked training"
    for group in ("callbacks", "logger"):
        for name, node in config[group].items():
            if node and node["_target_"] not in WATCHERS:
                return f"{group}.{name}: not made for stacked training"
    return _why_not_trainer(config["trainer"])


def _why_not_trainer(trainer: Mapping[str, Any]) -> str | None:
    for key, value in trainer.items():
        accepted = TRAINER_KEYS.get(key, (None,))
        if key not in FREE_TRAINER_KEYS and value not in accepted and key in (*TRAINER_ARGUMENTS, "compile", "capture"):
            return f"trainer.{key}={value}: not made for stacked training"
    return None


def _what_is_shared(config: Mapping[str, Any]) -> dict[str, Any]:
    shared = {key: value for key, value in config.items() if key not in MAY_DIFFER[""]}
    if _folds_are_alike(config["data"]):
        shared["data"] = {key: value for key, value in config["data"].items() if key != "fold"}
    for group in ("model", "optimizer"):
        shared[group] = {key: value for key, value in config[group].items() if key not in MAY_DIFFER[group]}
    return shared


def _folds_are_alike(data: Mapping[str, Any]) -> bool:
    """Whether as many images are trained on, and so as many steps taken, whichever fold is validated on."""
    found, folds = published_set(data.get("name")), data.get("folds")
    if found is None or folds is None:
        return False
    count = min(found.spec.train_size, data.get("limit_train") or found.spec.train_size)
    return count % folds == 0


def _parts(group: list[int], size: int) -> list[list[int]]:
    """As few parts of at most `size` as there can be, nearly equal: the first are the longer ones."""
    count = -(-len(group) // size)
    short, longer = divmod(len(group), count)
    bounds = [part * short + min(part, longer) for part in range(count + 1)]
    return [group[start:stop] for start, stop in itertools.pairwise(bounds)]
