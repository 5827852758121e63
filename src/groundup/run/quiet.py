"""Silences messages of Lightning that are no news here."""

from __future__ import annotations

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from groundup.borrowed.lightning import CALLBACKS_LOG, LOGS, PROFILERS_LOG, RANK_ZERO_LOG
from groundup.errors import log_of_tracebacks

ASKED_FOR = (CALLBACKS_LOG, PROFILERS_LOG, RANK_ZERO_LOG)  # what the user chose to be told


def _of_callbacks(record: logging.LogRecord) -> bool:
    """Whether a record of `RANK_ZERO_LOG` is to be heard."""
    return record.levelno >= logging.WARNING or Path(record.pathname).parent.name == "callbacks"


@contextmanager
def quiet() -> Iterator[None]:
    """Silences what Lightning says that is no news here, for the time of this run alone."""
    heard = [logging.getLogger(name) for name in ASKED_FOR]
    logs = [*map(logging.getLogger, LOGS), *heard]
    levels = [lightning_log.level for lightning_log in logs]
    before = (logging.raiseExceptions, threading.excepthook)
    logging.raiseExceptions = False  # a log on a full disk: what the run itself fails to write is said once
    threading.excepthook = _log_traceback_of_thread
    for lightning_log in logs:
        lightning_log.setLevel(logging.INFO if lightning_log in heard else logging.WARNING)
    rank_zero = logging.getLogger(RANK_ZERO_LOG)
    rank_zero.addFilter(_of_callbacks)
    with warnings.catch_warnings():
        for message in (
            r".*does not have many workers.*",
            r".*ended before the epoch ended and your dataloader is not resumable.*",  # ours is
            r"Total length of `list` across ranks is zero.*",  # no validation data: asked for
            r".*smaller than the logging interval.*",
            r".*logging on epoch level in distributed setting.*",  # sums over all processes already
            r".*No .?val_dataloader.*|.*defined a `validation_step` but have no `val_dataloader`.*",
            r"You passed in a `val_dataloader` but have no `validation_step`.*",  # said in our words
            r"You have overridden `(on_after_batch_transfer|transfer_batch_to_device)` in both.*",  # see `ImageData`
            r".*`isinstance\(treespec, LeafSpec\)` is deprecated.*",
        ):
            warnings.filterwarnings("ignore", message)
        try:
            yield
        finally:
            rank_zero.removeFilter(_of_callbacks)
            logging.raiseExceptions, threading.excepthook = before
            for lightning_log, level in zip(logs, levels, strict=True):
                lightning_log.setLevel(level)


def _log_traceback_of_thread(failed: threading.ExceptHookArgs) -> None:
    """TensorBoard's writing thread: what it fails at is raised again where the next figure is logged."""
    log_of_tracebacks.error("traceback of a thread", exc_info=failed.exc_value)
