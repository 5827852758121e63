"""Whether a run's training step can be captured, and an optimizer that can."""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.strategies import SingleDeviceStrategy
from torch import Tensor, nn
from torch.optim import SGD, Optimizer

from groundup.borrowed.lightning import detects_anomalies
from groundup.data.module import ImageData
from groundup.learning.numpy_net import NumPyNet

# Hooks inside of a step, which a replay does not call
_HOOKS = ("on_before_zero_grad", "on_before_backward", "on_after_backward", "on_before_optimizer_step")


def why_not(trainer: Trainer, net: nn.Module, device_type: str) -> str | None:
    """Why the steps of a run cannot be captured on this type of device; None where they can.

    Asked when optimizers are there and the training data are not yet.
    """
    there = trainer.strategy.root_device.type
    accumulated, clipped = trainer.accumulate_grad_batches, trainer.gradient_clip_val
    single = isinstance(trainer.strategy, SingleDeviceStrategy)
    reasons = {
        "NumPy computes this network": isinstance(net, NumPyNet),
        f"trainer.devices={trainer.num_devices}: one device alone can be captured": trainer.num_devices > 1,
        "trainer.strategy: that of a single device, auto, alone can be captured": not single,
        f"trainer.accelerator: it is {there}, and only {device_type} can be captured": there != device_type,
        f"trainer.gradient_clip_val={clipped}": bool(clipped),
        f"trainer.accumulate_grad_batches={accumulated}": accumulated != 1,
        "trainer.detect_anomaly=true: it looks at every step from the host": detects_anomalies(trainer),
        "trainer.precision=16-mixed: its loss is scaled on the host": _scales_loss(trainer),
        "scheduler: a scheduler of PyTorch is told by the host when to go on": bool(trainer.lr_scheduler_configs),
        "optimizer.fused=false": _is_unfused(trainer.optimizers[0]),
    }
    first = next((reason for reason, holds in reasons.items() if holds), None)
    return first or _why_not_optimizer(trainer.optimizers[0]) or _why_not_data(trainer) or _why_not_callbacks(trainer)


def _scales_loss(trainer: Trainer) -> bool:
    return getattr(trainer.precision_plugin, "scaler", None) is not None


def _is_unfused(optimizer: Optimizer) -> bool:
    """Of SGD only the fused kernel reads the learning rate on the device."""
    return isinstance(optimizer, SGD) and not all(group["fused"] for group in optimizer.param_groups)


def _why_not_optimizer(optimizer: Optimizer) -> str | None:
    says_so = getattr(optimizer, "capturable", False) or all("capturable" in group for group in optimizer.param_groups)
    if says_so or isinstance(optimizer, SGD):
        return None
    return f"optimizer: {type(optimizer).__name__} does not say that it can be captured"


def _why_not_data(trainer: Trainer) -> str | None:
    data = trainer.datamodule  # type: ignore[attr-defined]
    if not isinstance(data, ImageData):
        return f"data: {type(data).__name__} gives no positions of images"
    return None if data.in_memory else "data.in_memory=false: the images come from the disk"


def _why_not_callbacks(trainer: Trainer) -> str | None:
    """Watchers, those that have `on_steps_logged`, change nothing and are called at the steps that they look at."""
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        for hook in _HOOKS if not hasattr(callback, "on_steps_logged") else ():
            if getattr(type(callback), hook) not in (None, getattr(Callback, hook)):
                return f"callbacks: {type(callback).__name__} has a hook inside of the step, {hook}"
    return None


def prepare(optimizer: Optimizer, device: torch.device) -> None:
    """Puts what changes from step to step onto the device, where a replay reads it: rates and counts of steps."""
    for group in optimizer.param_groups:
        group["lr"] = torch.tensor(float(group["lr"]), dtype=torch.float32, device=device)
        if "capturable" in group:
            group["capturable"] = True
    for state in optimizer.state.values():
        if isinstance(state.get("step"), Tensor):
            state["step"] = state["step"].to(device, torch.float32)


def as_built(state: dict[str, Any], optimizer: Optimizer) -> None:
    """Changes a state dict of a prepared optimizer into one of an optimizer that was not prepared."""
    for group in state["param_groups"]:
        group["lr"] = float(group["lr"])
        if "capturable" in group:
            group["capturable"] = optimizer.defaults["capturable"]
