"""Whose weights a run begins with, by `init_from`, and which of them stay, by `freeze`; what is said of it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule
from torch import Tensor, nn

from groundup.callbacks.frozen import KeepFrozen
from groundup.learning.begin_from import Fit, fit, put, read_weights, wider
from groundup.learning.freezing import freeze, frozen_modules
from groundup.rundir.directory import find_weights
from groundup.rundir.identity import NETWORK, network_of
from groundup.spec import DatasetSpec

log = logging.getLogger(__name__)

SHOWN = 8  # names in a line
TRAINED_BY = ("weights", "freeze", "backbone_rate")  # keys of a model that change nothing that its weights mean


def begin_from(module: LightningModule, config: Mapping[str, Any], spec: DatasetSpec) -> dict[str, Tensor]:
    """Takes the weights that `init_from` names and says which; gives those that were taken.

    Raises:
        UserError: there are none, or none that fit.
    """
    if config.get("init_from") is None:
        return {}
    path = find_weights(config["init_from"])
    weights, checkpoint = read_weights(path)
    fitted = fit(module, weights, _of_the_loss(module))
    put(module, fitted, path)
    level = logging.INFO if 2 * _size(fitted.taken) >= _size(module.state_dict()) else logging.WARNING
    for line in _told(module, fitted, path):
        log.log(level, line)
    by_chance = [name for name, p in module.named_parameters() if not p.requires_grad and name not in fitted.taken]
    if by_chance and config.get("freeze"):
        log.warning(f"freeze: these take no weights from init_from and keep their initial values: {_listed(by_chance)}")
    for line in _meant_otherwise(fitted, checkpoint, config, spec):
        log.warning(f"init_from: {line}")
    return dict(fitted.taken)


def keep_frozen(module: LightningModule, patterns: Sequence[str | int]) -> list[KeepFrozen]:
    """Freezes what these patterns name; gives the callback that it takes.

    Raises:
        UserError: as `learning.freezing.freeze`.
    """
    if not patterns:
        return []
    names = freeze(module, [str(pattern) for pattern in patterns])  # layers of a Sequential are numbers
    sizes = [(p.numel(), p.requires_grad) for p in module.parameters()]
    learning, total = sum(size for size, learns in sizes if learns), sum(size for size, _ in sizes)
    log.info(f"freeze: {learning:,} of {total:,} weights learn; these stay: {_listed(names)}")
    return [KeepFrozen(frozen_modules(module, names))]


def _of_the_loss(module: LightningModule) -> frozenset[str]:
    """What the loss holds that is no parameter, such as weights of classes: the config says it."""
    loss = getattr(module, "loss", None)
    return frozenset(f"loss.{name}" for name, _ in loss.named_buffers()) if isinstance(loss, nn.Module) else frozenset()


def _size(weights: Mapping[str, Tensor]) -> int:
    return sum(weight.numel() for weight in weights.values())


def _told(module: nn.Module, fitted: Fit, path: Path) -> Iterator[str]:
    total = len(fitted.taken) + len(fitted.others) + len(fitted.missing)
    yield f"init_from: {len(fitted.taken)} of {total} weights and statistics are those of {path}"
    if fitted.others:
        others = [f"{name} {there}, here {here}" for name, there, here in fitted.others]
        yield f"  not taken, of another shape: {_listed(others, '; ')}"
    if fitted.missing:
        yield f"  not in it, so as this run makes them: {_listed(fitted.missing)}"
    if fitted.unknown:
        yield f"  in it, and not in this network: {_listed(fitted.unknown)}"
    if wide := wider(fitted, module):
        yield f"  rounded to the precision of this run, from {', '.join(wide)}"


def _meant_otherwise(
    fitted: Fit, checkpoint: Mapping[str, Any], config: Mapping[str, Any], spec: DatasetSpec
) -> Iterator[str]:
    """What its checkpoint says of weights that fit and yet mean something else here."""
    its_spec = checkpoint.get("spec")
    its_spec = its_spec if isinstance(its_spec, Mapping) else {}
    classes = list(its_spec.get("class_names") or spec.class_names)
    if len(classes) == spec.num_classes and not fitted.others and classes != list(spec.class_names):
        first = next(number for number, (a, b) in enumerate(zip(classes, spec.class_names, strict=True)) if a != b)
        yield (
            f"its last layer was trained for other classes, or in another order: class {first} was {classes[first]!r} "
            f"and is {spec.class_names[first]!r}"
        )
    for key in ("mean", "std"):
        if key in its_spec and list(its_spec[key]) != list(getattr(spec, key)):
            there, here = _plain(its_spec[key]), _plain(getattr(spec, key))
            yield f"it was trained on images normalised otherwise: {key} {there}, here {here}"
            break
    network = checkpoint.get(NETWORK)
    for group in ("model", "loss"):
        its, own = dict((network or {}).get(group) or {}), network_of(config)[group]
        its, own = ({key: value for key, value in node.items() if key not in TRAINED_BY} for node in (its, own))
        different = [key for key in {**own, **its} if its.get(key) != own.get(key)] if its else []
        if different:
            key = min(different, key=lambda key: key != "name")
            yield f"it was trained with {group}.{key}={its.get(key)}, here {group}.{key}={own.get(key)}"


def _plain(numbers: Sequence[float]) -> str:
    if not numbers:  # of a data module that does not say
        return "not known"
    return "(" + ", ".join(f"{number:.4g}" for number in numbers) + ")"


def _listed(names: Sequence[str], between: str = ", ") -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return between.join(names[:SHOWN]) + more
