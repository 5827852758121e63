"""A logger that fails while a run learns: the run goes on without it, and says so."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from typing import Any

from lightning.pytorch.loggers import Logger

from groundup.errors import log_of_tracebacks

log = logging.getLogger(__name__)

CALLED = ("log_metrics", "log_hyperparams", "log_graph", "log_image", "save", "after_save_checkpoint", "finalize")


def guard(logger: Logger, key: str) -> Callable[[], bool]:
    """Has the first failure of a logger be the last thing that is heard of it.

    Lightning lets what a logger raises end the training, in whatever step it is, before the checkpoint of that epoch:
    a server that is gone for a minute would cost hours. It is not asked again, for a client may take minutes to find
    out that a server is still gone.

    Args:
        logger: to watch; the object stays what it is, for callbacks that look for its class.
        key: of its node, for the message.

    Returns:
        Whether it has failed.
    """
    failed = False

    def watched(method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal failed
            if failed:
                return None
            try:
                return method(*args, **kwargs)
            except Exception as error:
                failed = True
                say_failed(key, error)
                return None

        return call

    for name in CALLED:
        if hasattr(logger, name):
            setattr(logger, name, watched(getattr(logger, name)))
    return lambda: failed


def say_failed(key: str, error: Exception) -> None:
    """The cause in a line, and its traceback in `train.log`."""
    cause = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    log.warning(f"{key}: {cause}; the run goes on without this logger")
    log_of_tracebacks.error(f"traceback of {key}", exc_info=error)
