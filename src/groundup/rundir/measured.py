"""`costs.json`: what predictions of a run cost on some CPU, measured after it has ended, beside others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from groundup.files import write_whole
from groundup.rundir.figure import number_in
from groundup.rundir.names import MEASURED
from groundup.rundir.plain import MIB, Unreadable, read_json
from groundup.rundir.results import as_json
from groundup.rundir.state import JobState

TIMES = ("image_ms", "batch_ms")  # comparable within one measurement alone
COUNTS = ("parameters", "macs", "size_on_disk")  # of the network, wherever it is counted
MEASUREMENT = "measurement"  # its name, by which those of one command are told


def write_measured(run_dir: Path, figures: Mapping[str, Any]) -> None:
    """Writes `costs.json`, whole or not at all."""
    write_whole(run_dir / MEASURED, as_json(figures) + "\n")


def read_measured(run_dir: Path) -> dict[str, Any]:
    """What `costs.json` of a run holds; nothing where there is none, or none that can be read."""
    try:
        content = read_json(run_dir / MEASURED, MIB)
    except Unreadable:
        return {}
    return content if isinstance(content, dict) and isinstance(content.get(MEASUREMENT), str) else {}


def with_measured(found: Sequence[tuple[Path, JobState]]) -> tuple[list[JobState], bool]:
    """States whose results have what was measured of their runs, too; and whether times were left out.

    Times of several measurements are left out, all of them: the machine may have been another, or busy with something
    else. Counts stand in where a run has none, as one of an older version.

    Args:
        found: run directories and what became of them.
    """
    measured = [read_measured(run_dir) for run_dir, _ in found]
    names = {content[MEASUREMENT] for content in measured if any(number_in(content, name) for name in TIMES)}
    times = TIMES if len(names) == 1 else ()
    return [_with(state, content, times) for (_, state), content in zip(found, measured, strict=True)], len(names) > 1


def _with(state: JobState, content: Mapping[str, Any], times: Sequence[str]) -> JobState:
    given = {name: value for name in (*COUNTS, *times) if (value := number_in(content, name)) is not None}
    new = {name: value for name, value in given.items() if number_in(state.results, name) is None}
    return replace(state, results=state.results | new) if new and state.results else state
