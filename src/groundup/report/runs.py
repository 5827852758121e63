"""One run read back: what it was, what became of it, its epochs. Whatever is damaged is left out and said."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from groundup.rundir.directory import is_config
from groundup.rundir.epochs import read_epochs
from groundup.rundir.jobs import FrozenJob
from groundup.rundir.names import CONFIG, METRICS
from groundup.rundir.plain import Unreadable, read_yaml
from groundup.rundir.state import RANGE_TEST, JobState, read_state
from groundup.spec import class_name

PER_CLASS = "test/per_class"  # in results.json


@dataclass(frozen=True)
class Run:
    """A run.

    Attributes:
        name: its path, as short as it can be among the runs of a report.
        overrides: what was typed, and None where that is not known.
        config: empty where it cannot be read.
        epochs: rows of `metrics.csv`, of what is a finite number.
    """

    name: str
    path: Path
    state: JobState
    overrides: list[str] | None = None
    config: dict[str, Any] = field(default_factory=dict)
    epochs: list[dict[str, float]] = field(default_factory=list)

    @property
    def finished(self) -> bool:
        return self.state.status == "finished"

    @property
    def seed(self) -> int | None:
        seed = self.state.results.get("seed", self.config.get("seed"))
        return seed if isinstance(seed, int) else None

    @property
    def data(self) -> str | None:
        """The name of the data set; of CIFAR-100 with coarse labels, and of images of one's own with their place."""
        name, node = self.choice("data"), self.config.get("data")
        options = node if isinstance(node, dict) else {}
        for kind, key in (("image_folder", "root"), ("arrays", "file")):
            if name == kind and options.get(key):
                return f"{name} {options[key]}"
        which = "coarse" if options.get("labels") == "coarse" else "extra" if options.get("extra") is True else None
        which = options.get("split") if name == "emnist" else which
        return f"{name} {which}" if which else name

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes, in the order of the confusion matrix; none where the run does not say them."""
        named = self.state.results.get(PER_CLASS)
        return tuple(class_name(str(name)) for name in named) if isinstance(named, dict) else ()

    def choice(self, group: str) -> str | None:
        """The name of its option of a group, such as `data`."""
        node = self.config.get(group)
        name = node.get("name") if isinstance(node, dict) else self.state.results.get(group)
        return str(name) if name is not None else None


def read_run(path: Path, name: str, job: FrozenJob | None, notes: list[str]) -> Run:
    """Reads a run directory, and adds to `notes` what of it cannot be read.

    Args:
        path: of the run.
        name: to be shown.
        job: what is known of it from its sweep.
        notes: to be added to.
    """
    state = read_state(path)
    config = read_config(path) if job is None else job.config
    overrides = _texts(state.results.get("overrides")) if job is None else job.overrides
    if not is_config(config):
        if job is None:  # else it was refused before it began
            notes.append(f"{name}: {CONFIG} is missing or damaged")
        config = {}
    return Run(name, path, state, overrides, config, _read_epochs(path / METRICS, name, state, notes))


def read_config(run_dir: Path) -> dict[str, Any]:
    """The config of a run; nothing where it is no mapping or cannot be read."""
    try:
        content = read_yaml(run_dir / CONFIG)
    except Unreadable:
        return {}
    return content if isinstance(content, dict) else {}


def _texts(value: Any) -> list[str] | None:
    usable = isinstance(value, list) and all(isinstance(item, str) for item in value)
    return value if usable else None


def _read_epochs(file: Path, name: str, state: JobState, notes: list[str]) -> list[dict[str, float]]:
    if state.status == RANGE_TEST:  # which trained nothing
        return []
    rows = read_epochs(file)
    if not rows and state.status == "finished":
        notes.append(f"{name}: {METRICS} is missing or damaged; it is not in the curves")
    return rows
