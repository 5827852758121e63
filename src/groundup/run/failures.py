"""What ended a run, in the words of one who can do something about it."""

from __future__ import annotations

import errno
import shlex
from pathlib import Path

import torch


def one_line_cause(error: BaseException, run_dir: Path) -> str:
    """What went wrong and, where it is known, what to do, in one line."""
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"no space left on the disk of {run_dir}; make room and go on with: {shlex.quote(f'resume={run_dir}')}"
    if isinstance(error, torch.OutOfMemoryError):
        return "out of memory on the GPU: try a smaller data.batch_size or model, or trainer.precision=bf16-mixed"
    if isinstance(error, ValueError) and "Expected more than 1 value per channel" in str(error):
        return "batch norm cannot learn from a single image a step: raise data.batch_size or data.limit_train"
    if isinstance(error, TypeError) and "expected Tensor as element" in str(error):
        return (
            "a weight got its first gradient later than the others, which PyTorch's fused optimizers do not support: "
            "set optimizer.fused=false"
        )
    if isinstance(error, OSError) and error.errno:
        return f"{error.strerror}: {error.filename or 'while writing'}"
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__
