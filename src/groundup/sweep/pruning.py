"""Trials that are given up: how a study is told to, and who decides, from the files of its trials.

Whoever runs a trial decides for it, in whatever process: what the others have come to stands in their directories,
`metrics.csv` and `results.json`, each written whole. No database is asked, which processes on several machines could
share with difficulty only. The rules are Optuna's own pruners, on a study in memory that is made of these files.

A step of Optuna's is the number of epochs trained.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from groundup.callbacks.options import MetricsCsv
from groundup.config.contradictions import key_without_validation
from groundup.config.located import located
from groundup.config.rooms import options_of
from groundup.errors import UserError
from groundup.rundir.epochs import figure_by_epoch
from groundup.rundir.figure import number_in
from groundup.rundir.jobs import FrozenJob, read_jobs
from groundup.rundir.pruned import Decision
from groundup.rundir.results import read_results

STARTUP = 5  # trials that finish before the median says something
ONE_IN = 20  # of the epochs: those that every trial is given
FEWEST_PAIRS = 4  # of a signed-rank test: of fewer no order is rarer than one in ten


@dataclass(frozen=True)
class Pruning:
    """How the trials of a study are given up.

    Attributes:
        pruner: `median`, `hyperband` or `wilcoxon`.
        metric: by which, of validation data.
        direction: `maximize` or `minimize`.
        startup_trials: that finish before `median` gives any up.
        warmup_epochs: that every trial is given; None: one in twenty.
        study: stands for its name, of which `hyperband` makes its brackets: the name itself may be a stranger's.
    """

    pruner: str
    metric: str
    direction: Literal["maximize", "minimize"]
    startup_trials: int
    warmup_epochs: int | None
    study: str

    def warmup(self, epochs: int) -> int:
        """Epochs that a trial of so many is given in any case."""
        return self.warmup_epochs or max(1, epochs // ONE_IN)

    def plain(self) -> dict[str, Any]:
        return asdict(self)


def pruning_of(options: Mapping[str, Any]) -> Pruning | None:
    """Of the settings of a study; None where it gives nothing up."""
    if options["pruner"] == "none":
        return None
    startup, warmup = options["startup_trials"] or STARTUP, options["warmup_epochs"]
    study = hashlib.sha256(str(options["study_name"]).encode()).hexdigest()[:16]
    return Pruning(options["pruner"], options["metric"], options["direction"], startup, warmup, study)


@dataclass(frozen=True)
class Past:
    """What is known of a trial.

    Attributes:
        status: of its `results.json`; None while it goes on, or has not begun.
        values: the metric by the number of epochs trained.
        value: the metric that it came to; None where it has none.
    """

    status: str | None
    values: dict[int, float]
    value: float | None

    @property
    def has_ended(self) -> bool:
        return self.status in ("finished", "pruned", "failed")


def read_past(run_dir: Path, metric: str) -> Past:
    """From the directory of a trial."""
    results = read_results(run_dir)
    return Past(results.get("status"), figure_by_epoch(run_dir, metric), number_in(results, metric))


class Court:
    """Decides for trials of a sweep. What has ended is read but once.

    Args:
        sweep_dir: where they are.
        pruning: by which rule.
        epochs: of a whole training, the same of all.
    """

    def __init__(self, sweep_dir: Path, pruning: Pruning, epochs: int):
        self._sweep_dir, self._pruning, self._epochs = sweep_dir, pruning, epochs
        self._known: dict[int, Past] = {}

    @classmethod
    def of_job(cls, hydra: Any, config: Mapping[str, Any]) -> Court:
        """For a job, of Hydra's node as `FrozenLoader` makes it, and of its config."""
        return cls(Path(str(hydra.sweep.dir)), Pruning(**dict(hydra.sweep.pruning)), config["trainer"]["max_epochs"])

    @functools.cached_property
    def _jobs(self) -> list[FrozenJob]:
        return read_jobs(self._sweep_dir)  # trials that come later have not begun, whatever becomes of them

    def look(self) -> None:
        """Looks at all trials."""
        for job in self._jobs:
            before = self._known.get(job.number)
            if before is None or not before.has_ended:
                self._known[job.number] = read_past(self._sweep_dir / job.folder, self._pruning.metric)

    def judge(self, number: int, trained: int) -> Decision | None:
        """Whether a trial is given up after so many epochs."""
        if not self._pruning.warmup(self._epochs) <= trained < self._epochs:
            return None
        if not self._has(number, trained):  # else it was written before a look for another, in a stack of trials
            self.look()
        if not self._has(number, trained):
            return None  # not validated in this epoch
        own = self._known[number]
        passed = {epoch: value for epoch, value in own.values.items() if epoch <= trained}
        self._known[number] = replace(own, values=passed)  # a row without its checkpoint is trained for once more
        from groundup.sweep.pruners import decide  # Optuna is slow to import

        return decide(self._pruning, self._epochs, [self._known[job.number] for job in self._jobs], number)

    def _has(self, number: int, trained: int) -> bool:
        return number in self._known and trained in self._known[number].values


