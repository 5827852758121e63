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
        values: of the keys that tell configurations apart, as they were typed; those not given, from the config.
        replicates: how many seeds, or pairs of seed and fold, are among the jobs; `n` of the figures counts these.
        finished: how many of them have a job that has finished.
    """

    values: dict[str, str]
    jobs: list[int]
    replicates: int
    finished: int
    figures: dict[str, Figure | None]
    folds: Folds | None = None  # among all of its jobs


@dataclass(frozen=True)
class Table:
    """What a sweep came to."""

    keys: list[str]  # that varied, without the seed and the fold
    measured: list[str]  # figures of any job, or of none
    figures: list[str]  # of these, what is shown
    configurations: list[Configuration]
    jobs: list[tuple[FrozenJob, JobState]]
    sorted_by: str
    names: Mapping[int, str]  # of jobs that are called by another name than their number
    less_is_better: bool = False  # of the figure that rows are sorted by

    @property
    def job_keys(self) -> list[str]:
        return varied_keys(job.overrides for job, _ in self.jobs)

    @property
    def note(self) -> str:
        numbers = [row.folds.of for row in self.configurations if row.folds]
        folds = OF_FOLDS * bool(numbers) + OVERLAP * (max(numbers, default=0) > 2)
        repeated = any(len(row.jobs) > row.replicates for row in self.configurations)
        return "\n\n".join(filter(None, [self._note_of_rank, folds, REPEATED * repeated]))

    @property
    def _note_of_rank(self) -> str:
        if self.sorted_by == "test/acc":
            return NO_VALIDATION if len(self.configurations) > 1 else ""
        if not any(row.figures[self.sorted_by] for row in self.configurations):
            return UNRANKED if sum(row.finished > 0 for row in self.configurations) > 1 else ""
        unranked = any(row.figures["test/acc"] and not row.figures[self.sorted_by] for row in self.configurations)
        return PARTLY if unranked else ""


def make_table(sweep_dir: Path, jobs: Sequence[FrozenJob], alike: Alike = dict) -> Table:
    """Reads every job's directory; `alike` as in `grouped`."""
    folders = [sweep_dir / job.folder for job in jobs]
    states, _ = with_measured([(folder, read_state(folder)) for folder in folders])
    return tabulate(list(zip(jobs, states, strict=True)), alike=alike)


def tabulate(
    found: Sequence[tuple[FrozenJob, JobState]], names: Mapping[int, str] | None = None, alike: Alike = dict
) -> Table:
    """The table of jobs of which it is known what became of them.

    Args:
        found: the jobs.
        names: of runs that are no jobs of one sweep, by their numbers.
        alike: as in `grouped`.
    """
    groups = grouped([job for job, _ in found], alike)
    there = {key for group in groups for key in group.values}
    keys = [key for key in varied_keys(job.overrides for job, _ in found) if key in there]
    monitor, mode = _chosen_by(found)
    measured = _measured(found, monitor)
    configurations = [
        _configuration(group, [found[place] for place in group.places], measured, keys) for group in groups
    ]
    by, sign = _rank(configurations, monitor, mode)
    configurations.sort(key=lambda row: -sign * figure.mean if (figure := row.figures[by]) else math.inf)
    shown_figures = _figures_to_show(configurations, measured)
    return Table(keys, measured, shown_figures, configurations, list(found), by, names or {}, sign < 0)


def _chosen_by(found: Sequence[tuple[FrozenJob, JobState]]) -> tuple[str | None, str]:
    """The metric of validation that all jobs choose their checkpoints by, None where they differ, and which is best."""
    nodes = [job.config.get("callbacks") for job, _ in found]
    nodes = [node.get("checkpoints") if isinstance(node, dict) else None for node in nodes]
    said = {(str(node.get("monitor")), str(node.get("mode"))) if isinstance(node, dict) else None for node in nodes}
    [only, *others] = said or {None}
    return only if only and not others and only[0].startswith("val") else (None, "max")


def _measured(found: Sequence[tuple[FrozenJob, JobState]], monitor: str | None) -> list[str]:
    """The figures of the table: what the project measures, what checkpoints are chosen by, and what modules log."""
    logged = {(name, number_in(state.results, name)) for _, state in found for name in state.results}
    own = {name for name, value in logged if value is not None and OF_A_MODULE.match(name)}
    of_probabilities = [name for name in OF_PROBABILITIES if any(there == name for there, _ in logged)]
    return list(dict.fromkeys([*FIGURES, *((monitor,) if monitor else ()), *sorted(own), *of_probabilities]))


def _rank(configurations: Sequence[Configuration], monitor: str | None, mode: str) -> tuple[str, int]:
    """The figure that rows are sorted by, and 1 where more of it is better: selection is never on the test split."""
    there = {name for row in configurations for name, figure in row.figures.items() if figure}
    if "val/acc" not in there and monitor in there:
        return str(monitor), -1 if mode == "min" else 1
    return "test/acc" if "test/acc" in there and "val/acc" not in there else "val/acc", 1


def _configuration(
    group: Group, members: Sequence[tuple[FrozenJob, JobState]], measured: Sequence[str], keys: Sequence[str]
) -> Configuration:
    """A key that was not given to it and was to others has the value of its config."""
    by_seed = by_replicate(members)
    finished = [[state.results for _, state in pairs] for pairs in by_seed if pairs]
    figures = {name: Figure.of(_of_replicates(finished, name)) for name in measured}
    folds = folds_among(replicate_of(job.config) for job, _ in members)
    of_config = {key: said for key in keys if (said := value_in(members[0][0].config, key)) is not None}
    values = {key: (of_config | group.values)[key] for key in keys if key in of_config or key in group.values}
    numbers = [job.number for job, _ in members]
    return Configuration(values, numbers, len(by_seed), len(finished), figures, folds)


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
