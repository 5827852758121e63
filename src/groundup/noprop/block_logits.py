"""The logits of several blocks at once."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap


def block_logits(blocks: Sequence[nn.Module], images: Tensor, z: Tensor) -> Tensor:
    """Of every block, given the same images (N, C, H, W) and its own noisy labels (T, N, d): (T, N, K).

    On a GPU all in each operation, which fills it; on a CPU one after another, which is as fast there.
    """
    if len(blocks) == 1 or images.device.type == "cpu":
        return torch.stack([block(images, own) for block, own in zip(blocks, z, strict=True)])
    return together(blocks, images, z)


def together(blocks: Sequence[nn.Module], images: Tensor, z: Tensor) -> Tensor:
    """As `block_logits`, by operations that compute all blocks each."""
    like = copy.deepcopy(blocks[0]).to("meta")
    weights = _stack([dict(block.named_parameters()) for block in blocks])
    buffers = _stack([dict(block.named_buffers()) for block in blocks])

    def one(weights: dict[str, Tensor], buffers: dict[str, Tensor], own: Tensor) -> Tensor:
        return functional_call(like, (weights, buffers), (images, own))

    logits = vmap(one, randomness="different")(weights, buffers, z)
    with torch.no_grad():  # batch norm has moved its running figures, in the stack
        for number, block in enumerate(blocks):
            for name, buffer in block.named_buffers():
                buffer.copy_(buffers[name][number])
    return logits


def _stack(tensors: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    return {name: torch.stack([own[name] for own in tensors]) for name in tensors[0]}
