"""A look inside a network: what its layers give for a few images, in a pass of its own."""

from __future__ import annotations

import torch
from lightning.pytorch import Trainer
from torch import Tensor, nn

from groundup.callbacks.shown_images import first_images
from groundup.learning.numpy_net import NumPyLayer
from groundup.models.summary import untouched
from groundup.numpy_nets import activations as by_hand

_IN_NUMPY = (by_hand.ReLU, by_hand.Sigmoid, by_hand.Tanh)


def probe_images(trainer: Trainer, count: int) -> Tensor | None:
    """The first validation images, or training images where there are no others, normalised, on the device."""
    data = trainer.datamodule  # type: ignore[attr-defined]
    images = first_images(data, "val", count) or first_images(data, "train", count)
    if images is None:
        return None
    device = trainer.strategy.root_device
    pixels = images.pixels.to(device)
    return data.finish("val", len(pixels), device)(pixels, torch.arange(len(pixels), device=device), 0, 0)


def activations(net: nn.Module, images: Tensor) -> dict[str, Tensor]:
    """What every activation layer gives for the images, by the layer's name.

    Of a network that has no such layers, what its convolutions give, and its dense layers but the last.
    """
    layers = _activation_layers(net)
    found: dict[str, Tensor] = {}

    def remember(name: str):
        return lambda layer, inputs, output: found.setdefault(name, output)

    hooks = [layer.register_forward_hook(remember(name)) for name, layer in layers.items()]
    try:
        with untouched(net) as like:
            net.forward(images.to(like.dtype))  # not by a call: a compiled network passes hooks over
    finally:
        for hook in hooks:
            hook.remove()
    return {name: output.float() for name, output in found.items()}


def _activation_layers(net: nn.Module) -> dict[str, nn.Module]:
    named = dict(net.named_modules())
    chosen = {name: layer for name, layer in named.items() if _is_activation(layer)}
    if chosen:
        return chosen
    weighty = [name for name, layer in named.items() if any(p.dim() > 1 for p in layer.parameters(recurse=False))]
    return {name: named[name] for name in weighty[:-1]}


def _is_activation(layer: nn.Module) -> bool:
    if isinstance(layer, NumPyLayer):
        return isinstance(layer.layer, _IN_NUMPY)
    return type(layer).__module__ == "torch.nn.modules.activation"
