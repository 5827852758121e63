"""Activation functions by name."""

from __future__ import annotations

from torch import nn

from groundup.errors import UserError

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "leaky_relu": nn.LeakyReLU,
}


def activation_class(name: str) -> type[nn.Module]:
    """The activation called `name`; each place in a net gets its own instance, so that a summary lists them all.

    Raises:
        UserError: there is no activation of that name.
    """
    if name not in ACTIVATIONS:
        raise UserError(f"model.activation={name}: accepted: {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]