# Before a search begins


def refuse_what_cannot_be_pruned(config: Mapping[str, Any], pruning: Pruning) -> None:
    """Looks at the config of a trial.

    Raises:
        UserError: it could not be given up, or by nothing.
    """
    asked = f"hydra.sweeper.pruner={pruning.pruner}"
    trainer = config["trainer"]
    epochs, every = trainer["max_epochs"], trainer.get("check_val_every_n_epoch", 1) or 1
    least = max(pruning.warmup(epochs), FEWEST_PAIRS * every if pruning.pruner == "wilcoxon" else every) + 1
    if epochs < 2:
        raise UserError(
            f"{asked} with trainer.max_epochs={epochs}: a trial is given up between two epochs, so there is nothing to "
            f"prune; accepted: at least 2, or hydra.sweeper.pruner=none"
        )
    if epochs < least:
        raise UserError(
            f"{asked} with trainer.max_epochs={epochs}, {_given(pruning, epochs, every)}: no trial would be given up "
            f"before its end; accepted: at least {least} epochs, or hydra.sweeper.pruner=none"
        )
    if key := key_without_validation(config):
        raise UserError(f"{asked} with {key}=0: there is no validation data, by which trials are compared")
    if not any(map(_writes_metrics, filter(None, config["callbacks"].values()))):
        raise UserError(
            f"{asked}: trials are compared by metrics.csv, which none of these callbacks writes; accepted: "
            "callbacks.metrics_csv as it is in conf/, or a subclass"
        )
    for key, unlimited in (("max_steps", -1), ("max_time", None)):
        if (limit := trainer.get(key, unlimited)) != unlimited:
            raise UserError(
                f"{asked} with trainer.{key}={limit}: how many epochs a whole training has is to be known; accepted: "
                "trainer.max_epochs alone, or hydra.sweeper.pruner=none"
            )


def _writes_metrics(callback: Mapping[str, Any]) -> bool:
    options = options_of("callbacks", callback)
    if options is not None:
        return options is MetricsCsv
    from groundup.callbacks.metrics_csv import MetricsCSV  # imports torch, as somebody else's callback has before

    found = located(str(callback.get("_target_")))
    return isinstance(found, type) and issubclass(found, MetricsCSV)


def _given(pruning: Pruning, epochs: int, every: int) -> str:
    said = [f"of which {pruning.warmup(epochs)} are given to every trial (hydra.sweeper.warmup_epochs)"]
    if every > 1:
        said.append(f"a validation every {every}")
    if pruning.pruner == "wilcoxon":
        said.append(f"and a test of at least {FEWEST_PAIRS} validations")
    return ", ".join(said)


def refuse_idle_pruner(pruning: Pruning, number: int, at_once: int) -> None:
    """
    Raises:
        UserError: of so many trials none would be given up.
    """
    asked = f"hydra.sweeper.pruner={pruning.pruner}"
    first = pruning.startup_trials if pruning.pruner == "median" else 1
    if pruning.pruner != "hyperband" and number <= first:
        raise UserError(
            f"{asked} with {number} trials: it compares with trials that have finished, the first {first} of them; "
            f"accepted: at least {first + 1} trials{', or fewer hydra.sweeper.startup_trials' if first > 1 else ''}"
        )
    if pruning.pruner != "hyperband" and number <= at_once:
        raise UserError(
            f"{asked} with hydra.sweeper.n_jobs={at_once} for {number} trials: it compares with trials that have "
            "finished, and all would train at once; accepted: fewer at a time, or hydra.sweeper.pruner=hyperband"
        )
