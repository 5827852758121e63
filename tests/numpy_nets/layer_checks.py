"""How a layer is checked: against central differences, and against its twin of PyTorch.

Both raise AssertionError where a gradient is wrong; tests show that they do.
"""

from __future__ import annotations

import numpy as np
import torch

from groundup import numpy_nets as nn


def distinct_numbers(shape: tuple[int, ...], seed: int = 0, dtype: type = np.float64) -> np.ndarray:
    """Numbers from -2 to 2 in random order, evenly spaced, none of them 0: far from the kinks of ReLU and maximum."""
    size = int(np.prod(shape))
    numbers = (np.arange(size) - size // 2 + 0.25) * (4 / size)
    return np.random.default_rng(seed).permutation(numbers).reshape(shape).astype(dtype)


def fill_weights(layer: nn.Layer, seed: int = 1) -> None:
    """Weights that no initialiser draws, so that none of them is 0 or 1."""
    rng = np.random.default_rng(seed)
    for weight in layer.params.values():
        weight[...] = rng.normal(size=weight.shape)


def check_by_central_differences(layer: nn.Layer, x: np.ndarray, training: bool = True) -> None:
    """dL/dx and dL/dw of L = sum(y r), r random, within 1e-6 of the largest slope. All in float64."""
    r = np.random.default_rng(2).normal(size=layer.forward(x, training).shape)

    def loss() -> float:
        return float((layer.forward(x, training) * r).sum())

    numerical = {name: nn.central_differences(loss, weight) for name, weight in layer.params.items()}
    numerical["x"] = nn.central_differences(loss, x)
    layer.forward(x, training)
    exact = {"x": layer.backward(r), **layer.grads}
    assert exact.keys() == numerical.keys()
    for name, slopes in numerical.items():
        assert exact[name].shape == slopes.shape
        error = np.abs(exact[name] - slopes).max() / np.abs(slopes).max()
        assert error < 1e-6, f"{layer} {name}: {error}"


def check_against_twin(
    layer: nn.Layer, twin: torch.nn.Module, x: np.ndarray, training: bool = True, rtol: float = 1e-9
) -> None:
    """Outputs, input gradients, gradients of the weights and buffers are those of PyTorch, given the same weights."""
    own = dict(twin.named_parameters())
    assert own.keys() == layer.params.keys()
    with torch.no_grad():
        for name, weight in layer.params.items():
            own[name].copy_(torch.tensor(weight))
    twin.train(training)
    twin.zero_grad()
    x_twin = torch.tensor(x, requires_grad=True)
    y, y_twin = layer.forward(x, training), twin(x_twin)
    assert y.dtype == x.dtype
    r = np.random.default_rng(2).normal(size=y.shape).astype(x.dtype)
    dx = layer.backward(r)
    y_twin.backward(torch.tensor(r))
    pairs = {"y": (y, y_twin), "dx": (dx, x_twin.grad)}
    pairs |= {name: (layer.grads[name], weight.grad) for name, weight in own.items()}
    pairs |= {name: (layer.buffers[name], buffer) for name, buffer in twin.named_buffers()}
    for name, (mine, theirs) in pairs.items():
        expected = theirs.detach().numpy()
        assert mine.dtype == expected.dtype
        atol = rtol * np.abs(expected).max() + 4 * np.finfo(x.dtype).eps  # such as what rounding leaves of 1 - y²
        np.testing.assert_allclose(mine, expected, rtol, atol, err_msg=f"{layer} {name}")
