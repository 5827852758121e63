"""Warns, once for each network, of what can be computed but is probably not meant."""

from __future__ import annotations

import sys
import warnings

from groundup.numpy_nets.activations import Identity, ReLU, Sigmoid, Softmax, Tanh
from groundup.numpy_nets.batch_norm import BatchNorm
from groundup.numpy_nets.chain import Chain
from groundup.numpy_nets.flatten import Flatten
from groundup.numpy_nets.layer import Array, Layer
from groundup.numpy_nets.losses import Loss, SoftmaxCrossEntropy
from groundup.numpy_nets.neuron import NeuronLayer

_BOUNDED = (Softmax, Sigmoid, Tanh, ReLU)


class MisuseWarning(UserWarning):
    """A network is used in a way whose result is probably not what was meant.

    If it is meant, `warnings.simplefilter("ignore", MisuseWarning)` turns the warning off.
    """


def last_layer(net: Chain) -> Layer:
    """The last layer that computes anything."""
    leaves = [layer for _, layer in net.leaves()]
    return next((layer for layer in reversed(leaves) if not isinstance(layer, Identity | Flatten)), leaves[-1])


def activation_of(layer: Layer) -> str:
    """What a layer does to its sums at the end: "softmax", "sigmoid", "tanh", "relu"; "identity" for all else."""
    if isinstance(layer, NeuronLayer):
        return layer.activation
    return next((kind.__name__.lower() for kind in _BOUNDED if isinstance(layer, kind)), "identity")


def warn_of_ending(net: Chain, loss: Loss) -> None:
    """Softmax cross-entropy is of any numbers whatever, and takes their softmax itself."""
    if "ending" in net.looked_for or not isinstance(loss, SoftmaxCrossEntropy):
        return
    net.looked_for.add("ending")
    last = last_layer(net)
    if (name := activation_of(last)) != "identity":
        cure = "leave it out, or take BinaryCrossEntropy" if name in ("softmax", "sigmoid") else "leave it out"
        _warn(f"{last.label} comes before SoftmaxCrossEntropy, which applies softmax itself: {cure}")


def warn_of_evaluation_mode(net: Chain) -> None:
    """The gradient of a network as it is used, while the one that learns is another."""
    if "training" in net.looked_for:
        return
    net.looked_for.add("training")
    layer = next((layer for _, layer in net.leaves() if layer.differs_in_training), None)
    if layer is not None:
        text = f"{layer.label} did not train: the last forward pass was without training=True"
        _warn(f"{text}; net.forward(x, training=True) comes before loss and backward()")


def warn_of_pixels(net: Chain, x: Array) -> None:
    """Numbers of 0 to 255 saturate a network whose weights are drawn for numbers of about the size of 1."""
    if "pixels" in net.looked_for:
        return
    net.looked_for.add("pixels")
    if isinstance(next((layer for _, layer in net.leaves() if layer.params), None), BatchNorm):
        return  # which makes numbers of any size those of the size of 1
    few = x[:1000]
    if few.min() >= 0 and 100 < (largest := few.max()) <= 255:
        text = f"x looks like pixels of 0 to 255 (the largest is {largest:g}), of which a network learns badly"
        _warn(f"{text}: divide by 255, x / x.dtype.type(255)")


def _warn(text: str) -> None:
    """With the line of the caller outside of this package."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__package__") == __package__:
        level, frame = level + 1, frame.f_back
    warnings.warn(text, MisuseWarning, stacklevel=level)
