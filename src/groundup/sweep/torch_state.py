"""What is PyTorch's own in a process, so that a job may put it back: settings, and hooks that see every network."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.backends import cudnn

from groundup.borrowed.torch import global_hooks

CUDNN = ("enabled", "benchmark", "deterministic", "allow_tf32")


def remember() -> Callable[[], None]:
    """Remembers the state of PyTorch, and gives what puts it back."""
    parts = [_numbers(), _determinism(), _modes(), _hooks()]

    def restore() -> None:
        for part in parts:
            part()

    return restore


def _numbers() -> Callable[[], None]:
    threads, default, state = torch.get_num_threads(), torch.get_default_dtype(), torch.get_rng_state()
    precision, device = torch.get_float32_matmul_precision(), torch.get_default_device()

    def restore() -> None:
        torch.set_num_threads(threads)
        torch.set_default_dtype(default)
        torch.set_float32_matmul_precision(precision)
        if torch.get_default_device() != device:
            torch.set_default_device(None if device.type == "cpu" else device)  # None: as in a new process
        torch.set_rng_state(state)

    return restore


def _determinism() -> Callable[[], None]:
    flags = {name: getattr(cudnn, name) for name in CUDNN}
    determinism = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()

    def restore() -> None:
        torch.use_deterministic_algorithms(determinism, warn_only=warn_only)
        for name, value in flags.items():
            setattr(cudnn, name, value)

    return restore


def _modes() -> Callable[[], None]:
    gradients, anomaly = torch.is_grad_enabled(), torch.is_anomaly_enabled()
    checks_nan = torch.is_anomaly_check_nan_enabled()

    def restore() -> None:
        torch.set_grad_enabled(gradients)
        torch.autograd.set_detect_anomaly(anomaly, checks_nan)

    return restore


def _hooks() -> Callable[[], None]:
    before = [(hooks, dict(hooks)) for hooks in global_hooks()]

    def restore() -> None:
        for hooks, were in before:
            if hooks != were:
                hooks.clear()
                hooks.update(were)

    return restore
