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

    That is: random number generators, environment variables, the current directory, warning filters, log levels,
    signal handlers, and torch's threads, default type, precision and determinism.
    """
    with ExitStack() as after, warnings.catch_warnings():
        for restore in (_random_numbers(), _environment(), _directory(), _log_levels(), _signals(), *_torch()):
            after.callback(restore)
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


def _log_levels() -> Callable[[], None]:
    from groundup.borrowed.lightning import LOGS

    names = ["", *LOGS, "py.warnings"]
    levels = {name: logging.getLogger(name).level for name in names}

    def restore() -> None:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)

    return restore


def _signals() -> Callable[[], None]:
    before = {signum: signal.getsignal(signum) for signum in SIGNALS}

    def restore() -> None:
        for signum, handler in before.items():
            if handler is not None and signal.getsignal(signum) is not handler:
                signal.signal(signum, handler)

    return restore


def _torch() -> list[Callable[[], None]]:
    import torch

    threads, default = torch.get_num_threads(), torch.get_default_dtype()
    determinism, warn_only = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    precision, state = torch.get_float32_matmul_precision(), torch.get_rng_state()
    cudnn = torch.backends.cudnn
    flags = {name: getattr(cudnn, name) for name in ("benchmark", "deterministic", "allow_tf32")}

    def restore() -> None:
        torch.set_num_threads(threads)
        torch.set_default_dtype(default)
        torch.use_deterministic_algorithms(determinism, warn_only=warn_only)
        torch.set_float32_matmul_precision(precision)
        torch.set_rng_state(state)
        for name, value in flags.items():
            setattr(cudnn, name, value)

    return [restore]
