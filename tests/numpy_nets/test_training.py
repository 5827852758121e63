"""Training: what is learnt, what is reported, what is refused."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from groundup import numpy_nets as nn
from groundup.numpy_nets.progress import Progress


def a_net(features: int = 2, classes: int = 3, hidden: int = 8) -> nn.Sequential:
    rng = np.random.default_rng(0)
    first = nn.Dense(features, hidden, dtype=np.float64, rng=rng)
    return nn.Sequential([first, nn.Tanh(), nn.Dense(hidden, classes, dtype=np.float64, rng=rng)])


def a_set(samples: int = 10) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return rng.normal(size=(samples, 2)), rng.integers(0, 3, samples)


def fit(net: nn.Sequential, x: np.ndarray, y: np.ndarray, lr: float = 0.1, **options) -> dict[str, list[float]]:
    options = {"rng": np.random.default_rng(2), "verbose": False, **options}
    return net.fit(x, y, nn.SoftmaxCrossEntropy(), nn.SGD(net, lr), **options)


def test_exclusive_or_is_learnt() -> None:
    rng = np.random.default_rng(0)
    net = nn.Sequential([nn.Dense(2, 4, rng=rng), nn.Tanh(), nn.Dense(4, 1, rng=rng), nn.Sigmoid()])
    x, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32), np.array([0, 1, 1, 0])
    net.fit(x, y, nn.BinaryCrossEntropy(), nn.Adam(net, lr=0.1), epochs=200, rng=rng, verbose=False)
    assert net.predict(x).tolist() == [0, 1, 1, 0]
    assert net.evaluate(x, y, nn.BinaryCrossEntropy()).loss < 0.05


def test_a_line_cannot_learn_exclusive_or() -> None:  # nor would a loop that cheats
    rng = np.random.default_rng(0)
    net = nn.Sequential([nn.Dense(2, 1, rng=rng), nn.Sigmoid()])
    x, y = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32), np.array([0, 1, 1, 0])
    net.fit(x, y, nn.BinaryCrossEntropy(), nn.Adam(net, lr=0.1), epochs=200, rng=rng, verbose=False)
    assert net.evaluate(x, y, nn.BinaryCrossEntropy()).accuracy < 1


@pytest.mark.parametrize(
    ("kind", "options"),
    [(nn.SGD, {"lr": 0.1, "momentum": 0.9}), (nn.RMSProp, {"lr": 0.02}), (nn.Adam, {"lr": 0.02})],
)
def test_ten_samples_of_random_labels_are_learnt_by_heart(kind: type[nn.Optimizer], options: dict) -> None:
    net, loss = a_net(hidden=50), nn.SoftmaxCrossEntropy()
    x, y = a_set()
    history = net.fit(x, y, loss, kind(net, **options), epochs=500, batch_size=10, verbose=False)
    assert history["accuracy"][-1] == 1
    assert history["loss"][-1] < history["loss"][0] / 5


def test_one_batch_is_the_step_that_one_would_write_by_hand() -> None:
    by_fit, by_hand = a_net(), a_net()
    x, y = a_set()
    fit(by_fit, x, y, batch_size=10, shuffle=False)
    loss, optimizer = nn.SoftmaxCrossEntropy(), nn.SGD(by_hand, 0.1)
    loss.forward(by_hand.forward(x, training=True), y)
    by_hand.backward(loss.backward())
    optimizer.step()
    for name, weight in by_hand.params.items():
        np.testing.assert_array_equal(by_fit.params[name], weight)


def test_every_sample_counts_the_last_batch_included() -> None:
    class Spy(nn.Identity):
        def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
            if training:
                seen.append(x[:, 0].tolist())
            return x

    seen: list[list[float]] = []
    net = nn.Sequential([Spy(), a_net()])
    x, y = np.arange(20.0).reshape(10, 2), np.zeros(10, int)
    fit(net, x, y, batch_size=4)
    assert [len(batch) for batch in seen] == [4, 4, 2]
    assert sorted(np.concatenate(seen)) == x[:, 0].tolist()
    assert list(np.concatenate(seen)) != x[:, 0].tolist()
    seen.clear()
    fit(net, x, y, batch_size=4, shuffle=False)
    assert list(np.concatenate(seen)) == x[:, 0].tolist()


@pytest.mark.parametrize("reduction", ["mean", "batchmean", "sum", "half_sum"])
def test_history_is_what_evaluation_finds_where_nothing_is_learnt(reduction: str) -> None:
    net, loss = a_net(), nn.SoftmaxCrossEntropy(reduction)
    x, y = a_set()
    found = net.evaluate(x, y, loss)
    history = net.fit(x, y, loss, nn.SGD(net, lr=0), epochs=2, batch_size=3, validation=(x, y), verbose=False)
    assert history["loss"] == pytest.approx([found.loss] * 2, rel=1e-12)
    assert history["accuracy"] == history["val_accuracy"] == [found.accuracy] * 2
    assert history["val_loss"] == [found.loss] * 2
    assert len(history["seconds"]) == 2


def test_the_same_rng_gives_the_same_weights_and_another_one_does_not() -> None:
    x, y = a_set()
    nets = [a_net() for _ in range(3)]
    histories = [
        fit(net, x, y, epochs=3, batch_size=2, rng=np.random.default_rng(seed))["loss"]
        for net, seed in zip(nets, (5, 5, 6), strict=True)
    ]
    assert histories[0] == histories[1] != histories[2]
    assert (nets[0].params["0.weight"] == nets[1].params["0.weight"]).all()


def test_a_loss_that_is_no_number_stops_with_its_place() -> None:
    net = a_net()
    x, y = a_set()
    net.params["2.weight"][...] = np.nan
    with pytest.raises(
        FloatingPointError, match=r"epoch 1, batch 1: .* Dense '2' was the first layer .* than 0\.1 may"
    ):
        fit(net, x, y)


def test_weights_that_overflow_in_the_very_last_step_are_noticed() -> None:
    net = nn.Sequential([nn.Dense(2, 3, dtype=np.float64)])
    x, y = a_set()
    with pytest.raises(FloatingPointError, match=r"epoch 1, after its last batch: .* Dense '0' .* in its weight"):
        net.fit(x * 1e9, y, nn.MeanSquaredError("sum"), nn.SGD(net, 1e300), batch_size=10, verbose=False)


def test_finite_outputs_too_large_for_the_loss_are_told_apart() -> None:
    net = nn.Sequential([nn.Dense(1, 1, dtype=np.float64)])
    net.params["0.weight"][...] = 1e200
    with pytest.raises(FloatingPointError, match="every layer's numbers are finite, but too large for the loss"):
        net.fit(np.ones((1, 1)), [0], nn.MeanSquaredError(), nn.SGD(net, 0.1), verbose=False)


def test_training_that_diverges_makes_numpy_warn_of_nothing(recwarn: pytest.WarningsRecorder) -> None:
    net = a_net()
    with pytest.raises(FloatingPointError):
        net.fit(*a_set(), nn.MeanSquaredError("sum"), nn.SGD(net, 1e5), epochs=9, batch_size=2, verbose=False)
    assert not recwarn


def test_ctrl_c_leaves_a_network_that_can_be_used() -> None:
    class Interrupted(nn.SoftmaxCrossEntropy):
        def forward(self, out: np.ndarray, target: np.ndarray) -> float:
            steps.append(len(out))
            if len(steps) == 3:
                raise KeyboardInterrupt
            return super().forward(out, target)

    steps: list[int] = []
    net = a_net()
    x, y = a_set()
    before = net.params["0.weight"].copy()
    with pytest.raises(KeyboardInterrupt):
        net.fit(x, y, Interrupted(), nn.SGD(net, 0.1), batch_size=2, verbose=False)
    assert (net.params["0.weight"] != before).any()
    assert fit(net, x, y, epochs=50)["loss"][-1] < 1.2


BAD_FITS = [
    ({"x": np.zeros((3, 2))}, r"fit: expected 3 targets, one for each sample, given shape \(10,\)"),
    ({"x": np.full((10, 2), "a", object)}, "fit: expected x to hold real numbers, given object"),
    ({"x": np.ones((10, 2), np.uint8)}, r"given uint8; pixels become numbers by x\.astype\(np\.float32\) / 255"),
    ({"x": [[1.0, 2.0]]}, "fit: expected x to be an array of samples, given list"),
    ({"x": np.full((10, 2), np.nan)}, r"fit, x: expected finite numbers, given nan at \(0, 0\)"),
    ({"x": np.zeros((10, 2), np.float32)}, "Dense '0': expected an array of float64"),
    ({"y": np.arange(10)}, r"fit: expected labels from 0 to 2, given 3 at 3"),
    ({"epochs": 0}, "epochs is a whole number from 1 on, given 0"),
    ({"batch_size": -1}, "batch_size is a whole number from 1 on, given -1"),
    ({"rng": 0}, "fit: expected rng to be a np.random.Generator, .* given 0"),  # a seed, not None
    ({"validation": (np.zeros((2, 2)), [0])}, "fit, validation: expected 2 targets"),
    ({"validation": (np.zeros((1, 2)), [9])}, "fit, validation: expected labels from 0 to 2, given 9 at 0"),
]


@pytest.mark.parametrize(("given", "message"), BAD_FITS)
def test_what_does_not_fit_is_refused_before_the_first_step(given: dict, message: str) -> None:
    net = a_net()
    before = net.params["0.weight"].copy()
    x, y = a_set()
    with pytest.raises(nn.InputError, match=message):
        fit(net, **{"x": x, "y": y, **given})
    np.testing.assert_array_equal(net.params["0.weight"], before)


def test_what_is_no_loss_and_no_optimizer_is_refused() -> None:
    net = a_net()
    with pytest.raises(nn.InputError, match=r"fit: expected a loss such as .*, given 'mse'"):
        net.fit(*a_set(), "mse", nn.SGD(net, 0.1))  # type: ignore[arg-type]
    with pytest.raises(nn.InputError, match=r"fit: expected an optimizer such as .*, given <class"):
        net.fit(*a_set(), nn.MeanSquaredError(), nn.SGD)  # type: ignore[arg-type]


def test_an_optimizer_of_another_network_is_refused_but_not_one_of_a_part() -> None:
    net, other = a_net(), a_net()
    x, y = a_set()
    with pytest.raises(nn.InputError, match=r"fit: expected an optimizer of this network, .* another '0\.weight'"):
        net.fit(x, y, nn.SoftmaxCrossEntropy(), nn.SGD(other, 0.1), verbose=False)
    before = net.params["0.weight"].copy()
    net.fit(x, y, nn.SoftmaxCrossEntropy(), nn.SGD(net.layers[2], 0.1), verbose=False)
    np.testing.assert_array_equal(net.params["0.weight"], before)


def test_without_a_terminal_each_epoch_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    fit(a_net(), *a_set(), epochs=2, verbose=True)
    captured = capsys.readouterr()
    assert captured.out == ""
    lines = captured.err.splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("epoch 2/2  loss ")
    assert "\r" not in captured.err


def test_on_a_terminal_a_bar_shows_the_time_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("groundup.numpy_nets.progress.REFRESH", 0)
    fit(a_net(), *a_set(), batch_size=5, verbose=True)
    shown = capsys.readouterr().err
    assert "\repoch 1/1 [##########..........] loss " in shown
    assert "0:00 left" in shown
    assert shown.rstrip(" \n").endswith(" s")


def test_a_bar_that_is_interrupted_ends_its_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with Progress(epochs=1, samples=10) as progress:
        progress.update(epoch=1, samples=5, loss=1.0)
    assert capsys.readouterr().err.endswith(" left\n")


def test_quiet_is_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    fit(a_net(), *a_set(), verbose=False)
    assert capsys.readouterr() == ("", "")


def read_idx(path: Path) -> np.ndarray:
    """MNIST's own format: two zeros, type, number of sides, the sides as big-endian integers, then the bytes."""
    content = path.read_bytes()
    sides = np.frombuffer(content, ">i4", count=content[3], offset=4)
    return np.frombuffer(content, np.uint8, offset=4 + 4 * content[3]).reshape(sides)


