"""Time of training steps of the hand-written networks, against PyTorch's and against plain loops.

    python benchmarks/numpy_nets.py [--root DIR] [--repeats 40] [--epochs 5] [--threads 1] [--only lenet64 mlp32 ...]

`lenet`, `cnn` and `mlp`, with the batch size: a step (forward, loss, backward, SGD) of a network of
`groundup.numpy_nets` against the same step of its PyTorch twin, eager; `last`: against the twin at its fastest, with
channels-last images and fused SGD. Both begin with the same weights, and their losses must agree.
`loops`: samples a second of LeNet-5 against the same network whose convolutions and poolings are loops over images,
filters, channels and pixels, as one first writes them; their gradients must agree.
`bridge`: an epoch of `python train.py`, everything on (bar, TensorBoard, checkpoints, validation), against an epoch of
`Sequential.fit` with bar and validation, on MNIST images (needs `--root`).

All in float32, in one process, the two sides taking turns. Printed are medians, the median of the ratios of
neighbouring measurements, and their range.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from typing import NamedTuple

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # else idle threads hold the cores that the others need

import numpy as np
import torch
from training import compare, make_config, our_epoch, terminal

from groundup import numpy_nets as nn
from groundup.config.build import build
from groundup.config.extras import exit_without
from groundup.data.specs import make_spec
from groundup.run.learners import build_net

try:
    from threadpoolctl import threadpool_limits
except ModuleNotFoundError as error:
    exit_without(error, "dev")

T = torch.nn
LR = 0.01


class Case(NamedTuple):
    net: Callable[[], nn.Sequential]
    twin: Callable[[], T.Module]
    shape: tuple[int, ...]  # of a batch
    goal: float
    squared_error: bool = False  # else cross-entropy
    channels_last: bool = False  # PyTorch's faster memory layout of images, with its fused optimizer


def lenet(conv: type[nn.Conv2D] = nn.Conv2D, pool: type[nn.MaxPool2D] = nn.MaxPool2D) -> nn.Sequential:
    features = [conv(1, 6, 5), nn.ReLU(), pool(2), conv(6, 16, 5), nn.ReLU(), pool(2), nn.Flatten()]
    return nn.Sequential([*features, nn.Dense(400, 120), nn.ReLU(), nn.Dense(120, 84), nn.ReLU(), nn.Dense(84, 10)])


def lenet_twin() -> T.Module:
    features = [T.Conv2d(1, 6, 5), T.ReLU(), T.MaxPool2d(2), T.Conv2d(6, 16, 5), T.ReLU(), T.MaxPool2d(2), T.Flatten()]
    return T.Sequential(*features, T.Linear(400, 120), T.ReLU(), T.Linear(120, 84), T.ReLU(), T.Linear(84, 10))


def cnn(pool: type[nn.Layer] = nn.MaxPool2D) -> nn.Sequential:
    features = [nn.Conv2D(1, 16, 3), nn.ReLU(), pool(2), nn.Conv2D(16, 32, 3), nn.ReLU(), pool(2), nn.Flatten()]
    return nn.Sequential([*features, nn.Dense(800, 128), nn.ReLU(), nn.Dense(128, 64), nn.ReLU(), nn.Dense(64, 10)])


def cnn_twin(pool: type[T.Module] = T.MaxPool2d) -> T.Module:
    features = [T.Conv2d(1, 16, 3), T.ReLU(), pool(2), T.Conv2d(16, 32, 3), T.ReLU(), pool(2), T.Flatten()]
    return T.Sequential(*features, T.Linear(800, 128), T.ReLU(), T.Linear(128, 64), T.ReLU(), T.Linear(64, 10))


def mlp() -> nn.Sequential:
    sizes = [(784, 256), (256, 256), (256, 10)]
    return nn.Sequential([layer for size in sizes for layer in (nn.Dense(*size), nn.Sigmoid())])


def mlp_twin() -> T.Module:
    sizes = [(784, 256), (256, 256), (256, 10)]
    return T.Sequential(*(layer for size in sizes for layer in (T.Linear(*size), T.Sigmoid())))


CASES = {
    "lenet64": Case(lenet, lenet_twin, (64, 1, 32, 32), 1.2),
    "lenet32": Case(lenet, lenet_twin, (32, 1, 32, 32), 1.2),
    "cnn32": Case(cnn, cnn_twin, (32, 1, 28, 28), 1.5),
    "cnn64": Case(cnn, cnn_twin, (64, 1, 28, 28), 1.5),
    "cnn32avg": Case(lambda: cnn(nn.AvgPool2D), lambda: cnn_twin(T.AvgPool2d), (32, 1, 28, 28), 1.5),
    "lenet64last": Case(lenet, lenet_twin, (64, 1, 32, 32), 1.2, channels_last=True),
    "cnn64last": Case(cnn, cnn_twin, (64, 1, 28, 28), 1.5, channels_last=True),
    "mlp32": Case(mlp, mlp_twin, (32, 784), 0.9, squared_error=True),
    "mlp1": Case(mlp, mlp_twin, (1, 784), 0.9, squared_error=True),  # an update for every sample
}
BRIDGES = {  # overrides, and the largest ratio aimed at
    "bridge_lenet64": (["model=numpy_lenet", "data.batch_size=64"], 1.25),
    "bridge_mlp32": (["model=numpy_mlp", "model.hidden_dims=[256,256]", "data.batch_size=32"], 1.25),
}


class LoopConv(nn.Conv2D):
    """The equations of `Conv2D` with stride 1 and no padding: a window of a channel, and a filter, at a time."""

    def forward(self, x, training=False):
        self._x, k = x, self.kernel_size
        y = np.zeros((len(x), self.out_channels, x.shape[2] - k + 1, x.shape[3] - k + 1), x.dtype)
        for n, o, h, w in np.ndindex(y.shape):
            for c in range(self.in_channels):
                y[n, o, h, w] += np.sum(x[n, c, h : h + k, w : w + k] * self.params["weight"][o, c])
            y[n, o, h, w] += self.params["bias"][o]
        return y

    def backward_params(self, grad):
        k = self.kernel_size
        self.grads = {name: np.zeros_like(weight) for name, weight in self.params.items()}
        for n, o, h, w in np.ndindex(grad.shape):
            for c in range(self.in_channels):
                self.grads["weight"][o, c] += grad[n, o, h, w] * self._x[n, c, h : h + k, w : w + k]
            self.grads["bias"][o] += grad[n, o, h, w]

    def backward_input(self, grad):
        k = self.kernel_size
        dx = np.zeros_like(self._x)
        for n, o, h, w in np.ndindex(grad.shape):
            for c in range(self.in_channels):
                dx[n, c, h : h + k, w : w + k] += grad[n, o, h, w] * self.params["weight"][o, c]
        return dx


class LoopMaxPool(nn.MaxPool2D):
    """The equation of `MaxPool2D`, one window after the other."""

    def forward(self, x, training=False):
        self._x, s = x, self.size
        y = np.zeros((*x.shape[:2], x.shape[2] // s, x.shape[3] // s), x.dtype)
        for n, c, h, w in np.ndindex(y.shape):
            y[n, c, h, w] = np.max(x[n, c, h * s : h * s + s, w * s : w * s + s])
        return y

    def backward_input(self, grad):
        dx, s = np.zeros_like(self._x), self.size
        for n, c, h, w in np.ndindex(grad.shape):
            window = self._x[n, c, h * s : h * s + s, w * s : w * s + s]
            i, j = np.unravel_index(np.argmax(window), window.shape)
            dx[n, c, h * s + i, w * s + j] = grad[n, c, h, w]
        return dx


def make_batch(shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.normal(size=shape).astype(np.float32), rng.integers(10, size=shape[0])


def numpy_step(net: nn.Sequential, x: np.ndarray, y: np.ndarray, squared_error: bool = False) -> Callable[[], float]:
    loss = nn.MeanSquaredError("sum") if squared_error else nn.SoftmaxCrossEntropy()
    optimizer = nn.SGD(net, lr=LR)

    def step() -> float:
        value = loss.forward(net.forward(x, training=True), y)
        net.backward(loss.backward())
        optimizer.step()
        return value

    return step


def torch_step(twin: T.Module, x: np.ndarray, y: np.ndarray, case: Case) -> Callable[[], float]:
    layout = torch.channels_last if case.channels_last else torch.contiguous_format
    twin.to(memory_format=layout)
    optimizer = torch.optim.SGD(twin.parameters(), lr=LR, fused=case.channels_last)
    images, labels = torch.from_numpy(x), torch.from_numpy(y)
    images = images.contiguous(memory_format=layout) if images.dim() == 4 else images
    one_hot = T.functional.one_hot(labels, 10).float()

    def step() -> float:
        optimizer.zero_grad()
        out = twin(images)
        value = ((out - one_hot) ** 2).sum() if case.squared_error else T.functional.cross_entropy(out, labels)
        value.backward()
        optimizer.step()
        return value.item()

    return step


def steps_of_both(case: Case) -> tuple[Callable[[], float], Callable[[], float]]:
    """A step of each side, warmed up; refuses to go on where they do not compute the same."""
    net, twin = case.net(), case.twin()
    with torch.no_grad():
        for name, weight in twin.named_parameters():
            weight.copy_(torch.from_numpy(net.params[name]))
    batch = make_batch(case.shape)
    ours, theirs = numpy_step(net, *batch, case.squared_error), torch_step(twin, *batch, case)
    np.testing.assert_allclose([ours() for _ in range(10)], [theirs() for _ in range(10)], rtol=1e-4)
    return ours, theirs


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def report(name: str, figures: tuple[float, float, list[float]], goal: str, unit: float = 1e3) -> None:
    ours, theirs, ratios = figures
    spread = f"({ratios[0]:.2f}-{ratios[-1]:.2f})"
    print(f"{name:<15} {ours * unit:9.2f} {theirs * unit:9.2f}   {statistics.median(ratios):7.2f}  {spread:<17} {goal}")


def compare_steps(name: str, repeats: int) -> None:
    ours, theirs = steps_of_both(CASES[name])
    report(name, compare(lambda: seconds(ours), lambda: seconds(theirs), repeats), f"<= {CASES[name].goal}")


def compare_loops() -> None:
    """Samples a second; the loops see four images a step."""
    fast, slow = lenet(), lenet(LoopConv, LoopMaxPool)
    for name, weight in slow.params.items():
        weight[...] = fast.params[name]
    x, y = make_batch((64, 1, 32, 32))
    few = slice(4)
    numpy_step(fast, x[few], y[few])(), numpy_step(slow, x[few], y[few])()
    for name, grad in slow.grads.items():
        np.testing.assert_allclose(fast.grads[name], grad, rtol=1e-3, atol=1e-5)
    step, slow_step = numpy_step(fast, x, y), numpy_step(slow, x[few], y[few])
    for _ in range(10):
        step()
    report("loops", compare(lambda: 64 / seconds(step), lambda: 4 / seconds(slow_step), 3), ">= 1000", unit=1)


def fit_epoch(config: dict) -> float:
    """The second epoch of `Sequential.fit`; the first one warms up."""
    spec = make_spec(config["data"])
    data = build(config["data"], spec=spec, seed=0)
    data.prepare_data()
    data.setup("fit")
    train, val = (_floats(data.splits[name], spec) for name in ("train", "val"))
    net = build_net(config["model"], spec, config["seed"]).net
    optimizer = nn.SGD(net, **{key: config["optimizer"][key] for key in ("lr", "momentum", "nesterov", "weight_decay")})
    size = config["data"]["batch_size"]
    history = net.fit(*train, nn.SoftmaxCrossEntropy(), optimizer, epochs=2, batch_size=size, validation=val)
    return history["seconds"][1]


def _floats(images, spec) -> tuple[np.ndarray, np.ndarray]:
    mean, std = (np.array(values, np.float32).reshape(1, -1, 1, 1) for values in (spec.mean, spec.std))
    return (images.pixels.numpy().astype(np.float32) / 255 - mean) / std, images.labels.numpy()


def compare_bridge(name: str, root: str, epochs: int) -> None:
    overrides, goal = BRIDGES[name]
    config = make_config(["optimizer=sgd", *overrides], root)
    with terminal():
        figures = compare(lambda: our_epoch(config), lambda: fit_epoch(config), epochs)
    report(name, figures, f"<= {goal}")


def main() -> None:
    names = [*CASES, "loops", *BRIDGES]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", help="folder that holds MNIST; without it the bridge is not measured")
    parser.add_argument("--repeats", type=int, default=40, help="steps of each side")
    parser.add_argument("--epochs", type=int, default=5, help="of each side of the bridge")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    threadpool_limits(arguments.threads)  # NumPy's BLAS
    print(f"torch {torch.__version__}, NumPy {np.__version__}, {arguments.threads} threads")
    print("case                 ours    theirs     ratio  (range)           goal     (ms; loops: samples/s)")
    for name in arguments.only:
        if name in CASES:
            compare_steps(name, arguments.repeats)
        elif name == "loops":
            compare_loops()
        elif arguments.root:
            compare_bridge(name, arguments.root, arguments.epochs)


if __name__ == "__main__":
    main()
