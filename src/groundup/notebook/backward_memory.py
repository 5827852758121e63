"""What a training step keeps in memory until its gradients are known."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks


@contextmanager
def kept_for_backward(module: nn.Module, *given: Tensor) -> Iterator[dict[int, int]]:
    """Notes what automatic differentiation keeps of the operations within: bytes of each storage, by its address.

    A storage counts once, however many operations need it; what is there anyway does not count: parameters, buffers and
    the batch. The loss must outlive the block: of a graph that is gone, addresses may be given to others.

    Args:
        module: what is trained.
        given: the batch.
    """
    there = {tensor.untyped_storage().data_ptr() for tensor in (*module.parameters(), *module.buffers(), *given)}
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in there:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with saved_tensors_hooks(note, lambda tensor: tensor):
        yield kept
