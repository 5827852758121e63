"""What a network costs that does not depend on the machine, and the memory that training takes on a GPU."""

from __future__ import annotations

import torch
from lightning.pytorch import LightningModule
from torch import Tensor

from groundup.borrowed.torch import free_cublas_workspaces
from groundup.learning.predictor import Predictor
from groundup.models.summary import ModelSummary, summarize, untouched
from groundup.spec import DatasetSpec


def macs_of(module: LightningModule, spec: DatasetSpec, layers: ModelSummary | None = None) -> int | None:
    """Multiply-adds of one image in evaluation; None where they are not known.

    Args:
        module: of the run.
        spec: of its images.
        layers: of its network, or of somebody else's module itself, where they were counted before.
    """
    try:
        if not isinstance(module, Predictor):
            return (layers or summarize(module, spec)).multiply_adds if _gives_rows(module, spec) else None
        if _answers_by_its_network(module):
            return (layers or summarize(module.net, spec)).multiply_adds
        return summarize(module, spec).multiply_adds
    except Exception:  # of any kind: a forward may be for something else than images
        return None


def _answers_by_its_network(predictor: Predictor) -> bool:
    own = type(predictor)
    return own.forward is Predictor.forward and own.predict_logits is Predictor.predict_logits


def _gives_rows(module: LightningModule, spec: DatasetSpec) -> bool:
    """Whether the forward of somebody else's module answers an image with a number for each class."""
    with untouched(module) as like:
        answer = module(torch.zeros(1, spec.channels, *spec.image_size, dtype=like.dtype, device=like.device))
    return isinstance(answer, Tensor) and answer.shape == (1, spec.num_classes)


def size_on_disk(module: LightningModule) -> int | None:
    """Bytes of the weights and buffers that checkpoints hold: what several share once, and of a memory that holds more,
    as that of all networks of a stack does, only what is this module's.

    None where they cannot be told, as of sparse ones.
    """
    own: dict[int, dict[tuple[int, ...], int]] = {}  # bytes of each part of each memory
    most: dict[int, int] = {}
    try:
        for tensor in module.state_dict().values():
            if isinstance(tensor, Tensor):
                memory = tensor.untyped_storage()
                part = (tensor.storage_offset(), *tensor.shape, *tensor.stride())
                own.setdefault(memory.data_ptr(), {})[part] = tensor.numel() * tensor.element_size()
                most[memory.data_ptr()] = memory.nbytes()
    except Exception:  # of any kind: a state_dict may be somebody else's
        return None
    return sum(min(sum(parts.values()), most[memory]) for memory, parts in own.items())


class PeakMemory:
    """The most memory that PyTorch has given out at once on a GPU since this was made, less what it had given before.

    Of another device nothing is known: the memory of the process never shrinks to what a job of it takes, and holds all
    that earlier jobs have left.
    """

    def __init__(self, device: torch.device):
        self._device = device if device.type == "cuda" else None
        if self._device is not None:
            free_cublas_workspaces()  # of the job before
            self._before = torch.cuda.memory_allocated(self._device)
            torch.cuda.reset_peak_memory_stats(self._device)

    def read(self) -> int | None:
        """In bytes; None of another device."""
        if self._device is None:
            return None
        return torch.cuda.max_memory_allocated(self._device) - self._before
