"""Jobs in other processes than the sweep's: who runs, how they are stopped, where the lines at their ends come out.

A terminal sends Ctrl-C to every process of a command, SIGTERM comes to one alone. So jobs elsewhere ignore Ctrl-C; the
process of the sweep tells them to save and stop, by SIGTERM, and waits until they have.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groundup.command.tell import tell
from groundup.errors import Interrupted
from groundup.rundir.names import PROCESSES
from groundup.signals import Requests

LINES, STOPPED = "lines", "stopped"
PATIENCE = 60.0  # seconds for jobs to save what they have
LOOK_EVERY = 0.2  # seconds


@dataclass(frozen=True)
class Process:
    """A process, on whatever machine."""

    host: str
    pid: int

    @classmethod
    def this(cls) -> Process:
        return cls(socket.gethostname(), os.getpid())

    @property
    def is_gone(self) -> bool:
        """Whether it has ended, as far as can be told: of another machine it cannot."""
        if self.host != socket.gethostname():
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:  # it is there, another user's
            pass
        return False


# In the process of a job


@contextmanager
def announced(sweep_dir: Path, number: int) -> Iterator[bool]:
    """Makes a job known to the sweep while it runs, and says whether it may: the sweep may have been stopped.

    A job that is told to stop ends here; what it has saved says so.
    """
    folder = sweep_dir / PROCESSES
    folder.mkdir(exist_ok=True)
    file, process = folder / str(number), Process.this()
    before = {signum: signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR2)}
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _stop)
    if callable(submitit_calls := before[signal.SIGUSR2]):
        signal.signal(signal.SIGUSR2, _once_more_or_stop(submitit_calls))
    try:
        file.write_text(f"{process.host} {process.pid}")  # before looking: who stops the sweep does it the other way
        yield not (folder / STOPPED).exists()
    except Interrupted:
        pass
    finally:
        file.unlink(missing_ok=True)
        for signum, handler in before.items():
            signal.signal(signum, handler)


def say(sweep_dir: Path, line: str) -> None:
    """Has a line printed by the process of the sweep: what a job prints may go to a file, or nowhere."""
    with (sweep_dir / PROCESSES / LINES).open("a") as file:
        file.write(f"{line}\n")


def _stop(signum: int, frame: Any) -> None:
    raise Interrupted(signum)


def _once_more_or_stop(submitit_calls: Callable[[int, Any], Any]) -> Callable[[int, Any], None]:
    """For the signal of a cluster that takes the machine back: submitit ends the process, and runs the job once more.

    After so many times it raises an error instead; the job has then been stopped, and has not failed.
    """

    def handle(signum: int, frame: Any) -> None:
        try:
            submitit_calls(signum, frame)
        except Exception as error:
            raise Interrupted(signum) from error

    return handle


# In the process of the sweep


@contextmanager
def attended(sweep_dir: Path) -> Iterator[None]:
    """Prints the lines of the jobs that other processes run meanwhile, and stops these when it is stopped."""
    folder = sweep_dir / PROCESSES
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / LINES).touch()
    ended = threading.Event()
    printer = threading.Thread(target=_print_lines, args=(folder / LINES, ended), daemon=True)
    printer.start()
    try:
        with _stopping_jobs(folder):
            try:
                yield
            except Exception:
                _wait_for(folder, float("inf"))  # that one process is gone does not end the others
                raise
    finally:
        ended.set()
        printer.join()
        shutil.rmtree(folder, ignore_errors=True)


def _print_lines(file: Path, ended: threading.Event) -> None:
    with file.open() as lines:
        last_look = False
        while not last_look:
            last_look = ended.wait(LOOK_EVERY)
            tell(lines.read(), end="")


@contextmanager
def _stopping_jobs(folder: Path) -> Iterator[None]:
    """A second signal does not wait for what jobs save."""
    signals: list[int] = []
    requests = Requests()

    def stop(signum: int, frame: Any) -> None:
        if not requests.is_new():
            return
        signals.append(signum)
        if len(signals) > 1:
            raise Interrupted(signum)
        (folder / STOPPED).touch()
        tell(f"{signal.Signals(signum).name}: jobs stop after their step (once more: stop at once)")
        for pid in _running(folder):
            os.kill(pid, signal.SIGTERM)
        _wait_for(folder, PATIENCE)
        raise Interrupted(signum)

    before = {signum: signal.signal(signum, stop) for signum in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    except Exception as error:
        if signals:  # what a library made of it, when it came while the library was at work
            raise Interrupted(signals[0]) from error
        raise
    finally:
        for signum, handler in before.items():
            signal.signal(signum, handler)


def _wait_for(folder: Path, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while _running(folder) and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY / 4)


def _running(folder: Path) -> list[int]:
    """The processes of this machine that run jobs now."""
    found = []
    for file in folder.iterdir():
        if not file.name.isdigit():
            continue
        try:
            host, pid = file.read_text().split()
            os.kill(int(pid), 0)
        except (OSError, ValueError):  # it has ended meanwhile
            continue
        if host == socket.gethostname():
            found.append(int(pid))
    return found
