"""Which repetition of its configuration a run is: that of a seed and, in a cross-validation, of a fold. No torch.

Folds are not seeds. Two folds of one seed are networks that were trained on images they have in common, `folds - 2` of
the `folds - 1` parts that each was trained on, so their figures are less independent than those of two seeds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

KEYS = ("seed", "data.fold")  # runs that differ in these alone are of one configuration


class Replicate(NamedTuple):
    """A run within its configuration; what its config does not say is None.

    Attributes:
        folds: parts that its training split is cut into; None where its validation is no fold.
    """

    seed: int | None
    fold: int | None = None
    folds: int | None = None


class Folds(NamedTuple):
    """The folds among the runs of a configuration.

    Attributes:
        of: parts that the training split is cut into.
        numbers: those that runs were validated on.
        seeds: by which it was cut.
    """

    of: int
    numbers: tuple[int, ...]
    seeds: tuple[int, ...]

    @property
    def is_whole(self) -> bool:
        """Whether every training image was validated on, by each seed, if all runs are there."""
        return self.numbers == tuple(range(self.of))


def replicate_of(config: Mapping[str, Any]) -> Replicate:
    """The replicate that a run with this config is; of a config that may be damaged, or a stranger's."""
    data = config.get("data")
    node: Mapping[str, Any] = data if isinstance(data, Mapping) else {}
    folds, fold = _whole(node.get("folds")), _whole(node.get("fold"))
    seed = _whole(config.get("seed"))
    if folds is None or fold is None or not 0 <= fold < folds:
        return Replicate(seed)
    return Replicate(seed, fold, folds)


def repeated_keys(configs: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """The keys that runs with these configs may differ in and be of one configuration.

    A `fold` that is not one of so many `folds` may be anything: a data module of somebody else's has its own keys.
    """
    nodes = [config for config in configs if isinstance(config.get("data"), Mapping)]
    are_folds = all(
        replicate_of(config).folds is not None for config in nodes if config["data"].get("fold") is not None
    )
    return KEYS if are_folds else KEYS[:1]


def folds_among(replicates: Iterable[Replicate]) -> Folds | None:
    """The folds of the runs of one configuration; None where they have none, or not all of one number."""
    found = list(replicates)
    numbers = {each.folds for each in found}
    if len(numbers) != 1 or (of := numbers.pop()) is None:
        return None
    folds = {each.fold for each in found if each.fold is not None}
    seeds = {each.seed for each in found if each.seed is not None}
    return Folds(of, tuple(sorted(folds)), tuple(sorted(seeds)))


def _whole(value: object) -> int | None:
    return value if type(value) is int else None
