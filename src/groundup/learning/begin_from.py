"""Weights to begin with, of another run or another project: those that fit by name and shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from groundup.errors import UserError
from groundup.learning.checkpoint import read_plain, refuse_what_is_no_number
from groundup.learning.learner import Learner

WRAPPERS = ("module", "_orig_mod")  # what DataParallel and torch.compile put into names, wherever it stands
PREFIXES = ("", "net.", "model.", "backbone.", "encoder.", "network.")  # what a LightningModule calls its network
OWN = "net."  # what ours does
PREFERRED = ("state_dict", "model_state_dict", "model", "net")  # where weights lie in a file that holds more


@dataclass(frozen=True)
class Fit:
    """How weights fit a module.

    Attributes:
        taken: those that do, by their name in the module.
        others: those of the module's name and of another shape or kind: name, what it is there, what it is here.
        missing: what the module has and they have not.
        unknown: what they have and the module has not.
    """

    taken: Mapping[str, Tensor]
    others: list[tuple[str, str, str]]
    missing: list[str]
    unknown: list[str]


def short(module: nn.Module, name: str) -> str:
    """A name in a module as users know it, and its table of layers has it: of a `Learner`, as in its network."""
    return name.removeprefix(OWN) if isinstance(module, Learner) else name


def read_weights(path: Path) -> tuple[dict[str, Tensor], Mapping[str, Any]]:
    """The weights in a file: a checkpoint of this or another project, or a `state_dict` alone; and what else it holds.

    Raises:
        UserError: it cannot be read safely, or holds no weights, or several sets of them.
    """
    content = read_plain(path)
    if _is_state(content):
        return dict(content), {}
    held = content if isinstance(content, Mapping) else {}
    states = [key for key, value in held.items() if _is_state(value)]
    best = next((key for key in PREFERRED if key in states), None)
    if best is None and len(states) != 1:
        found = f"are several: {', '.join(map(str, states))}" if states else "is none"
        raise UserError(f"checkpoint {path}: it must hold one mapping from names to tensors; there {found}")
    return dict(held[best or states[0]]), held


def fit(module: nn.Module, weights: Mapping[str, Tensor], left_out: frozenset[str] = frozenset()) -> Fit:
    """Which of these weights a module can take.

    Args:
        module: whose names are as `short` has them.
        weights: with or without what PREFIXES and WRAPPERS are, whichever fits best.
        left_out: names in the module that stay as they are.
    """
    own = {short(module, name): (name, value) for name, value in module.state_dict().items() if name not in left_out}
    given = named_as({name: value for name, (_, value) in own.items()}, weights)
    known = [name for name in own if name in given]
    return Fit(
        {own[name][0]: given[name] for name in known if _fits(own[name][1], given[name])},
        [(name, _kind(given[name]), _kind(own[name][1])) for name in known if not _fits(own[name][1], given[name])],
        [name for name in own if name not in given],
        [name for name in given if name not in own],
    )


def named_as(own: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights with or without what PREFIXES and WRAPPERS are in their names, whichever fits a module's own best."""
    unwrapped = {".".join(part for part in name.split(".") if part not in WRAPPERS): w for name, w in weights.items()}
    ways = [{name.removeprefix(prefix): weight for name, weight in unwrapped.items()} for prefix in PREFIXES]
    ways += [{f"{prefix}{name}": weight for name, weight in unwrapped.items()} for prefix in PREFIXES[1:]]
    return max(ways, key=lambda way: sum(name in own and _fits(own[name], way[name]) for name in way))


def put(module: nn.Module, fitted: Fit, path: Path) -> None:
    """Puts the weights that fit into a module, in its own precision.

    Args:
        path: where they come from, for messages.

    Raises:
        UserError: there are none, or some of them are no numbers.
    """
    if not any(not name.endswith("num_batches_tracked") for name in fitted.taken):
        raise UserError(f"init_from={path}: none of its weights fits by name and shape; {_nothing_fits(fitted)}")
    module.load_state_dict(dict(fitted.taken), strict=False)
    refuse_what_is_no_number(module, path)


def _is_state(value: Any) -> bool:
    return isinstance(value, Mapping) and bool(value) and all(isinstance(item, Tensor) for item in value.values())


def _fits(own: Tensor, given: Tensor) -> bool:
    return own.shape == given.shape and own.is_floating_point() == given.is_floating_point()


def _kind(tensor: Tensor) -> str:
    shape = f"({', '.join(map(str, tensor.shape))})"
    return shape if tensor.is_floating_point() else f"{shape} of {str(tensor.dtype).removeprefix('torch.')}"


def _nothing_fits(fitted: Fit) -> str:
    if fitted.others:
        name, there, here = fitted.others[0]
        return f"{name} is {there} there and {here} here"
    there, here = (", ".join(names[:3]) for names in (fitted.unknown, fitted.missing))
    return f"it has {there}, this network {here}"


def wider(fitted: Fit, module: nn.Module) -> list[str]:
    """The kinds of numbers among those taken that the module's own cannot hold exactly."""
    own = module.state_dict()
    kinds = {(weight.dtype, own[name].dtype) for name, weight in fitted.taken.items() if weight.is_floating_point()}
    wide = {there for there, here in kinds if torch.promote_types(there, here) != here}
    return sorted(str(dtype).removeprefix("torch.") for dtype in wide)
