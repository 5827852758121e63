"""The mean curve of each configuration with a band of one deviation, for TensorBoard's tab CUSTOM SCALARS.

Each configuration is a run of TensorBoard's, `means/lenet lr=0.01`, so that it has a colour of its own there. They are
written when a sweep ends, of the jobs that have finished, as the table is. Imports no torch.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path

from groundup.files import write_whole
from groundup.rundir.epochs import curve_of, read_epochs
from groundup.rundir.figure import Figure
from groundup.rundir.folders import configuration_name
from groundup.rundir.names import EVENTS, MEANS, METRICS
from groundup.rundir.table import OF_A_MODULE, Configuration, Table, by_replicate

SUFFIX = ".means"  # of our event files
TITLE = "mean ± deviation of each configuration"
FIRST = ("val/acc", "val/loss", "train/acc", "train/loss")  # of the charts
NO_METRICS = ("epoch", "step", "seconds", "lr")  # columns of metrics.csv
Points = dict[int, Figure]  # by step


def write_means(sweep_dir: Path, table: Table) -> None:
    """Writes the curves, in place of those of an earlier part of the sweep; none where there are no deviations.

    A deviation takes two jobs: where fewer have finished, there is no curve. It ends where the first of them ended.
    """
    _remove_earlier(sweep_dir / MEANS)
    jobs = {job.number: (job, state) for job, state in table.jobs}
    folders = {job.number: sweep_dir / job.folder for job, state in table.jobs if state.status == "finished"}
    for name, row in _named(table, folders):
        alike = by_replicate([jobs[number] for number in row.jobs])
        runs = [folders[pairs[0][0].number] for pairs in alike if pairs]
        if len(runs) > 1 and any(next(run.rglob(EVENTS), None) for run in runs):  # else nobody looks at TensorBoard
            _write(sweep_dir / MEANS / name, _curves(runs, row.figures))


def _remove_earlier(folder: Path) -> None:
    """Our files alone, and what is empty then; links are removed, and not followed."""
    for entry in list(os.scandir(folder)) if folder.is_dir() else []:
        if entry.is_symlink():
            os.unlink(entry)
        elif entry.is_dir():
            for file in Path(entry).glob(f"{EVENTS}{SUFFIX}"):
                file.unlink()
            if not any(os.scandir(entry)):
                os.rmdir(entry)


def _named(table: Table, folders: Mapping[int, Path]) -> Iterator[tuple[str, Configuration]]:
    """Each configuration by the words of its jobs' names."""
    taken: set[str] = set()
    for row in table.configurations:
        folder = next((folders[number].name for number in row.jobs if number in folders), "")
        words = configuration_name(folder, row.values) or "all jobs"
        name = next(name for name in _numbered(words) if name not in taken)
        taken.add(name)
        yield name, row


def _numbered(words: str) -> Iterator[str]:
    """For names that have been cut alike."""
    yield words
    number = 2
    while True:
        yield f"{words} ({number})"
        number += 1


def _curves(runs: Sequence[Path], finals: Mapping[str, Figure | None]) -> dict[str, Points]:
    """By metric; last the figures of the table, at the last step."""
    epochs = [rows for run in runs if (rows := read_epochs(run / METRICS))]
    steps = {int(row["epoch"]) + 1: int(row.get("step", row["epoch"] + 1)) for rows in epochs for row in rows}
    names = dict.fromkeys(name for rows in epochs for row in rows for name in row if name not in NO_METRICS)
    curves = {name: {steps[at]: figure for at, figure in curve_of(epochs, name).items()} for name in names}
    last = max(steps.values(), default=0)
    for name, figure in finals.items():
        if figure and ("/" in name or name in names or OF_A_MODULE.match(name)):
            curves[f"{name}_best" if name in curves else name] = {last: figure}
    return curves


def _write(folder: Path, curves: Mapping[str, Points]) -> None:
    from tensorboard.compat.proto.event_pb2 import Event, SessionLog
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.record_writer import RecordWriter

    now, content = time.time(), BytesIO()
    values = [(step, tag, value) for name, points in curves.items() for step, tag, value in _values(name, points)]
    if not values:
        return
    start = SessionLog(status=SessionLog.START)  # of a server that runs, hides what it has read of earlier files
    events = [Event(wall_time=now, file_version="brain.Event:2"), Event(wall_time=now, step=0, session_log=start)]
    charts = [name for name, points in curves.items() if len(points) > 1]
    events.append(Event(wall_time=now, summary=_layout(sorted(charts, key=_place))))
    for step, tag, value in values:
        summary = Summary(value=[Summary.Value(tag=tag, simple_value=value)])
        events.append(Event(wall_time=now, step=step, summary=summary))
    records = RecordWriter(content)
    for event in events:
        records.write(event.SerializeToString())
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / f"events.out.tfevents.{int(now)}.{socket.gethostname()}{SUFFIX}", content.getvalue())


def _tags(metric: str) -> tuple[str, str, str]:
    return f"mean/{metric}", f"band/{metric} lower", f"band/{metric} upper"


def _values(metric: str, points: Points) -> Iterable[tuple[int, str, float]]:
    for step, figure in points.items():
        if figure.sd is not None:
            spread = (figure.mean, figure.mean - figure.sd, figure.mean + figure.sd)
            for tag, value in zip(_tags(metric), spread, strict=True):
                yield step, tag, value


def _place(metric: str) -> tuple[int, str]:
    return FIRST.index(metric) if metric in FIRST else len(FIRST), metric


def _layout(metrics: Sequence[str]):  # type: ignore[no-untyped-def]
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboard.compat.proto.tensor_pb2 import TensorProto
    from tensorboard.plugins.custom_scalar import layout_pb2, metadata

    charts = []
    for metric in metrics:
        value, lower, upper = _tags(metric)
        series = layout_pb2.MarginChartContent.Series(value=value, lower=lower, upper=upper)
        charts.append(layout_pb2.Chart(title=metric, margin=layout_pb2.MarginChartContent(series=[series])))
    layout = layout_pb2.Layout(category=[layout_pb2.Category(title=TITLE, chart=charts)])
    plugin = SummaryMetadata.PluginData(plugin_name=metadata.PLUGIN_NAME)
    tensor = TensorProto(dtype="DT_STRING", string_val=[layout.SerializeToString()])
    kind = SummaryMetadata(plugin_data=plugin)
    return Summary(value=[Summary.Value(tag=metadata.CONFIG_SUMMARY_TAG, metadata=kind, tensor=tensor)])
