"""What predictions of trained runs cost on this CPU: `groundup measure DIR`."""

from __future__ import annotations

import os
import re
import shlex
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from groundup.command.frame import BAD_REQUEST, asked_for_tracebacks, say
from groundup.command.place import Place, trust
from groundup.command.tell import tell
from groundup.config.suggest import nearest
from groundup.errors import UserError
from groundup.printable import in_columns, printable

if TYPE_CHECKING:  # which takes torch
    from groundup.report.runs import Run
    from groundup.run.measure import Measured

KEYS = ("batch", "threads", "rounds", "trust")
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")  # of what computes for NumPy
FAILED = 1
HELP = """groundup: what predictions of trained runs cost on this CPU: milliseconds of an image and of a batch.

  Commands
    {command} outputs/sweeps/DIR
    {command} DIR DIR batch=64 threads=4

  DIR is a run's directory, a sweep's, or one that holds some of them. The runs are measured in turn, in one process;
  what comes of it is written into their directories, as costs.json, and shown by report.

  Keys: KEY=VALUE, the default in brackets
    batch     images in a batch [256]
    threads   that compute [1]
    rounds    readings of each network; their median counts [15]
    trust     your own packages, such as mypkg, that the runs have parts of
"""


@dataclass(frozen=True)
class Request:
    """What was asked for."""

    paths: list[Path]
    batch: int = 256
    threads: int = 1
    rounds: int = 15
    trust: tuple[str, ...] = ()


def main(place: Place, words: Sequence[str]) -> None:
    """Measures, writes, prints a table, and ends the process: with 1 where a run could not be measured."""
    if not words or any(word in ("-h", "--help") for word in words):
        tell(HELP.format(command=place.spell("measure")))
        sys.exit(0 if words else BAD_REQUEST)
    try:
        code = _measure(parse(words), place)
    except UserError as error:
        if asked_for_tracebacks():
            raise
        say(str(error))
        code = BAD_REQUEST
    except KeyboardInterrupt:
        say("interrupted: nothing was written")
        code = 128 + signal.SIGINT
    sys.exit(code)


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
    numbers = {key: _positive(key, settings[key]) for key in KEYS[:3] if key in settings}
    packages = tuple(filter(None, re.split(r"[\s,\[\]]+", settings.get("trust", ""))))
    return Request(paths, **numbers, trust=packages)


def _accepted() -> str:
    return ", ".join(f"{key}=" for key in KEYS)


def _positive(key: str, value: str) -> int:
    if not re.fullmatch(r"[1-9]\d{0,5}", value):
        raise UserError(f"{key}={value}: accepted is a number from 1")
    return int(value)


def _measure(request: Request, place: Place) -> int:
    from groundup.report.find import find_runs

    os.environ.update(dict.fromkeys(THREADS, str(request.threads)))  # NumPy looks when it is imported
    place.settle()
    trust(request.trust)
    found = find_runs(request.paths).runs
    runs = [run for run in found if run.finished]
    if not runs:
        raise UserError(f"{request.paths[0]}: no run in it has finished, so there is nothing to measure")
    if left := len(found) - len(runs):
        _warn(f"{left} of {len(found)} runs have not finished: left out")

    from groundup.run.measure import measure
    from groundup.rundir.measured import write_measured

    loaded = [(run, network) for run in runs if (network := _load(run, request))]
    measured = measure([network for _, network in loaded], request.batch, request.threads, request.rounds)
    rows = [["run", "ms an image", f"ms for {request.batch}"]]
    for (run, _), figures in zip(loaded, measured, strict=True):
        try:
            write_measured(run.path, figures)
        except OSError as error:
            raise UserError(f"{run.path}: cannot be written: {error.strerror or error}") from error
        rows.append([printable(run.name), f"{figures['image_ms']:.3g}", f"{figures['batch_ms']:.3g}"])
    if scattered := sum(network.scatters for _, network in loaded):
        _warn(
            f"readings of {scattered} of {len(loaded)} runs scatter: the machine was busy with something else; measure "
            "again, or take more rounds="
        )
    if loaded:
        tell("\n".join(in_columns(rows, right=(1, 2))) + "\n")
        given = shlex.join(map(str, request.paths))
        tell(f"accuracy against it: {place.spell('report')} {given} pareto=image_ms,batch_ms")
    return FAILED if len(loaded) < len(runs) else 0


def _warn(text: str) -> None:
    print(f"warning: {text}", file=sys.stderr)


def _load(run: Run, request: Request) -> Measured | None:
    """The network of a run; None, and said why, where it cannot be read."""
    from groundup.run.measure import load

    try:
        return load(run.path, request.batch, request.trust)
    except UserError as error:
        say(f"{printable(run.name)}: {error}")
        return None
