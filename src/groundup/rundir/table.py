"""The table of a sweep: configurations with mean and standard deviation over seeds, best first; then every job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from groundup.rundir.figure import Figure, number_in
from groundup.rundir.jobs import FrozenJob
from groundup.rundir.overrides import shown, varied_keys
from groundup.rundir.state import JobState, read_state

FIGURES = ("val/acc", "test/acc", "test/acc_tta", "test/loss", "train_seconds", "parameters")
SEED = "seed"
PARTLY = "Without validation data, and so without a rank: the last rows."
NO_VALIDATION = (
    "No validation data: sorted by test/acc, so the first row's figure is the best of several and optimistic."
)

UNRANKED = "No job has val/acc or test/acc: the rows are in the order of the jobs, and none is the best."


@dataclass(frozen=True)
class Configuration:
    """The jobs that differ in nothing but the seed."""

    values: dict[str, str]
    jobs: list[int]
    finished: int
    figures: dict[str, Figure | None]


@dataclass(frozen=True)
class Table:
    """What a sweep came to."""

    keys: list[str]  # that varied, without the seed
    figures: list[str]  # that are shown
    configurations: list[Configuration]
    jobs: list[tuple[FrozenJob, JobState]]
    sorted_by: str
    names: Mapping[int, str]  # of jobs that are called by another name than their number

    @property
    def job_keys(self) -> list[str]:
        return varied_keys(job.overrides for job, _ in self.jobs)

    @property
    def note(self) -> str:
        if self.sorted_by == "test/acc":
            return NO_VALIDATION if len(self.configurations) > 1 else ""
        if not any(row.figures["val/acc"] for row in self.configurations):
            return UNRANKED if sum(row.finished > 0 for row in self.configurations) > 1 else ""
        unranked = any(row.figures["test/acc"] and not row.figures["val/acc"] for row in self.configurations)
        return PARTLY if unranked else ""


def make_table(sweep_dir: Path, jobs: Sequence[FrozenJob]) -> Table:
    """Reads every job's directory."""
    return tabulate([(job, read_state(sweep_dir / str(job.number))) for job in jobs])


def tabulate(found: Sequence[tuple[FrozenJob, JobState]], names: Mapping[int, str] | None = None) -> Table:
    """The table of jobs of which it is known what became of them.

    Args:
        found: the jobs.
        names: of runs that are no jobs of one sweep, by their numbers.
    """
    keys = [key for key in varied_keys(job.overrides for job, _ in found) if key != SEED]
    groups: dict[tuple[tuple[str, str], ...], list[tuple[FrozenJob, JobState]]] = {}
    for job, state in found:
        groups.setdefault(tuple(shown(job.overrides, keys).items()), []).append((job, state))
    configurations = [_configuration(dict(values), members) for values, members in groups.items()]
    validated = any(configuration.figures["val/acc"] for configuration in configurations)
    tested = any(configuration.figures["test/acc"] for configuration in configurations)
    sorted_by = "test/acc" if tested and not validated else "val/acc"  # selection is never on the test split
    configurations.sort(key=lambda row: -_mean(row, sorted_by))
    return Table(keys, _figures_to_show(configurations), configurations, list(found), sorted_by, names or {})


def _configuration(values: dict[str, str], members: Sequence[tuple[FrozenJob, JobState]]) -> Configuration:
    finished = [state.results for _, state in members if state.status == "finished"]
    figures = {
        name: Figure.of([value for result in finished if (value := number_in(result, name)) is not None])
        for name in FIGURES
    }
    return Configuration(values, [job.number for job, _ in members], len(finished), figures)


def _mean(row: Configuration, name: str) -> float:
    figure = row.figures[name]
    return figure.mean if figure else float("-inf")


def _figures_to_show(configurations: Sequence[Configuration]) -> list[str]:
    there = [name for name in FIGURES if any(row.figures[name] for row in configurations)]
    sizes = {figure.mean for row in configurations if (figure := row.figures["parameters"])}
    return [name for name in there if name != "parameters" or len(sizes) > 1]