@pytest.mark.real_data
@pytest.mark.skipif("GROUNDUP_REAL_DATA" not in os.environ, reason="GROUNDUP_REAL_DATA is not set")
def test_5000_images_of_mnist_teach_91_percent_within_seconds() -> None:
    raw = Path(os.environ["GROUNDUP_REAL_DATA"]) / "MNIST" / "raw"
    images, labels = (read_idx(raw / f"{name}-ubyte") for name in ("train-images-idx3", "train-labels-idx1"))
    test, truth = (read_idx(raw / f"{name}-ubyte") for name in ("t10k-images-idx3", "t10k-labels-idx1"))
    rng = np.random.default_rng(0)
    net = nn.Sequential([nn.Flatten(), nn.Dense(784, 64, rng=rng), nn.ReLU(), nn.Dense(64, 10, rng=rng)])
    start = time.process_time()
    x = images[:5000].astype(np.float32) / 255
    net.fit(x, labels[:5000], nn.SoftmaxCrossEntropy(), nn.SGD(net, 0.1), epochs=10, rng=rng, verbose=False)
    assert time.process_time() - start < 10
    found = net.evaluate(test.astype(np.float32) / 255, truth, nn.SoftmaxCrossEntropy())
    assert found.accuracy > 0.91
    assert found.confusion_matrix.sum() == 10_000
