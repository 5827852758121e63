"""What layers refuse: arrays, sizes and flags that do not fit. Every message names what is expected and given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from groundup.numpy_nets.layer import PLAIN, Array, InputError, Layer, NotFinite


def check_batch(label: str, x: Array) -> None:
    """Refuses what is no batch of numbers.

    Raises:
        InputError: on anything but a floating-point array of at least one sample, or NaN and infinity in it.
    """
    if type(x) not in PLAIN or x.dtype.kind != "f" or x.ndim < 2:
        given = f"{x.dtype} of shape {x.shape}" if type(x) in PLAIN else type(x).__name__
        raise InputError(f"{label}: expected an array of float32 or float64, samples in rows, given {given}")
    if x.size == 0:
        raise InputError(f"{label}: expected at least one sample, given an empty array {x.shape}")
    check_finite(label, x)


def check_input(layer: Layer, x: Array, shape: Sequence[int | str]) -> None:
    """Refuses a batch that a layer with weights cannot compute with.

    Args:
        shape: what is expected; a word stands for any size from 1 on, such as ("N", 784).

    Raises:
        InputError: another shape, another type than the weights', an empty batch, NaN or infinity.
    """
    check_shape(layer, x, shape)
    dtype = next(iter(layer.params.values())).dtype
    if x.dtype != dtype:
        raise InputError(f"{layer.label}: expected an array of {dtype}, as its weights are, given {x.dtype}")
    check_finite(layer.label, x)


def check_shape(layer: Layer, x: Array, shape: Sequence[int | str], what: str = "an array") -> None:
    """Refuses anything but an array of float32 or float64 of this shape, none of whose sides is 0.

    Raises:
        InputError: naming layer, expected and given.
    """
    check_floats(layer, x)
    if shape == x.shape or shape == ("N", *x.shape[1:]):  # most gradients and batches, told without a loop
        return
    fits = len(x.shape) == len(shape)
    if not fits or any(e != g for e, g in zip(shape, x.shape, strict=True) if not isinstance(e, str)):
        raise InputError(f"{layer.label}: expected {what} of shape {_shown(shape)}, given {_shown(x.shape)}")


def check_floats(layer: Layer, x: Array) -> None:
    """Refuses anything but an array of float32 or float64, of at least one number and any shape.

    Raises:
        InputError: naming layer, expected and given.
    """
    if type(x) not in PLAIN:
        raise InputError(f"{layer.label}: expected a NumPy array, given {type(x).__name__}")
    if x.size == 0:
        raise InputError(f"{layer.label}: expected at least one sample, given an empty array {_shown(x.shape)}")
    if x.dtype.char not in "fd":  # NumPy's letters for the two
        cure = "; pixels become numbers by x.astype(np.float32) / 255" if x.dtype == np.uint8 else ""
        raise InputError(f"{layer.label}: expected an array of float32 or float64, given {x.dtype}{cure}")


def check_grad(layer: Layer, grad: Array) -> None:
    """Refuses a gradient that does not belong to the last forward pass.

    Raises:
        RuntimeError: before any forward pass.
        InputError: another shape than the output's, naming layer, expected and given.
    """
    if layer.output_shape is None:
        raise RuntimeError(f"{layer.label}: backward() needs a forward() before it")
    check_shape(layer, grad, layer.output_shape, "a gradient")


def check_finite(label: str, x: Array) -> None:
    """Refuses NaN and infinity.

    Raises:
        NotFinite: naming the first place.
    """
    finite = np.isfinite(x)
    if finite.all():
        return
    bad = np.argwhere(~finite)
    place = tuple(bad[0].tolist())
    raise NotFinite(f"{label}: expected finite numbers, given {x[place]} at {place} ({len(bad)} of {x.size})")


def check_sizes(layer: Layer, least: int = 1, **sizes: int) -> list[int]:
    """The sizes as Python's integers, which do not overflow: `labels.max() + 1` of uint8 is a size too.

    Raises:
        ValueError: a size that is no whole number, or below `least`, naming layer, expected and given.
    """
    for name, size in sizes.items():
        if not isinstance(size, int | np.integer) or size < least:
            raise ValueError(f"{layer.label}: expected {name} to be a whole number from {least} on, given {size!r}")
    return [int(size) for size in sizes.values()]


def check_flag(label: str, cure: str = "", **flags: bool) -> None:
    """Refuses what is neither True nor False: any word at all would count as True.

    Raises:
        InputError: naming the flag and what was given.
    """
    for name, flag in flags.items():
        if not isinstance(flag, bool | np.bool_):
            raise InputError(f"{label}: expected {name} to be True or False, given {flag!r}{cure}")


def weight_grad(label: str, grads: Mapping[str, Array], name: str, weight: Array) -> Array:
    """The gradient of this weight, of its shape.

    Raises:
        RuntimeError: where there is none of its name.
        InputError: where it is of another shape, which NumPy may stretch to fit.
    """
    if name not in grads:
        place = name.rpartition(".")[0]
        others = [f"'{other}'" for other in grads if other.rpartition(".")[0] == place]
        cure = "net.backward(loss.backward()) comes first"
        if others:
            cure = f"there are {', '.join(others)}, but grads bear the names of params"
        raise RuntimeError(f"{label}: '{name}' has no gradient yet: {cure}")
    grad = grads[name]
    if getattr(grad, "shape", None) != weight.shape:
        given = _shown(grad.shape) if isinstance(grad, np.ndarray) else type(grad).__name__
        raise InputError(f"{label}: expected a gradient of shape {_shown(weight.shape)} for '{name}', given {given}")
    return grad


def generator(label: str, rng: np.random.Generator | None) -> np.random.Generator:
    """The generator given, or for None a fresh one, different each time.

    Raises:
        InputError: on anything else, such as a seed.
    """
    if rng is None:
        return np.random.default_rng()
    if not isinstance(rng, np.random.Generator):
        raise InputError(f"{label}: expected rng to be a np.random.Generator, as of default_rng(0), given {rng!r}")
    return rng


def _shown(shape: Sequence[int | str]) -> str:
    return "(" + ", ".join(map(str, shape)) + ("," if len(shape) == 1 else "") + ")"
