"""What somebody's part changes in the process of its job is put back for the next."""

from __future__ import annotations

import gc
import io
import logging
import os
import sys
import warnings

import numpy as np
import pytest
import torch
from torch.nn.modules.module import register_module_forward_hook
from torch.optim.optimizer import register_optimizer_step_post_hook

from groundup.borrowed.torch import global_hooks
from groundup.sweep.isolation import isolated


def state():
    import matplotlib

    return {
        "device": torch.get_default_device(),
        "dtype": torch.get_default_dtype(),
        "precision": torch.get_float32_matmul_precision(),
        "gradients": torch.is_grad_enabled(),
        "anomaly": torch.is_anomaly_enabled(),
        "determinism": torch.are_deterministic_algorithms_enabled(),
        "cudnn": [torch.backends.cudnn.enabled, torch.backends.cudnn.benchmark],
        "hooks": [dict(hooks) for hooks in global_hooks()],
        "handlers": [logging.getLogger(name).handlers[:] for name in ("", "lightning.pytorch", "groundup")],
        "disabled": logging.root.manager.disable,
        "warnings": warnings.filters[:],
        "environment": dict(os.environ),
        "seed of Lightning": os.environ.get("PL_GLOBAL_SEED"),
        "folder": os.getcwd(),
        "path": sys.path[:],
        "streams": [sys.stdout, sys.stderr],
        "collector": gc.isenabled(),
        "numpy": np.geterr(),
        "pictures": matplotlib.rcParams["axes.facecolor"],
    }


def change(tmp_path):
    import lightning
    import matplotlib

    torch.set_default_device("meta")
    torch.set_default_dtype(torch.float64)
    torch.set_float32_matmul_precision("medium")
    torch.set_grad_enabled(False)
    torch.autograd.set_detect_anomaly(True)
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.enabled, torch.backends.cudnn.benchmark = False, True
    register_module_forward_hook(lambda *_: None)
    register_optimizer_step_post_hook(lambda *_: None)
    for name in ("", "lightning.pytorch", "groundup"):
        logging.getLogger(name).addHandler(logging.StreamHandler(io.StringIO()))
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("error")
    lightning.seed_everything(3)
    os.chdir(tmp_path)
    sys.path.insert(0, str(tmp_path))
    sys.stdout, sys.stderr = io.StringIO(), io.StringIO()
    gc.disable()
    np.seterr(all="raise")
    matplotlib.rcParams["axes.facecolor"] = "black"


def test_a_careless_part_leaves_nothing_to_the_next_job(tmp_path):
    with isolated():
        pass  # the first in a process imports
    before = state()
    with isolated():
        change(tmp_path)
        changed = state()
    after = state()
    assert [key for key in before if changed[key] == before[key]] == []
    assert [key for key in before if after[key] != before[key]] == []
    assert torch.zeros(1).device.type == "cpu"


def test_also_where_the_part_raises(tmp_path):
    before = state()

    def careless():
        with isolated():
            change(tmp_path)
            raise RuntimeError("careless")

    with pytest.raises(RuntimeError, match="careless"):
        careless()
    assert state() == before
