"""`python report.py DIR... [KEY=VALUE...]`: from the words of the command line to the files of the report."""

from __future__ import annotations

import re
import shutil
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from groundup.command.frame import BAD_REQUEST, asked_for_tracebacks, say
from groundup.command.place import Place
from groundup.command.tell import tell
from groundup.config.suggest import nearest
from groundup.errors import UserError
from groundup.paths import unique_name
from groundup.report.configurations import Part, parts_of
from groundup.report.find import find_runs
from groundup.report.pareto import parse_costs, refuse_costs
from groundup.rundir.links import refuse_links_out
from groundup.rundir.names import CONFIG, JOBS, RESULTS
from groundup.rundir.rendering import as_text

KEYS = ("out", "compare", "metric", "best", "pareto")
HELP = """groundup: tables and plots of runs and sweeps, in one page.

  Commands
    {command} outputs/sweeps/DIR
    {command} DIR DIR compare=1,3 out=FOLDER
    {command} DIR compare=all

  DIR is the directory of a run or a sweep, or a folder that holds some of them.

  Keys: KEY=VALUE, the default in brackets
    out       the folder that is written [DIR/report of one run or sweep, else outputs/reports/…]
    compare   two configurations by their numbers in the table, or all [the best against all others]
    metric    the figure that they are compared by [test/acc]
    best      the number of configurations in the plots [8]
    pareto    the costs that accuracy is drawn against, such as macs,train_seconds; or none [all that differ]
"""
BEST = 8
ALL_PAIRS = "all"  # what `compare` accepts beside two numbers


@dataclass(frozen=True)
class Request:
    """What was asked for."""

    paths: list[Path]
    out: Path | None = None
    compare: tuple[int, int] | str | None = None
    metric: str | None = None
    best: int = BEST
    pareto: list[str] | None = None


def main(words: Sequence[str], place: Place) -> int:
    """Writes a report, says where, and returns the exit code.

    Args:
        words: of the command line.
        place: whose `outputs/reports` takes what has no place of its own.
    """
    if not words or any(word in ("-h", "--help") for word in words):
        tell(HELP.format(command=place.spell("report")))
        return 0 if words else BAD_REQUEST
    try:
        _report(parse(words), list(words), place)
    except UserError as error:
        if asked_for_tracebacks():
            raise
        say(str(error))
        return BAD_REQUEST
    except KeyboardInterrupt:
        say("interrupted")
        return 128 + signal.SIGINT
    return 0


def _report(request: Request, words: list[str], place: Place) -> None:
    found = find_runs(request.paths)
    parts = parts_of(found)
    folder = request.out or _folder(request.paths, found.sweep, place.home.outputs)
    if request.out is None:
        refuse_links_out(folder.parent, [folder.name])

    from groundup.report.compared import refuse_pair  # SciPy is imported here
    from groundup.report.files import PAGE, write_report  # Matplotlib is imported here, bad paths have been answered
    from groundup.report.page import render
    from groundup.report.section import make_section, refuse_metric

    if isinstance(request.compare, tuple):
        refuse_pair(parts, request.compare)
    if request.metric:
        refuse_metric(parts, request.metric)
    if request.pareto:
        refuse_costs(parts, request.pareto, f"{place.spell('measure')} DIR")
    sections = [
        make_section(part, prefix, request.best, request.compare, request.metric, request.pareto)
        for part, prefix in zip(parts, _prefixes(parts), strict=True)
    ]
    write_report(folder, sections, render(sections, found.notes, words, datetime.now()))

    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for section in sections:
        if len(sections) > 1:
            tell(f"{section.part.data}\n")
        tell(as_text(section.part.table, width, "report.md", section.said) + "\n")
    tell(f"report: {folder / PAGE}")


def parse(words: Sequence[str]) -> Request:
    """Sorts the words into paths and settings.

    Raises:
        UserError: no path at all, an unknown setting or a value that is none.
    """
    paths, settings = [], {}
    for word in words:
        key, equals, value = word.partition("=")
        if equals and key in KEYS:
            settings[key] = value
        elif word.startswith("-"):
            raise UserError(f"{word}: unknown option; accepted: directories, {_accepted()}, --help")
        elif equals and re.fullmatch(r"[\w.]+", key) and not Path(word).exists():
            meant = nearest(key, KEYS)
            hint = f"; did you mean {meant}={value}?" if meant else "."
            raise UserError(f"{word}: there is no key '{key}'{hint} Accepted: directories, {_accepted()}")
        else:
            paths.append(Path(word).expanduser())
    if not paths:
        raise UserError("no directory given; accepted: directories of runs or sweeps, such as outputs/sweeps/DIR")
    return Request(
        paths,
        Path(settings["out"]).expanduser() if settings.get("out") else None,
        _pair(settings["compare"]) if "compare" in settings else None,
        settings.get("metric"),
        _positive("best", settings["best"]) if "best" in settings else BEST,
        parse_costs(settings["pareto"]) if "pareto" in settings else None,
    )


def _accepted() -> str:
    return ", ".join(f"{key}=" for key in KEYS)


def _pair(value: str) -> tuple[int, int] | str:
    if value == ALL_PAIRS:
        return value
    found = re.fullmatch(r"(\d{1,9}),(\d{1,9})", value)
    if not found:
        raise UserError(f"compare={value}: accepted: two numbers of the table, such as compare=1,3, or all")
    return int(found[1]), int(found[2])


def _positive(key: str, value: str) -> int:
    if not re.fullmatch(r"[1-9]\d{0,5}", value):
        raise UserError(f"{key}={value}: accepted: a number from 1 on")
    return int(value)


def _folder(paths: Sequence[Path], sweep: Path | None, outputs: Path) -> Path:
    """`report` in the sweep's or the only directory given, else a new folder of the project."""
    if sweep is not None:
        return (paths[0] if paths[0].resolve() == sweep else sweep) / "report"
    own = len(paths) == 1 and any((paths[0] / name).is_file() for name in (RESULTS, CONFIG, JOBS))
    return paths[0] / "report" if own else outputs / "reports" / unique_name()


def _prefixes(parts: Sequence[Part]) -> list[str]:
    """What the names of each data set's files begin with: as much of its own as a file's name has room for."""
    if len(parts) == 1:
        return [""]
    plain = [re.sub(r"[^\w-]+", "_", part.data)[-60:] for part in parts]
    if len({*plain}) < len(plain):
        plain = [f"{number}-{name}" for number, name in enumerate(plain, start=1)]
    return [f"{name}-" for name in plain]
