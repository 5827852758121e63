"""The processes of a run on several devices: the first writes everything, the others, its helpers, train along.

Lightning starts the helpers, by the command of the first, and kills the first as soon as it sees a helper gone.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from lightning.pytorch import Trainer

from groundup.borrowed.lightning import HELPERS_LOGS, started_processes
from groundup.errors import RunFailed, log_of_tracebacks
from groundup.rundir.ranks import is_helper as is_helper

PATIENCE = 30.0  # seconds for helpers to end by themselves
GRACE = 5.0  # seconds for the first process to write its results before a helper that failed is gone


@contextmanager
def leaving_in_order() -> Iterator[None]:
    """For a helper: tells the others at once when what is done inside fails, and the cause in the helper's log.

    Raises:
        RunFailed: what was done inside failed, and nobody ended this process because of that.
    """
    try:
        yield
    except BaseException as error:
        if isinstance(error, Exception) and not _is_lost_connection(error):
            log_of_tracebacks.error("traceback of the failure", exc_info=error)
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()  # those who wait for this process need not wait any longer
        time.sleep(GRACE)
        if not isinstance(error, Exception):
            raise
        raise RunFailed(f"process {os.environ.get('LOCAL_RANK')}: {type(error).__name__}: {error}") from error
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()  # its threads, still there at exit, can abort the process


def cause_in_helper(error: Exception, run_dir: Path) -> str | None:
    """Why a helper failed, where `error` only says that it is gone; None for any other error."""
    if not _is_lost_connection(error):
        return None
    for file in sorted(run_dir.glob(HELPERS_LOGS)):
        lines = file.read_text().splitlines()
        if lines:  # a traceback; its last line is the error
            return f"process {file.stem.rpartition('_')[2]}: {lines[-1]}"
    return "another process of this run ended unexpectedly; it may have been killed for want of memory"


def _is_lost_connection(error: Exception) -> bool:
    words = r"Connection (closed|reset) by peer|Broken pipe|remote process exited"
    return isinstance(error, RuntimeError) and re.search(words, str(error)) is not None


def end_helpers(trainer: Trainer, failed: bool) -> None:
    """Waits for the helpers that this process started, or kills them where the run has failed; drops empty logs."""
    launched = started_processes(trainer)
    helpers = list(launched)
    launched.clear()  # so that Lightning does not kill this process when it sees one gone
    for helper in helpers:
        if failed:
            helper.kill()
        try:
            helper.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            helper.kill()
            helper.wait()
    if helpers:
        for file in Path(trainer.default_root_dir).glob(HELPERS_LOGS):
            if not file.stat().st_size:
                file.unlink()
