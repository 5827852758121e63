"""Private names of PyTorch.

Looked at first: `torch.nn.Module`, `torch.optim`, `torch.amp` and `torch.utils.tensorboard`.

Two private methods of `torch.nn.Module` are overridden elsewhere, there being no public hook in their place: `_apply`,
which `.to(...)`, `.half()` and the like go through (`learning.numpy_net`, `models.speednet`), and `_get_name`, which
`repr` and `kind_of` name a module by (`learning.numpy_net`).
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import DataLoader

if TYPE_CHECKING:  # TensorBoard is slow to import, and few who borrow here write to it
    from tensorboard.compat.proto.summary_pb2 import Summary
    from torch.utils.tensorboard import SummaryWriter

# One kernel for many tensors; what ends in _ writes to the first of its arguments. PyTorch's own optimizers are made of
# these, and in public only whole optimizers are.
foreach_add = torch._foreach_add
foreach_add_ = torch._foreach_add_
foreach_clamp_min_ = torch._foreach_clamp_min_
foreach_copy_ = torch._foreach_copy_
foreach_div_ = torch._foreach_div_
foreach_lerp_ = torch._foreach_lerp_
foreach_mul_ = torch._foreach_mul_
foreach_norm = torch._foreach_norm

# What sees every operation of PyTorch while it is entered; the public counter of operations is one of these.
EachOperation = TorchDispatchMode

# What `torch.cdist` becomes, by the number of its rows; operations have public names where functions have the same.
DISTANCES = (torch.ops.aten._cdist_forward, torch.ops.aten._euclidean_dist)


def family_of(operation: Any) -> Any:
    """What the counter of operations knows an operation by: `aten.mm` of `aten.mm.default`."""
    return getattr(operation, "_overloadpacket", operation)


def free_cublas_workspaces() -> None:
    """Gives back what products on a GPU keep for the next ones, up to 32 MiB, and count as memory that is in use."""
    torch._C._cuda_clearCublasWorkspaces()


def begin_workers_anew(loader: DataLoader) -> None:
    """Has the next epoch of a loader with `persistent_workers` begin with workers that have drawn nothing yet.

    What they drew would else follow from all epochs before. The attribute cannot be changed of a loader that is made.
    """
    loader._iterator = None


def kind_of(module: nn.Module) -> str:
    """The name of a module's kind, as `repr` writes it. The name of its class is another where `repr` was changed."""
    return module._get_name()


def has_hooks(module: nn.Module) -> bool:
    """Whether somebody wants to see this module's input, output or gradient. In public hooks are only registered."""
    return bool(
        module._forward_hooks or module._forward_pre_hooks or module._backward_hooks or module._backward_pre_hooks
    )


def global_hooks() -> list[dict[Any, Any]]:
    """The hooks that see every module and every optimizer of this process, to be looked through and put back.

    In public they are registered one by one, and removed by whoever has kept the handle.
    """
    names = [pair for kind in (nn.Module, Optimizer) for pair in vars(sys.modules[kind.__module__]).items()]
    hooks = [value for name, value in names if name.startswith("_global_") and name.endswith("_hooks")]
    return [value for value in hooks if isinstance(value, dict)]


def takes_scaled_gradients(optimizer: Optimizer) -> bool:
    """Whether a fused optimizer divides by the scale of mixed precision itself: nobody has done so before its step."""
    return getattr(optimizer, "_step_supports_amp_scaling", False)


def write_summary(writer: SummaryWriter, summary: Summary, step: int | None = None) -> None:
    """Writes a summary as it is to an event file; the public `add_image` would resample and encode a picture."""
    writer._get_file_writer().add_summary(summary, step)
