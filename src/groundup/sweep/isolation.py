"""Jobs that share a process leave it as they found it: else a job's figures would depend on which came before."""

from __future__ import annotations

import atexit
import functools
import gc
import importlib
import logging
import os
import random
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import numpy as np

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def isolated() -> Iterator[None]:
    """As `put_back`, for one of many jobs: what they all import is loaded first."""
    _forget_what_is_there()
    with put_back():
        yield


@contextmanager
def put_back() -> Iterator[None]:
    """Puts back, after what is done inside, all that a run can change of its process.

    That is: random number generators, environment variables, the current directory, warning filters, log levels and
    handlers, signal handlers, where Python finds modules and prints, the garbage collector, NumPy's and matplotlib's
    settings, and torch's threads, defaults, precision, determinism, modes and global hooks.
    """
    with ExitStack() as after, warnings.catch_warnings():
        for remember in (*REMEMBER, _torch):
            after.callback(remember())
        yield


@functools.cache
def _forget_what_is_there() -> None:
    """Takes what is imported for a run out of the garbage collector's sight, once in a process.

    Else every job, which collects its garbage, would look through the million objects of the libraries: 0.3 s.
    """
    importlib.import_module("groundup.run.run")
    gc.collect()
    gc.freeze()
    atexit.register(gc.unfreeze)  # else libraries complain at exit of objects that are left


def _random_numbers() -> Callable[[], None]:
    python, array = random.getstate(), np.random.get_state()

    def restore() -> None:
        random.setstate(python)
        np.random.set_state(array)

    return restore


def _environment() -> Callable[[], None]:
    before = dict(os.environ)

    def restore() -> None:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update({name: value for name, value in before.items() if os.environ.get(name) != value})

    return restore


def _directory() -> Callable[[], None]:
    before = os.getcwd()
    return lambda: os.chdir(before)


def _logging() -> Callable[[], None]:
    """A handler that a job has added would write down what the jobs after it say."""
    from groundup.borrowed.lightning import LOGS

    loggers = [logging.getLogger(name) for name in ("", *LOGS, "py.warnings", "groundup")]
    before = [(logger, logger.level, logger.handlers[:], logger.propagate) for logger in loggers]
    disabled = logging.root.manager.disable

    def restore() -> None:
        logging.disable(disabled)
        for logger, level, handlers, propagate in before:
            logger.setLevel(level)
            logger.handlers[:], logger.propagate = handlers, propagate

    return restore


def _python() -> Callable[[], None]:
    path, streams, collects = sys.path[:], (sys.stdout, sys.stderr), gc.isenabled()

    def restore() -> None:
        sys.path[:] = path
        sys.stdout, sys.stderr = streams
        (gc.enable if collects else gc.disable)()

    return restore


def _numpy() -> Callable[[], None]:
    errors, printed = np.geterr(), np.get_printoptions()

    def restore() -> None:
        np.seterr(**errors)
        np.set_printoptions(**printed)

    return restore


def _matplotlib() -> Callable[[], None]:
    """Of pictures; matplotlib may be imported by the job itself."""
    before = sys.modules["matplotlib"].rcParams.copy() if "matplotlib" in sys.modules else None

    def restore() -> None:
        if (module := sys.modules.get("matplotlib")) is not None:
            module.rcParams.update(before if before is not None else module.rcParamsOrig)

    return restore


def _signals() -> Callable[[], None]:
    before = {signum: signal.getsignal(signum) for signum in SIGNALS}

    def restore() -> None:
        for signum, handler in before.items():
            if handler is not None and signal.getsignal(signum) is not handler:
                signal.signal(signum, handler)

    return restore


def _torch() -> Callable[[], None]:
    from groundup.sweep.torch_state import remember  # in a job: not before

    return remember()


REMEMBER = (_random_numbers, _environment, _directory, _logging, _signals, _python, _numpy, _matplotlib)
