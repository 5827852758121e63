"""Labels and numbers of whatever type: right, counted by hand, or refused in a sentence."""

from __future__ import annotations

import copy
import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from groundup import numpy_nets as nn

INTEGERS = ["?", *(f"{order}{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8) for order in "<>")]
CLASSES = [17, 26, 100, 300]


def perfect(classes: int) -> nn.Sequential:
    """Says of a row of zeros with a single 1 where that is."""
    net = nn.Sequential([nn.Dense(classes, classes, dtype=np.float64)])
    net.params["0.weight"][...], net.params["0.bias"][...] = np.eye(classes), 0
    return net


def a_set(classes: int, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Three samples of each class that the type can hold, in an odd order; the last of all is of another class."""
    largest = 1 if dtype == "?" else np.iinfo(dtype).max
    classes_held = min(classes, largest + 1)
    labels = np.array([(7 * i) % classes_held for i in range(3 * classes_held)])
    x = np.eye(classes)[labels]
    x[-1] = np.roll(x[-1], 1)
    return x, labels.astype(dtype)


def counted(net: nn.Sequential, x: np.ndarray, labels: np.ndarray) -> tuple[float, list[list[int]]]:
    """Accuracy and confusion matrix, in Python's integers."""
    out = net.forward(x).tolist()
    matrix = [[0] * len(out[0]) for _ in out[0]]
    for row, label in zip(out, labels.tolist(), strict=True):
        matrix[int(label)][row.index(max(row))] += 1
    return sum(matrix[i][i] for i in range(len(matrix))) / len(out), matrix


@pytest.mark.parametrize("classes", CLASSES)
@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("loss", [nn.SoftmaxCrossEntropy, nn.MeanSquaredError])
def test_labels_of_every_integer_type_are_counted_right(dtype: str, classes: int, loss: type[nn.Loss]) -> None:
    net, (x, labels) = perfect(classes), a_set(classes, dtype)
    accuracy, matrix = counted(net, x, labels)
    assert accuracy == 1 - 1 / len(labels)
    found, by_int64 = (net.evaluate(x, y, loss()) for y in (labels, labels.astype(np.int64)))
    assert found.accuracy == accuracy
    assert found.confusion_matrix.tolist() == matrix
    assert found.loss == by_int64.loss
    recall = [row[i] / sum(row) if sum(row) else np.nan for i, row in enumerate(matrix)]
    np.testing.assert_array_equal(found.per_class, recall)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_training_on_labels_of_every_integer_type_is_the_same(dtype: str) -> None:
    def trained(y: np.ndarray) -> tuple[dict[str, list[float]], np.ndarray]:
        net = copy.deepcopy(start)
        history = net.fit(
            *(x, y, nn.SoftmaxCrossEntropy(), nn.SGD(net, 0.1)),
            **{"epochs": 2, "rng": np.random.default_rng(0), "validation": (x, y), "verbose": False},
        )
        del history["seconds"]
        return history, net.params["0.weight"]

    start, (x, labels) = nn.Sequential([nn.Dense(100, 100, dtype=np.float64)]), a_set(100, dtype)
    history, weight = trained(labels)
    expected, expected_weight = trained(labels.astype(np.int64))
    assert history == expected
    np.testing.assert_array_equal(weight, expected_weight)


@pytest.mark.parametrize("dtype", [*INTEGERS, "f2", "<f4", ">f4", ">f8", "g"])
def test_one_hot_rows_of_every_type_are_labels(dtype: str) -> None:
    net, (x, labels) = perfect(20), a_set(20, "i8")
    for loss in (nn.SoftmaxCrossEntropy(), nn.MeanSquaredError()):
        by_row, by_label = (net.evaluate(x, y, loss) for y in (np.eye(20)[labels].astype(dtype), labels))
        assert by_row[:2] == by_label[:2]
        np.testing.assert_array_equal(by_row.confusion_matrix, by_label.confusion_matrix)


@pytest.mark.parametrize("dtype", [*INTEGERS, "f4", ">f8"])
def test_a_single_output_takes_every_type(dtype: str) -> None:
    out, y = np.array([[0.2], [0.9], [0.4]]), np.array([0, 1, 1])
    net = nn.Sequential([nn.Identity()])
    found, expected = (net.evaluate(out, t, nn.BinaryCrossEntropy()) for t in (y.astype(dtype), y))
    assert (found.loss, found.accuracy) == (expected.loss, 2 / 3)


class Series:
    """What a table's column is to NumPy."""

    def __init__(self, values: np.ndarray):
        self.values = values

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
        return self.values

    def __len__(self) -> int:
        return len(self.values)


def memory_mapped(array: np.ndarray, path: Path) -> np.ndarray:
    np.save(path, array)
    return np.load(path, mmap_mode="r")


def read_only(array: np.ndarray) -> np.ndarray:
    array = array.copy()
    array.flags.writeable = False
    return array


@pytest.mark.parametrize("kind", ["list", "column of a table", "read-only", "mapped", "every other", "backwards"])
def test_labels_and_samples_may_lie_anywhere(kind: str, tmp_path: Path) -> None:
    def placed(array: np.ndarray, name: str) -> np.ndarray:
        made = {
            "list": lambda: array.tolist() if name == "y" else array,
            "column of a table": lambda: Series(array) if name == "y" else array,
            "read-only": lambda: read_only(array),
            "mapped": lambda: memory_mapped(array, tmp_path / f"{name}.npy"),
            "every other": lambda: np.repeat(array, 2, axis=0)[::2],
            "backwards": lambda: array[::-1].copy()[::-1],
        }
        return made[kind]()

    def work(x: np.ndarray, y: np.ndarray) -> tuple[dict[str, list[float]], nn.Evaluation]:
        rng = np.random.default_rng(1)
        conv = nn.Conv2D(1, 2, 3, padding=1, rng=rng, dtype=np.float64)
        layers = [conv, nn.ReLU(), nn.MaxPool2D(2), nn.Flatten(), nn.Dense(8, 3, rng=rng, dtype=np.float64)]
        net = nn.Sequential(layers)
        history = net.fit(x, y, nn.SoftmaxCrossEntropy(), nn.SGD(net, 0.1), batch_size=4, rng=rng, verbose=False)
        return history, net.evaluate(x, y, nn.SoftmaxCrossEntropy())

    x, y = np.random.default_rng(0).normal(size=(9, 1, 4, 4)), np.arange(9, dtype=np.uint8) % 3
    (history, found), (expected_history, expected) = work(placed(x, "x"), placed(y, "y")), work(x, y)
    assert (history["loss"], found[:2]) == (expected_history["loss"], expected[:2])
    np.testing.assert_array_equal(found.confusion_matrix, expected.confusion_matrix)


MASKED = np.ma.array([0, 1, 2, 0], mask=[0, 1, 0, 0])
REFUSED = [
    (MASKED, "expected targets without a mask, given a masked array"),
    (np.ma.array(np.eye(3)[[0, 1, 2, 0]]), "expected targets without a mask"),
    (
        ["cat", "dog", "emu", "cat"],
        r"expected numbers as targets, given <U3 of shape \(4,\); np\.unique\(y, return_inv",
    ),
    (np.array([b"a", b"b", b"c", b"a"]), "expected numbers as targets, given [|]S1 "),
    (np.array(["a", "b", "a", "b"], object), r"given object of shape \(4,\); np\.unique\(y, "),
    (np.array([0, 1, None, 0]), r"expected numbers as targets, given object of shape \(4,\)$"),
    ([2**70, 0, 0, 0], r"expected numbers as targets, given object of shape \(4,\)$"),
    (Series(np.array(["a", 1, 2, 0], object)), "expected numbers as targets, given object "),
    (np.eye(3, dtype=complex)[[0, 1, 2, 0]], "expected numbers as targets, given complex128 "),
    (np.arange(4).astype("M8[s]"), r"expected numbers as targets, given datetime64\[s\]"),
    ([[0], [1, 2], [0], [1]], "expected targets that make an array: "),
    (np.array([0, 1, 2**64 - 1, 0], np.uint64), "expected labels that int64 can hold, given 18446744073709551615 at 2"),
    (np.array([0, 1, -1, 0], np.int8), "expected labels from 0 to 2, given -1 at 2"),
    (np.array([0, 1, 2, 200], np.uint8), "expected labels from 0 to 2, given 200 at 3"),
    ([0.0, 1.0, 2.0, 0.0], r"given float64 of shape \(4,\); labels are whole numbers: y\.astype\(int\)"),
    ([[0], [1], [2], [0]], r"given int64 of shape \(4, 1\); labels are in a row: y\.ravel\(\)"),
    (np.full((4, 3), np.nan), "expected finite numbers"),
    (np.ones((4, 3)), "every row adding up to 1, given row 0"),
]


@pytest.mark.parametrize("use", ["loss", "evaluate", "fit", "validation", "trace", "gradient_errors"])
@pytest.mark.parametrize(("y", "message"), REFUSED)
def test_what_is_no_target_is_refused_before_anything_is_learnt(
    use: str, y: np.ndarray, message: str, tmp_path: Path
) -> None:
    net, loss = perfect(3), nn.SoftmaxCrossEntropy()
    x, good = np.eye(3)[[0, 1, 2, 0]], np.array([0, 1, 2, 0])
    before, optimizer = net.params["0.weight"].copy(), nn.SGD(net, 0.1)
    uses = {
        "loss": lambda: loss.forward(net.forward(x), y),
        "evaluate": lambda: net.evaluate(x, y, loss),
        "fit": lambda: net.fit(x, y, loss, optimizer, batch_size=1, shuffle=False, verbose=False),
        "validation": lambda: net.fit(x, good, loss, optimizer, validation=(x, y), verbose=False),
        "trace": lambda: net.trace(x, y, tmp_path / "trace.txt"),
        "gradient_errors": lambda: nn.gradient_errors(net, x, y, loss),
    }
    with pytest.raises(nn.InputError, match=message):
        uses[use]()
    np.testing.assert_array_equal(net.params["0.weight"], before)


@pytest.mark.parametrize("target", [[0.5, 2.0], [-0.1, 1.0]])
def test_targets_of_a_probability_are_looked_at_before_the_first_step(target: list) -> None:
    net = nn.Sequential([nn.Dense(1, 1, dtype=np.float64), nn.Sigmoid()])
    before = net.params["0.weight"].copy()
    with pytest.raises(nn.InputError, match="BinaryCrossEntropy: expected targets from 0 to 1"):
        net.fit(np.ones((2, 1)), target, nn.BinaryCrossEntropy(), nn.SGD(net, 0.1), batch_size=1, verbose=False)
    np.testing.assert_array_equal(net.params["0.weight"], before)


@pytest.mark.filterwarnings("ignore:the matrix subclass")
@pytest.mark.parametrize("kind", [np.ma.array, np.asmatrix])
@pytest.mark.parametrize("first", [nn.Identity, lambda: nn.Dense(3, 3, dtype=np.float64)])
def test_samples_that_compute_otherwise_are_refused(kind: type, first: type[nn.Layer]) -> None:
    net, x, y = nn.Sequential([first(), nn.Dense(3, 3, dtype=np.float64)]), kind(np.eye(3)), np.arange(3)
    loss = nn.SoftmaxCrossEntropy()
    for use in (
        lambda: net.forward(x),
        lambda: net.predict(x),
        lambda: net.evaluate(x, y, loss),
        lambda: net.fit(x, y, loss, nn.SGD(net, 0.1), verbose=False),
        lambda: loss.forward(x, y),
    ):
        with pytest.raises(nn.InputError, match=r"given (MaskedArray|matrix)"):
            use()


def test_the_number_of_classes_may_be_counted_in_the_labels_own_type() -> None:
    labels = np.arange(10, dtype=np.uint8)
    dense = nn.Dense(784, labels.max() + 1, init="xavier")  # 784 + 10 in uint8 would overflow
    assert np.abs(dense.params["weight"]).max() <= (6 / 794) ** 0.5
    conv = nn.Conv2D(np.uint8(200), np.uint8(3), np.int8(3), init="xavier")
    assert np.abs(conv.params["weight"]).max() <= (6 / (203 * 9)) ** 0.5
    net, size = perfect(10), np.uint8(200)
    x, y = np.eye(10)[np.arange(1000) % 10], np.arange(1000) % 10
    assert net.evaluate(x, y, nn.SoftmaxCrossEntropy(), size).accuracy == 1
    net.fit(x, y, nn.SoftmaxCrossEntropy(), nn.SGD(net, 0.0), batch_size=size, epochs=np.uint8(1), verbose=False)


STRANGE = ["f2", ">f4", "g", "c8", "O", "U3", "S3", "M8[D]"]
LOSSES = [nn.MeanSquaredError, nn.BinaryCrossEntropy, nn.SoftmaxCrossEntropy]


def a_random_target(rng: np.random.Generator, n: int, k: int) -> np.ndarray:
    """Of any shape, type and place, for outputs `(n, k)`; some fit."""
    soft = rng.random((n, k))
    values = [
        rng.integers(0, k, n),
        rng.integers(0, k, n),
        np.eye(k)[rng.integers(0, k, n)],
        soft / soft.sum(axis=1, keepdims=True),
        rng.integers(0, 2, (n, 1)),
        rng.integers(-3, 300, n),
        rng.integers(0, 2, tuple(rng.integers(0, 4, rng.integers(0, 4)))),
    ][rng.integers(7)]
    y = values.astype(rng.choice([*INTEGERS, *STRANGE] if values.dtype.kind == "i" else ["f4", ">f8", *STRANGE]))
    places = [lambda: y, y.tolist, lambda: read_only(y), lambda: np.ma.array(y, mask=False)]
    return places[rng.integers(4)]()


def by_hand(loss: nn.Loss, out: list[list[float]], y: np.ndarray) -> tuple[float, float]:
    """Loss and accuracy of targets that were taken, in Python's own numbers."""
    k, given = len(out[0]), np.asarray(y).tolist()
    if np.asarray(y).ndim == 1:
        rows = [[float(i == int(v)) for i in range(k)] if k > 1 else [float(v)] for v in given]
    else:
        rows = [[float(v) for v in row] for row in given]
    terms = {
        nn.MeanSquaredError: lambda a, t, row: (a - t) ** 2 / k,
        nn.BinaryCrossEntropy: lambda a, t, row: -(t * math.log(a) + (1 - t) * math.log(1 - a)) / k,
        nn.SoftmaxCrossEntropy: lambda a, t, row: t * (math.log(sum(map(math.exp, row))) - a),
    }
    term = terms[type(loss)]
    value = sum(term(a, t, row) for row, ts in zip(out, rows, strict=True) for a, t in zip(row, ts, strict=True))
    said, true = ([int(row[0] > 0.5) if k == 1 else row.index(max(row)) for row in kind] for kind in (out, rows))
    return value / len(out), sum(a == b for a, b in zip(said, true, strict=True)) / len(out)


@pytest.mark.filterwarnings("ignore:Casting complex values")
def test_targets_by_chance_are_right_or_refused() -> None:
    rng, found = np.random.default_rng(0), Counter[str]()
    for trial in range(2000):
        loss = LOSSES[trial % 3]()
        n, k = rng.integers(1, 6), rng.integers(1 + isinstance(loss, nn.SoftmaxCrossEntropy), 5)
        out, y = rng.uniform(0.05, 0.95, (n, k)), a_random_target(rng, n, k)
        try:
            evaluated = nn.Sequential([nn.Identity()]).evaluate(out, y, loss)
        except nn.InputError:
            found["refused"] += 1
            continue
        assert (evaluated.loss, evaluated.accuracy) == pytest.approx(by_hand(loss, out.tolist(), y), rel=1e-6), repr(y)
        found["right"] += 1
    assert min(found.values()) > 400, found
