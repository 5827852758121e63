"""The table of a sweep: configurations with mean and standard deviation over their jobs, best first; then every job."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groundup.rundir.costs import COSTS, OF_EACH_RUN
from groundup.rundir.figure import Figure, number_in
from groundup.rundir.grouping import Alike, Group, grouped
from groundup.rundir.jobs import FrozenJob
from groundup.rundir.measured import with_measured
from groundup.rundir.overrides import value_in, varied_keys
from groundup.rundir.replicates import Folds, folds_among, replicate_of
from groundup.rundir.state import JobState, read_state

FIGURES = ("val/acc", "test/acc", "test/acc_tta", "test/loss", *COSTS)
OF_PROBABILITIES = (  # in the files alone: the tables stay narrow
    *("test/nll", "test/brier", "test/ece", "test/balanced_acc"),
    *("temperature", "test/nll_scaled", "test/brier_scaled", "test/ece_scaled"),
)
OF_A_MODULE = re.compile(r"(val|valid|validation|test)_")  # figures of somebody else's LightningModule, by their names
PARTLY = "Without validation data, and so without a rank: the last rows."
NO_VALIDATION = (
    "No validation data: sorted by test/acc, so the first row's figure is the best of several and optimistic."
)

OF_FOLDS = "Folds: mean and deviation are over folds and seeds."
OVERLAP = (
    " The networks of one seed's folds are trained on overlapping parts of the same images: their test figures are "
    "less independent than those of as many seeds."
)
REPEATED = "Jobs of one configuration with the same seed and fold are one in means and n: they are no further seeds."
UNRANKED = "No job has val/acc or test/acc: the rows are in the order of the jobs, and none is the best."


@dataclass(frozen=True)
class Configuration:
    """The jobs that differ in nothing but the seed, and the fold that is validated on.

    Attributes:
    """A key that was not given to it and was to others has the value of its config."""
    alike = [[state.results for _, state in pairs] for pairs in by_replicate(members) if pairs]
    figures = {name: Figure.of(_of_replicates(alike, name)) for name in measured}
    folds = folds_among(replicate_of(job.config) for job, _ in members)
    numbers, of = [job.number for job, _ in members], len(by_replicate(members))
    of_config = {key: said for key in keys if (said := value_in(members[0][0].config, key)) is not None}
    values = {key: (of_config | group.values)[key] for key in keys if key in of_config or key in group.values}
    return Configuration(values, numbers, of, len(alike), figures, folds)


def by_replicate(members: Sequence[tuple[FrozenJob, JobState]]) -> list[list[tuple[FrozenJob, JobState]]]:
    """The finished ones of the jobs of a configuration, together where seed and fold are the same, too.

    A search may try one thing twice. Where no seed is known, each job is one by itself.
    """
    found: dict[Any, list[tuple[FrozenJob, JobState]]] = {}
    for job, state in members:
        replicate = replicate_of(job.config)
        there = found.setdefault(job.number if replicate.seed is None else replicate, [])
        if state.status == "finished":
            there.append((job, state))
    return list(found.values())


def _of_replicates(alike: Sequence[Sequence[Mapping[str, Any]]], name: str) -> list[float]:
    """Of each seed and fold one figure, the mean of its runs: they say nothing of what other seeds would come to."""
    found = ([value for result in results if (value := number_in(result, name)) is not None] for results in alike)
    return [statistics.mean(values) for values in found if values]


def _figures_to_show(configurations: Sequence[Configuration], measured: Sequence[str]) -> list[str]:
    """Those that any configuration has; of costs those that differ, and say more than the number of parameters."""
    there = [name for name in measured if any(row.figures[name] for row in configurations)]
    there = [name for name in there if name not in OF_PROBABILITIES]
    return [name for name in there if name not in COSTS or name in OF_EACH_RUN or _differs(configurations, name)]


def _differs(configurations: Sequence[Configuration], cost: str) -> bool:
    found = [(figure, row.figures["parameters"]) for row in configurations if (figure := row.figures[cost])]
    if cost == "size_on_disk" and all(weights for _, weights in found):  # of four bytes each it says nothing more
        ratios = [figure.mean / weights.mean for figure, weights in found if weights and weights.mean]
        return max(ratios, default=0) > 1.05 * min(ratios, default=0)
    return len({figure.mean for figure, _ in found}) > 1
