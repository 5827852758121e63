"""What is validated on: a share of the training split, or one fold of several. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from groundup.data.layout import has_val_folder
from groundup.data.whose import has_our_keys
from groundup.errors import UserError

VAL_FRACTION = 0.1  # of `conf/data/base.yaml`: whoever asks for folds need not take it back


def settle_folds(data: dict[str, Any], words: Iterable[str]) -> None:
    """Leaves one of the two said: with folds `val_fraction` is null.

    Args:
        data: the node, its values right one by one.
        words: that were typed.

    Raises:
        UserError: they contradict each other, or half of them is missing.
    """
    if not has_our_keys(data):
        return
    folds, fold, share = (data.get(key) for key in ("folds", "fold", "val_fraction"))
    if folds is None:
        _refuse_half(fold, share, says_share="val_fraction" in data)
        return
    every = ",".join(map(str, range(folds))) if folds <= 10 else f"range(0,{folds})"
    if fold is None:
        raise UserError(
            f"data.folds={folds} without data.fold: which part is validated on? Accepted: 0 to {folds - 1}; all of "
            f"them, one after another: -m data.folds={folds} 'data.fold={every}'"
        )
    if fold >= folds:
        raise UserError(f"data.fold={fold} with data.folds={folds}: accepted: 0 to {folds - 1}")
    typed = any(word.lstrip("+").partition("=")[0] == "data.val_fraction" for word in words)
    if share is not None and (typed or share != VAL_FRACTION):
        raise UserError(
            f"data.val_fraction={share} with data.folds={folds}: a fold is validated on, one of {folds} parts; "
            "accepted: data.val_fraction=null"
        )
    if data["name"] == "image_folder" and has_val_folder(data["root"]):
        raise UserError(
            f"data.folds={folds} with data.root={data['root']}: it has images of its own to validate on, in val/, and "
            "folds are cut where there are none; accepted: null"
        )
    data["val_fraction"] = None


def _refuse_half(fold: int | None, share: float | None, says_share: bool) -> None:
    if fold is not None:
        raise UserError(f"data.fold={fold} without data.folds: of how many? Accepted: data.folds=5 data.fold={fold}")
    if share is None and says_share:
        raise UserError("data.val_fraction=null without data.folds: accepted is a share, such as 0.1, or 0 for none")
