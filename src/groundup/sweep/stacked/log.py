"""The log of a job of a stack, while others are trained beside it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from groundup.errors import log_of_tracebacks
from groundup.printable import PrintableFormatter
from groundup.rundir.links import LogFile
from groundup.rundir.names import LOG


class Log:
    """A job's `train.log`: all that is said in `on()`; of that, the terminal shows warnings only."""

    def __init__(self, run_dir: Path):
        self._name = run_dir.name
        self._file = LogFile(run_dir / LOG, encoding="utf-8", delay=True)
        self._file.setFormatter(PrintableFormatter("%(asctime)s %(levelname)s %(message)s"))

    @contextmanager
    def on(self) -> Iterator[None]:
        root = logging.getLogger()
        before = (root.handlers[:], log_of_tracebacks.handlers[:], log_of_tracebacks.propagate)
        level = root.level
        warnings = [_Warnings(handler, self._name) for handler in before[0] if _is_console(handler)]
        root.handlers[:] = [self._file, *warnings]
        root.setLevel(min(level, logging.INFO))
        log_of_tracebacks.handlers[:], log_of_tracebacks.propagate = [self._file], False
        try:
            yield
        finally:
            root.handlers[:], log_of_tracebacks.handlers[:], log_of_tracebacks.propagate = before
            root.setLevel(level)
            self._file.close()  # opened again by the next record: a thousand jobs need not hold a thousand files


def _is_console(handler: logging.Handler) -> bool:
    return isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler)


class _Warnings(logging.Handler):
    """Passes warnings on to another handler, with the name of the job."""

    def __init__(self, handler: logging.Handler, job: str):
        super().__init__(logging.WARNING)
        self._handler, self._job = handler, job

    def emit(self, record: logging.LogRecord) -> None:
        named = logging.makeLogRecord(record.__dict__ | {"msg": f"job {self._job}: {record.getMessage()}", "args": ()})
        self._handler.handle(named)
