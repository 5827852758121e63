"""Of which figures more is better, and of which less. Imports no torch."""

from __future__ import annotations

_OF_SPLITS = ("train", "val", "test")
_SCALED = ("nll", "brier", "ece")
SHARES = {f"{split}/{name}" for split in _OF_SPLITS for name in ("acc", "acc_tta", "top5", "f1", "balanced_acc")}
_ERRORS = {
    f"{split}/{name}" for split in _OF_SPLITS for name in ("loss", *_SCALED, *(f"{each}_scaled" for each in _SCALED))
}


def less_is_better(name: str) -> bool | None:
    """Of a figure that the project measures; None of any other, as of one that somebody else's module logs."""
    if name in SHARES:
        return False
    return True if name in _ERRORS else None
