"""The step written out: whoever checks it with a calculator finds every number right."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from groundup import numpy_nets as nn

FUNCTIONS = {"exp": math.exp, "log": math.log, "tanh": math.tanh, "max": max}
WORKED = re.compile(r"  (\S+\[[\d,]+\]|L) = (.+) = (\S+)")


def written(net: nn.Sequential, x: np.ndarray, y: np.ndarray, *options: object) -> str:
    stream = io.StringIO()
    net.trace(x, y, stream, *options)
    return stream.getvalue()


def calculations(text: str) -> Iterator[tuple[str, str, float]]:
    """Every line "name = calculation = result", wrapped lines made whole."""
    for line in re.sub(r"\n {6}(?! )", " ", text).splitlines():
        if match := WORKED.fullmatch(line):
            yield match[1], match[2], float(match[3])


def calculated(calculation: str) -> float:
    """What a pocket calculator makes of it."""
    assert re.fullmatch(r"(exp|log|tanh|max|e[-+]\d\d|[-+/·().,²\d ])+", calculation), calculation
    return eval(calculation.replace("·", "*").replace("²", "**2"), FUNCTIONS)


def check_with_a_calculator(text: str) -> int:
    """How many calculations there were; raises AssertionError if one is wrong."""
    results = [(name, calculated(c), result) for name, c, result in calculations(text) if "..." not in c]
    for name, ours, theirs in results:
        assert ours == pytest.approx(theirs, rel=2e-4, abs=2e-5), name
    return len(results)


def arrays(text: str, name: str) -> list[np.ndarray]:
    """All arrays of this name that are printed in full."""
    found = []
    for shape, rows in re.findall(rf"  {re.escape(name)} of shape \(([\d, ]+)\):\n((?: {{4}}\[.*\n)+)", text):
        numbers = [float(v) for row in rows.splitlines() for v in row.split("]")[1].split()]
        found.append(np.array(numbers).reshape([int(side) for side in shape.split(",") if side.strip()]))
    return found


def the_published_net() -> nn.Sequential:
    """2-2-2, sigmoid (Mazur 2015, "A Step by Step Backpropagation Example")."""
    first, second = nn.Dense(2, 2, dtype=np.float64), nn.Dense(2, 2, dtype=np.float64)
    first.params["weight"][...], first.params["bias"][...] = [[0.15, 0.20], [0.25, 0.30]], 0.35
    second.params["weight"][...], second.params["bias"][...] = [[0.40, 0.45], [0.50, 0.55]], 0.60
    return nn.Sequential([first, nn.Sigmoid(), second, nn.Sigmoid()])


def a_conv_net(dtype: type = np.float32) -> tuple[nn.Sequential, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    conv = nn.Conv2D(1, 2, 3, padding=1, rng=rng, dtype=dtype)
    dense = nn.Dense(8, 3, rng=rng, dtype=dtype)
    return nn.Sequential([conv, nn.ReLU(), nn.MaxPool2D(2), nn.Flatten(), nn.Tanh(), dense]), *(
        rng.random((2, 1, 4, 4)).astype(dtype),
        np.array([0, 2]),
    )


def test_the_published_example_comes_out() -> None:
    net = the_published_net()
    text = written(net, np.array([[0.05, 0.1]]), [[0.01, 0.99]], nn.MeanSquaredError("half_sum"), nn.SGD(net, 0.5))
    found = {name: result for name, _, result in calculations(text)}
    published = {
        "L": 0.298371109,
        "0.weight[0,0]": 0.149780716, "0.weight[0,1]": 0.19956143,
        "0.weight[1,0]": 0.24975114, "0.weight[1,1]": 0.29950229,
        "2.weight[0,0]": 0.35891648, "2.weight[0,1]": 0.408666186,
        "2.weight[1,0]": 0.511301270, "2.weight[1,1]": 0.561370121,
    }  # fmt: skip
    assert {name: found[name] for name in published} == pytest.approx(published, rel=1e-5)
    assert "  y[0,0] = 0.35 + 0.05·0.15 + 0.1·0.2 = 0.3775\n" in text


@pytest.mark.parametrize("pool", [nn.MaxPool2D(2), nn.AvgPool2D(2), nn.MaxPool2D(2, stride=2)])
@pytest.mark.parametrize("activation", [nn.ReLU, nn.Sigmoid, nn.Tanh])
def test_a_calculator_confirms_a_conv_net(activation: type[nn.Layer], pool: nn.Layer) -> None:
    rng = np.random.default_rng(0)
    layers = [nn.Conv2D(1, 1, 2, stride=1, rng=rng), activation(), pool, nn.Flatten(), nn.Dense(4, 3, rng=rng)]
    text = written(nn.Sequential(layers), rng.random((1, 1, 5, 5), np.float32), np.array([1]))
    assert check_with_a_calculator(text) > 60


@pytest.mark.parametrize("loss", [nn.MeanSquaredError(), nn.BinaryCrossEntropy("sum"), nn.BinaryCrossEntropy()])
@pytest.mark.parametrize("last", [nn.Sigmoid, nn.Softmax])
def test_a_calculator_confirms_every_loss(loss: nn.Loss, last: type[nn.Layer]) -> None:
    rng = np.random.default_rng(0)
    net = nn.Sequential([nn.Dense(3, 2, rng=rng), last()])
    text = written(net, rng.random((2, 3), np.float32), np.array([1, 0]), loss)
    assert check_with_a_calculator(text) > 25


def test_a_wrong_backward_does_not_pass_the_calculator(monkeypatch: pytest.MonkeyPatch) -> None:
    right = nn.Dense.backward_input
    monkeypatch.setattr(nn.Dense, "backward_input", lambda self, grad: right(self, grad) * 1.01)
    net = the_published_net()
    with pytest.raises(AssertionError):
        check_with_a_calculator(written(net, np.array([[0.05, 0.1]]), [[0.01, 0.99]], nn.MeanSquaredError()))


def test_every_number_is_what_the_network_computes() -> None:
    net, x, y = a_conv_net()
    text = written(net, x, y)
    loss = nn.SoftmaxCrossEntropy()
    value = loss.forward(net.forward(x, training=True), y)
    net.backward(loss.backward())
    nn.SGD(net, 0.1).step()
    found = {name: result for name, _, result in calculations(text)}
    assert found["L"] == pytest.approx(value, rel=1e-5)
    np.testing.assert_allclose(arrays(text, "x")[0], x, rtol=1e-5)
    np.testing.assert_allclose(arrays(text, "5.weight")[0], net.params["5.weight"], rtol=1e-5)
    np.testing.assert_allclose(arrays(text, "dL/d(weight)")[0], net.grads["5.weight"], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(arrays(text, "dL/d(weight)")[1], net.grads["0.weight"], rtol=1e-5, atol=1e-6)


def test_long_arrays_are_complete_and_long_sums_are_cut() -> None:
    rng = np.random.default_rng(0)
    net = nn.Sequential([nn.Dense(30, 4, rng=rng)])
    text = written(net, rng.random((1, 30), np.float32), np.array([0]))
    np.testing.assert_allclose(arrays(text, "weight")[0], net.params["0.weight"], rtol=1e-5)
    assert "... 15 more ..." in next(c for name, c, _ in calculations(text) if name == "y[0,0]")
    assert "    [0,8]  " in text


def test_network_and_optimizer_are_as_before() -> None:
    rng = np.random.default_rng(0)
    net = nn.Sequential([nn.Dense(2, 3, rng=rng), nn.BatchNorm(3), nn.Dropout(0.5, rng=rng)])
    optimizer, x = nn.Adam(net), rng.random((4, 2), np.float32)
    before = {name: array.copy() for name, array in (net.params | net.buffers).items()}
    random = rng.bit_generator.state
    text = written(net, x, np.array([0, 1, 2, 0]), None, optimizer)
    assert "Update: Adam with the learning rate 0.001" in text
    for name, array in (net.params | net.buffers).items():
        np.testing.assert_array_equal(array, before[name])
    assert (net.grads, optimizer.state, rng.bit_generator.state) == ({}, {}, random)


def test_layers_of_your_own_are_shown_by_their_docstring_and_their_numbers() -> None:
    class Double(nn.Layer):
        """y = 2 x, twice as much."""

        def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
            return 2 * x

        def backward_input(self, grad: np.ndarray) -> np.ndarray:
            """dL/dx = 2 dL/dy."""
            return 2 * grad

    rng = np.random.default_rng(0)
    neurons = nn.NeuronLayer(2, 2, rng=rng)
    text = written(nn.Sequential([neurons, Double()]), np.array([[1, 2]], np.float32), np.array([1]))
    assert "  y = 2 x, twice as much.\n" in text
    assert "  dL/dx = 2 dL/dy.\n" in text
    first, second = arrays(text, "y")
    np.testing.assert_allclose(second, 2 * first, rtol=1e-5)


def test_a_path_and_an_open_file_get_the_same_text(tmp_path: Path) -> None:
    net, x, y = a_conv_net()
    for path in (tmp_path / "a.txt", str(tmp_path / "b.txt")):
        net.trace(x, y, path)
        assert Path(path).read_text(encoding="utf-8") == written(net, x, y)


def test_lines_fit_a_page() -> None:
    assert max(map(len, written(*a_conv_net()).splitlines())) <= 120


def test_what_does_not_fit_is_refused() -> None:
    net, x, y = a_conv_net()
    with pytest.raises(nn.InputError, match="trace: expected 2 targets"):
        written(net, x, y[:1])
    with pytest.raises(nn.InputError, match="trace: expected an optimizer of this network"):
        written(net, x, y, None, nn.SGD(a_conv_net()[0], 0.1))
