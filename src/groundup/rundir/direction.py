"""Of which figures more is better, and of which less. Imports no torch."""

from __future__ import annotations

import re

_OF_SPLITS = ("train", "val", "test")
_SCALED = ("nll", "brier", "ece")
SHARES = {f"{split}/{name}" for split in _OF_SPLITS for name in ("acc", "acc_tta", "top5", "f1", "balanced_acc")}
_ERRORS = {
    f"{split}/{name}" for split in _OF_SPLITS for name in ("loss", *_SCALED, *(f"{each}_scaled" for each in _SCALED))
}


_OF_A_MODULE = re.compile(r"(train|val|valid|validation|test)_(.+)")
_USUAL = {"acc": False, "accuracy": False, "f1": False, "auroc": False, "loss": True, "nll": True, "error": True}


def is_ours(name: str) -> bool:
    """Whether it is a figure that the project measures."""
    return name in SHARES or name in _ERRORS


def less_is_better(name: str) -> bool | None:
    """Of a figure that the project measures, or that bears a usual name as `test_acc` does; None of any other."""
    if is_ours(name):
        return name in _ERRORS
    found = _OF_A_MODULE.fullmatch(name)
    return _USUAL.get(found[2]) if found else None
