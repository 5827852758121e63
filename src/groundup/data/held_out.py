"""Which training images are held out to validate on: a share of every class, or one of several folds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Generator, Tensor

from groundup.data.split import stratified_folds, stratified_split
from groundup.data.streams import SPLIT
from groundup.errors import UserError
from groundup.printable import printable
from groundup.seeds import seed_from


class HeldOut:
    """What the config says of it.

    Args:
        val_fraction: the share that is held out; not used with folds.
        folds: the parts that the training split is cut into; None takes a share instead.
        fold: the part that is held out, from 0.

    Raises:
        UserError: they do not go together.
    """

    def __init__(self, val_fraction: float | None, folds: int | None, fold: int | None):
        _refuse_wrong_fold(folds, fold, val_fraction)
        self.val_fraction = val_fraction if folds is None else None
        self.folds, self.fold = folds, fold

    @property
    def any(self) -> bool:
        return self.folds is not None or bool(self.val_fraction)

    def plain(self) -> dict[str, Any]:
        """For a checkpoint, by key of the config."""
        return {"folds": self.folds, "fold": self.fold, "val_fraction": self.val_fraction}

    def cut(self, labels: Tensor, class_names: Sequence[str], seed: int) -> tuple[Tensor, Tensor]:
        """The positions of a training split with these labels to train on, and those held out for validation."""
        generator = Generator().manual_seed(seed_from(seed, SPLIT))
        if self.folds is not None and self.fold is not None:
            return _cut_fold(labels, class_names, self.folds, self.fold, generator)
        assert self.val_fraction is not None, "without folds there is a share"
        kept, held_out = stratified_split(labels, self.val_fraction, generator)
        if min(len(kept), len(held_out)) == 0:
            raise UserError(
                f"data.val_fraction={self.val_fraction}: of {len(labels)} images, {len(kept)} are left for "
                f"training and {len(held_out)} for validation; accepted: 0, or a fraction that leaves some for both"
            )
        return kept, held_out


def _cut_fold(
    labels: Tensor, class_names: Sequence[str], folds: int, fold: int, generator: Generator
) -> tuple[Tensor, Tensor]:
    counts = labels.bincount(minlength=len(class_names))
    label = int(counts.where(counts > 0, len(labels) + 1).argmin())  # a class without images is in no fold
    if folds > (fewest := int(counts[label])):
        raise UserError(
            f"data.folds={folds}: class {printable(class_names[label])} has {fewest} training images, too few "
            f"for one in each fold; accepted: 2 to {fewest}"
            if fewest > 1
            else f"data.folds={folds}: class {printable(class_names[label])} has a single training image, and "
            "could not be both trained on and validated on; accepted: null"
        )
    is_held_out = stratified_folds(labels, folds, generator).eq(fold)
    return (~is_held_out).nonzero()[:, 0], is_held_out.nonzero()[:, 0]


def _refuse_wrong_fold(folds: int | None, fold: int | None, val_fraction: float | None) -> None:
    if folds is None and val_fraction is None:
        raise UserError("data.val_fraction=null: accepted is a share, 0 for none; or data.folds with data.fold")
    if (folds is None) != (fold is None):
        raise UserError(f"data.folds={folds} with data.fold={fold}: one goes with the other")
    if folds is not None and fold is not None and not (folds >= 2 and 0 <= fold < folds):
        raise UserError(
            f"data.folds={folds} with data.fold={fold}: accepted: at least 2 folds, and one of 0 to folds - 1"
        )
