"""Networks used in a way that computes something else than was meant: put right, refused, or warned of once."""

from __future__ import annotations

import copy
import io
import warnings
from collections.abc import Callable

import numpy as np
import pytest

from groundup import numpy_nets as nn

XOR = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([[0.0], [1], [1], [0]])


LOSS = nn.SoftmaxCrossEntropy()


def a_net(*end: nn.Layer, classes: int = 3) -> nn.Sequential:
    rng = np.random.default_rng(0)
    first, last = (nn.Dense(*sizes, dtype=np.float64, rng=rng) for sizes in ((2, 5), (5, classes)))
    return nn.Sequential([first, nn.Tanh(), last, *end])


def a_set(samples: int = 6) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return rng.normal(size=(samples, 2)), rng.integers(0, 3, samples)


def gradients(
    net: nn.Sequential, x: np.ndarray, y: np.ndarray, between: Callable[[], object] = int, loss: nn.Loss | None = None
) -> dict:
    loss = loss or nn.SoftmaxCrossEntropy()
    loss(net(x, training=True), y)
    between()
    net.backward(loss.backward())
    return {name: grad.copy() for name, grad in net.grads.items()}


# The order of a loss's arguments


def test_a_loss_called_as_keras_and_scikit_learn_have_it_is_refused() -> None:
    """Both are arrays of floats of the same shape: the loss is the same number, its gradient the other way around."""
    (x, y), loss = XOR, nn.MeanSquaredError()
    net = a_net(nn.Sigmoid(), classes=1)
    assert loss.forward(y, net.forward(x, training=True)) == loss.forward(net.forward(x, training=True), y)
    loss.forward(y, net.forward(x, training=True))
    with pytest.raises(nn.InputError, match=r"given one whose target they were: the outputs come first, loss\.forward"):
        net.backward(loss.backward())
    assert net.grads == {}


def test_the_order_is_noticed_whatever_the_types() -> None:
    x, y = XOR
    net = nn.Sequential([nn.Dense(2, 1), nn.Sigmoid()])
    loss = nn.MeanSquaredError()
    loss.forward(y, net.forward(x.astype(np.float32), training=True))  # the targets are float64
    with pytest.raises(nn.InputError, match="the outputs come first"):
        net.backward(loss.backward())
    with pytest.raises(nn.InputError, match=r"given int64 of shape \(4,\) \(the outputs come first: loss\.forward"):
        loss.forward(np.array([0, 1, 1, 0]), net.forward(x.astype(np.float32)))


def test_of_several_losses_each_is_known() -> None:
    (x, y), losses = XOR, [nn.MeanSquaredError() for _ in range(3)]
    nets = [a_net(nn.Sigmoid(), classes=1) for _ in losses]
    grads = []
    for net, loss, swapped in zip(nets, losses, (False, True, False), strict=True):
        out = net.forward(x, training=True)
        loss.forward(y, out) if swapped else loss.forward(out, y)
        grads.append(loss.backward())
    nets[0].backward(grads[0])
    nets[2].backward(grads[2])
    with pytest.raises(nn.InputError, match="the outputs come first"):
        nets[1].backward(grads[1])


def test_a_gradient_of_softmax_taken_by_hand_is_refused() -> None:
    net, loss, (x, y) = a_net(), nn.MeanSquaredError(), a_set()
    loss.forward(nn.Softmax()(net.forward(x, training=True)), y)
    with pytest.raises(
        nn.InputError, match=r"given one of other numbers: .* pass a copy, net\.backward\(grad\.copy\(\)\)"
    ):
        net.backward(loss.backward())


def test_gradients_that_are_right_are_taken_however_they_came_about() -> None:
    net, (x, y) = a_net(), a_set()
    expected = gradients(net, x, y)
    loss = nn.SoftmaxCrossEntropy()
    ways: list[Callable[[np.ndarray], np.ndarray]] = [
        lambda out: loss(out.copy(), y) and loss.backward(),  # the same numbers in another array
        lambda out: loss(out[::-1], y[::-1]) and loss.backward()[::-1],
        lambda out: loss(out + 0, y) and loss.backward().copy(),
        lambda out: (nn.Softmax()(out) - np.eye(3)[y]) / len(y),  # worked out by hand
    ]
    for way in ways:
        net.backward(way(net.forward(x, training=True)))
        for name, grad in net.grads.items():
            np.testing.assert_allclose(grad, expected[name], rtol=1e-12, atol=1e-15)
    outer = nn.Sequential([net, nn.Identity()])  # of a network within a network
    loss(outer(x, training=True), y)
    outer.backward(loss.backward())
    np.testing.assert_allclose(net.grads["0.weight"], expected["0.weight"], rtol=1e-12)


def test_what_was_added_to_the_outputs_is_taken_as_a_copy() -> None:
    (a, b), (x, y) = (a_net(), a_net(nn.Tanh())), a_set()
    LOSS(a(x, training=True) + b(x, training=True), y)
    grad = LOSS.backward()
    with pytest.raises(nn.InputError, match=r"as in the sum of two networks, .* net\.backward\(grad\.copy\(\)\)"):
        a.backward(grad)
    a.backward(grad.copy())
    slopes = nn.central_differences(lambda: LOSS(a(x) + b(x), y), a.params["0.bias"])
    np.testing.assert_allclose(a.grads["0.bias"], slopes, rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("other", [np.float32, np.float64])
def test_outputs_in_another_type_of_numbers_are_the_outputs(dtype: type, other: type) -> None:
    net, (x, y) = nn.Sequential([nn.Dense(2, 3, dtype=dtype, rng=np.random.default_rng(0))]), a_set()
    expected = gradients(net, x.astype(dtype), y)
    LOSS(net(x.astype(dtype), training=True).astype(other), y)
    net.backward(LOSS.backward())
    np.testing.assert_allclose(net.grads["0.weight"], expected["0.weight"], rtol=1e-5)


class Residual(nn.Sequential):
    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        return x + super().forward(x, training)


class Scaled(Residual):
    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        return super().forward(2 * x, training)


@pytest.mark.parametrize("kind", [Residual, Scaled])
def test_a_subclass_has_the_outputs_that_its_own_forward_gives(kind: type[nn.Sequential]) -> None:
    net, (x, y) = kind([nn.Dense(2, 2, dtype=np.float64, rng=np.random.default_rng(0))]), a_set()
    y = y % 2
    found = gradients(net, x, y)
    for name, weight in net.params.items():
        np.testing.assert_allclose(found[name], nn.central_differences(lambda: LOSS(net(x), y), weight), rtol=1e-6)
    with pytest.raises(nn.InputError, match="given one of other numbers"):
        gradients(net, x, y, between=lambda: net(3 * x))


# What comes between forward and backward


def test_predicting_and_evaluating_leave_a_backward_pass_as_it_was() -> None:
    def look() -> None:
        net.predict(x[:2])
        net.predict_proba(x[3:])
        net.evaluate(2 * x, y, nn.MeanSquaredError())
        net.evaluate(2 * x, y, loss)
        net.trace(2 * x, y, io.StringIO(), loss)
        net.summary((2,))

    net, (x, y), loss = a_net(nn.BatchNorm(3, dtype=np.float64)), a_set(), nn.SoftmaxCrossEntropy()
    before = {name: buffer.copy() for name, buffer in net.buffers.items()}
    expected = gradients(net, x, y)
    net.buffers.update(before)
    for name, grad in gradients(net, x, y, look, loss).items():
        np.testing.assert_array_equal(grad, expected[name])


@pytest.mark.parametrize("training", [False, True])
def test_another_forward_pass_in_between_is_refused(training: bool) -> None:
    net, (x, y) = a_net(), a_set()
    with pytest.raises(nn.InputError, match="with no other forward\\(\\) between"):
        gradients(net, x, y, between=lambda: net.forward(2 * x, training))


LOOKS: dict[str, Callable[[nn.Sequential, np.ndarray], object]] = {
    "a layer by itself": lambda net, z: net.layers[0](z),
    "a layer deep within": lambda net, z: net.layers[1].layers[0](z[:, :1] @ np.ones((1, 5))),
    "an inner network": lambda net, z: net.layers[1].forward(z[:, :1] @ np.ones((1, 5))),
    "another network of the same layers": lambda net, z: nn.Sequential(net.layers[:1])(z),
    "a shallow copy": lambda net, z: copy.copy(net)(z),
}


def a_deep_net() -> nn.Sequential:
    rng = np.random.default_rng(0)
    inner = nn.Sequential([nn.Dense(5, 5, dtype=np.float64, rng=rng), nn.Tanh()])
    return nn.Sequential([nn.Dense(2, 5, dtype=np.float64, rng=rng), inner, nn.Dense(5, 3, dtype=np.float64, rng=rng)])


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("samples", [3, 6])
def test_a_layer_that_ran_again_in_between_is_refused(look: str, samples: int) -> None:
    net, (x, y) = a_deep_net(), a_set()
    with pytest.raises(nn.InputError, match=r"given (Dense|Sequential) '.*' that ran again since, .* layer\.fork\(\)"):
        gradients(net, x, y, between=lambda: LOOKS[look](net, 2 * x[:samples]))
    gradients(net, x, y)  # and another forward pass puts it right


def test_looking_at_a_fork_a_copy_or_before_the_forward_pass_is_welcome() -> None:
    def look() -> None:
        for layer in (net, net.layers[0]):
            layer.fork()(2 * x)
            copy.deepcopy(layer)(2 * x)

    net, (x, y) = a_deep_net(), a_set()
    expected = gradients(net, x, y)
    for look_before in LOOKS.values():
        look_before(net, 2 * x)
    for name, grad in gradients(net, x, y, look).items():
        np.testing.assert_array_equal(grad, expected[name])


def test_a_layer_of_ones_own_that_says_no_shape_is_taken_as_it_is() -> None:
    class Half(nn.Layer):
        def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
            return x / 2

        def backward_input(self, grad: np.ndarray) -> np.ndarray:
            return grad / 2

    net, (x, y) = nn.Sequential([nn.Dense(2, 3, dtype=np.float64), Half()]), a_set()
    gradients(net, x, y, between=lambda: net.layers[1](x))
    assert max(nn.gradient_errors(net, x, y, nn.SoftmaxCrossEntropy()).values()) < 1e-6


class Block(nn.Layer):
    """A layer made of layers, each kept in another way."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.others = (nn.Dense(5, 5, dtype=np.float64, rng=np.random.default_rng(i)) for i in (1, 2))
        self.named, self.listed = {"act": nn.Tanh()}, [self.inner, self.others]
        self.pair = (nn.Tanh(), 1)
        self.owner = self  # a circle
        for name, layer in (("inner", self.inner), ("others", self.others)):
            self.params |= {f"{name}.{key}": weight for key, weight in layer.params.items()}

    def forward(self, x: np.ndarray, training: bool = False) -> np.ndarray:
        y = self.pair[0](self.others(self.named["act"](self.inner(x))))
        self.output_shape = y.shape
        return x + y

    def backward_params(self, grad: np.ndarray) -> None:
        self.backward_input(grad)

    def backward_input(self, grad: np.ndarray) -> np.ndarray:
        inner, others = self.listed
        dx = grad + inner.backward(self.named["act"].backward(others.backward(self.pair[0].backward(grad))))
        for name, layer in (("inner", inner), ("others", others)):
            self.grads |= {f"{name}.{key}": weight for key, weight in layer.grads.items()}
        return dx


def test_predicting_leaves_layers_that_are_made_of_layers_as_they_were() -> None:
    rng = np.random.default_rng(0)
    ends = [nn.Dense(*sizes, dtype=np.float64, rng=rng) for sizes in ((2, 5), (5, 3))]
    net, (x, y) = nn.Sequential([ends[0], Block(), ends[1]]), a_set()
    assert max(nn.gradient_errors(net, x, y, nn.SoftmaxCrossEntropy()).values()) < 1e-6
    expected = gradients(net, x, y)
    for look in (lambda: net.predict(3 * x[:2]), lambda: net.summary((2,)), lambda: net.evaluate(2 * x, y, LOSS)):
        for name, grad in gradients(net, x, y, look).items():
            np.testing.assert_array_equal(grad, expected[name])
    fork = net.fork()
    block, twin = net.layers[1], fork.layers[1]
    assert twin.owner is twin
    assert twin.listed[0] is twin.inner is not block.inner
    assert twin.params is block.params


def test_a_step_in_between_is_refused() -> None:
    net, (x, y) = a_deep_net(), a_set()
    for optimizer in (nn.SGD(net, 0.1), nn.SGD(net.layers[1], 0.1), nn.SGD(nn.Sequential(net.layers[2:]), 0.1)):
        grad = gradients(net, x, y) and LOSS.forward(net(x, training=True), y) and LOSS.backward()
        net.backward(grad)
        net.backward(grad)  # twice is no harm
        optimizer.step()
        with pytest.raises(nn.InputError, match=r"expected a forward\(\) since the last step .* weights of .* '\d"):
            net.backward(grad)
        gradients(net, x, y)
    layer = net.layers[0]
    layer(x)
    layer.backward(np.ones((6, 5)))
    nn.SGD(layer, 0.1).step()
    with pytest.raises(RuntimeError, match=r"backward\(\) needs a forward\(\) before it"):
        layer.backward(np.ones((6, 5)))


def test_optimizers_of_parts_step_one_after_the_other() -> None:
    (x, y), nets = a_set(), [a_deep_net(), a_deep_net()]
    parts = [nn.SGD(layer, 0.1) for layer in nets[1].layers]
    for _ in range(3):
        for net in nets:
            gradients(net, x, y)
        nn.SGD(nets[0], 0.1).step()
        for part in parts:
            part.step()
    for name, weight in nets[0].params.items():
        np.testing.assert_array_equal(weight, nets[1].params[name])


def test_one_network_after_another_each_with_an_optimizer_is_welcome() -> None:
    """As the two of a GAN: the second moves, then the gradient of its input goes on into the first."""
    (x, y), maker, judge = a_set(), a_net(), nn.Sequential([nn.Dense(3, 3, dtype=np.float64)])
    LOSS(judge(maker(x, training=True), training=True), y)
    dx = judge.backward(LOSS.backward(), input_grad=True)
    nn.SGD(judge, 0.1).step()
    maker.backward(dx)
    nn.SGD(maker, 0.1).step()


def test_another_loss_in_between_is_welcome() -> None:
    net, (x, y), loss = a_net(), a_set(), nn.SoftmaxCrossEntropy()
    expected = gradients(net, x, y)
    loss(net(x, training=True), y)
    grad = loss.backward()
    loss(2 * x @ np.ones((2, 3)), y)  # the same loss, to look at something
    net.backward(grad)
    np.testing.assert_array_equal(net.grads["0.weight"], expected["0.weight"])


# Warnings, once for each network


def warned(work: Callable[[], object]) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        work()
    assert all(warning.category is nn.MisuseWarning for warning in caught)
    assert all(warning.filename == __file__ for warning in caught), "the line to look at is the caller's"
    return [str(warning.message) for warning in caught]


def loops(net: nn.Sequential, x: np.ndarray, y: np.ndarray, loss: nn.Loss) -> dict[str, Callable[[], object]]:
    """Each way to train or measure; twice, so that a second warning would be seen."""

    def by_hand() -> None:
        for _ in range(2):
            loss(net(x, training=True), y)
            net.backward(loss.backward())

    def fit() -> None:
        for _ in range(2):
            net.fit(x, y, loss, nn.SGD(net, 0.1), epochs=2, verbose=False)

    return {"by hand": by_hand, "fit": fit, "evaluate": lambda: [net.evaluate(x, y, loss) for _ in range(2)]}


@pytest.mark.parametrize("way", ["by hand", "fit", "evaluate"])
@pytest.mark.parametrize(
    "end",
    [
        [nn.Softmax()],
        [nn.Sigmoid()],
        [nn.ReLU()],
        [nn.Tanh()],
        [nn.Sequential([nn.Softmax(), nn.Flatten(), nn.Identity()])],
        [nn.NeuronLayer(3, 3, dtype=np.float64)],  # with a sigmoid of its own
    ],
    ids=lambda end: type(end[0]).__name__,
)
def test_softmax_and_its_like_before_softmax_cross_entropy_are_told_once(way: str, end: list) -> None:
    net = copy.deepcopy(a_net(*copy.deepcopy(end)))
    [text] = warned(loops(net, *a_set(), nn.SoftmaxCrossEntropy())[way])
    assert "comes before SoftmaxCrossEntropy, which applies softmax itself: leave it out" in text


@pytest.mark.parametrize("way", ["by hand", "fit", "evaluate"])
@pytest.mark.parametrize(
    ("end", "loss"),
    [
        ([], nn.SoftmaxCrossEntropy()),
        ([nn.Identity()], nn.SoftmaxCrossEntropy()),
        ([nn.Softmax()], nn.MeanSquaredError()),
        ([nn.Sigmoid()], nn.BinaryCrossEntropy()),
        ([nn.NeuronLayer(3, 3, "identity", dtype=np.float64)], nn.SoftmaxCrossEntropy()),
    ],
)
def test_what_goes_together_is_not_warned_of(way: str, end: list, loss: nn.Loss) -> None:
    assert warned(loops(a_net(*copy.deepcopy(end)), *a_set(), loss)[way]) == []


@pytest.mark.parametrize("layer", [nn.BatchNorm(3, dtype=np.float64), nn.Dropout(0.5)], ids=lambda x: type(x).__name__)
def test_training_that_was_forgotten_is_told_once(layer: nn.Layer) -> None:
    def forgetful() -> None:
        for _ in range(2):
            loss(net(x), y)
            net.backward(loss.backward())

    net, loss, (x, y) = a_net(copy.deepcopy(layer)), nn.SoftmaxCrossEntropy(), a_set()
    [text] = warned(forgetful)
    assert f"{type(layer).__name__} '3' did not train: the last forward pass was without training=True" in text


@pytest.mark.parametrize("end", [[], [nn.Dropout(0.0)]])
def test_training_does_not_matter_to_other_layers(end: list) -> None:
    net, loss, (x, y) = a_net(*end), nn.SoftmaxCrossEntropy(), a_set()
    assert warned(lambda: loss(net(x), y) and net.backward(loss.backward())) == []


def test_the_input_gradient_of_a_network_as_it_is_used_is_no_training() -> None:
    net, loss, (x, y) = a_net(nn.BatchNorm(3, dtype=np.float64)), nn.SoftmaxCrossEntropy(), a_set()
    assert warned(lambda: loss(net(x), y) and net.backward(loss.backward(), input_grad=True)) == []


@pytest.mark.parametrize("largest", [255.0, 101.0])
def test_pixels_of_0_to_255_are_told_once(largest: float) -> None:
    net, (x, y) = a_net(), a_set()
    pixels = np.round(np.abs(x) / np.abs(x).max() * largest)
    [text] = warned(loops(net, pixels, y, nn.SoftmaxCrossEntropy())["fit"])
    assert f"x looks like pixels of 0 to 255 (the largest is {largest:g})" in text
    assert "x / x.dtype.type(255)" in text
    assert warned(loops(a_net(), pixels / 255, y, nn.SoftmaxCrossEntropy())["fit"]) == []


def test_pixels_that_batch_norm_makes_small_are_not_warned_of() -> None:
    net, (x, y) = nn.Sequential([nn.BatchNorm(2, dtype=np.float64), nn.Dense(2, 3, dtype=np.float64)]), a_set()
    assert warned(loops(net, np.round(np.abs(x) / np.abs(x).max() * 255), y, LOSS)["fit"]) == []


def test_warnings_can_be_turned_off_by_their_class() -> None:
    net, (x, y) = a_net(nn.Softmax()), a_set()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", nn.MisuseWarning)
        net.evaluate(x, y, nn.SoftmaxCrossEntropy())


# Words


@pytest.mark.parametrize("kind", [nn.Dense, nn.NeuronLayer])
def test_an_initialiser_may_be_named(kind: type[nn.Dense]) -> None:
    from groundup.numpy_nets.init import INITS, xavier

    named, given = (kind(4, 3, init=init, rng=np.random.default_rng(0)) for init in ("xavier", xavier))
    np.testing.assert_array_equal(named.params["weight"], given.params["weight"])
    with pytest.raises(
        ValueError, match=f"{kind.__name__}: expected init .* one of {', '.join(INITS)}, given 'glorot'"
    ):
        kind(4, 3, init="glorot")
    with pytest.raises(ValueError, match="given None"):
        kind(4, 3, init=None)
    with pytest.raises(ValueError, match=r"to draw weights of shape \(3, 4\), given \(4, 3\)"):
        kind(4, 3, init=lambda rng, shape: rng.normal(size=shape[::-1]))


@pytest.mark.parametrize(
    ("make", "given"),
    [
        (
            lambda: nn.Dense(4, 3, "relu"),
            "Dense: expected bias to be True or False, given 'relu'; an activation is a layer",
        ),
        (lambda: nn.Dense(4, 3, nn.ReLU()), r"given ReLU\(\); .* such as nn\.ReLU\(\) after this one"),
        (lambda: nn.Conv2D(1, 2, 3, bias="relu"), "Conv2D: expected bias .* given 'relu'"),
        (lambda: nn.Dense(4, 3, None), "given None"),
        (lambda: nn.SGD(a_net(), 0.1, 0.9, "no"), "SGD: expected nesterov to be True or False, given 'no'"),
        (lambda: nn.SGD(a_net(), 0.1, 0.9, 1e-4), "SGD: expected nesterov .* given 0.0001"),
        (lambda: nn.Adam(a_net(), bias_correction="off"), "Adam: expected bias_correction .* given 'off'"),
        (lambda: a_net().fit(*a_set(), LOSS, None, shuffle="no"), "fit: expected shuffle .* given 'no'"),
        (lambda: a_net().fit(*a_set(), LOSS, None, verbose=0), "fit: expected verbose .* given 0"),
    ],
)
def test_what_is_neither_true_nor_false_is_refused(make: Callable[[], object], given: str) -> None:
    with pytest.raises(nn.InputError, match=given):
        make()
    nn.Dense(4, 3, np.True_)


@pytest.mark.parametrize(
    ("validation", "message"),
    [
        (np.zeros((4, 2)), r"fit, validation: expected a pair \(x, y\), given ndarray"),
        ((np.zeros((4, 2)),), r"given 1 of them"),
        ((np.zeros((4, 2)), [0] * 4, [1.0] * 4), "given 3 of them"),
        (0.2, "given float"),
        ((np.zeros((4, 7)), [0] * 4), r"expected an array of shape \(N, 2\), given \(1, 7\)"),
        ((np.zeros((4, 2)), [0.0] * 4), "labels are whole numbers"),
        ((np.full((4, 2), np.nan), [0] * 4), "fit, validation, x: expected finite numbers"),
    ],
)
def test_validation_is_looked_at_before_the_first_epoch(validation: object, message: str) -> None:
    net = a_net()
    before = net.params["0.weight"].copy()
    with pytest.raises(nn.InputError, match=message):
        net.fit(*a_set(), nn.SoftmaxCrossEntropy(), nn.SGD(net, 0.1), validation=validation, verbose=False)
    np.testing.assert_array_equal(net.params["0.weight"], before)


@pytest.mark.parametrize(("samples", "batch_size"), [(33, 32), (5, 1), (1, 32), (9, 4)])
def test_a_last_batch_of_one_is_refused_before_training_where_batch_norm_needs_more(
    samples: int, batch_size: int
) -> None:
    def fit(net: nn.Sequential) -> None:
        net.fit(*a_set(samples), nn.SoftmaxCrossEntropy(), nn.SGD(net, 0.1), batch_size=batch_size, verbose=False)

    net = a_net(nn.BatchNorm(3, dtype=np.float64))
    before = net.params["0.weight"].copy()
    given = f"BatchNorm '3' cannot train on, given {samples} samples with batch_size={batch_size}"
    with pytest.raises(nn.InputError, match=f"fit: expected no batch of a single sample, which {given}"):
        fit(net)
    np.testing.assert_array_equal(net.params["0.weight"], before)
    fit(a_net())  # others learn from one


def test_a_single_image_has_values_enough_for_batch_norm() -> None:
    layers = [nn.Conv2D(1, 2, 3), nn.BatchNorm(2), nn.Flatten(), nn.Dense(8, 3)]
    net, x = nn.Sequential(layers), np.random.default_rng(0).normal(size=(5, 1, 4, 4)).astype(np.float32)
    net.fit(x, [0, 1, 2, 0, 1], nn.SoftmaxCrossEntropy(), nn.SGD(net, 0.1), batch_size=2, verbose=False)


def test_layers_networks_and_losses_are_called_like_functions() -> None:
    net, loss, (x, y) = a_net(nn.Dropout(0.5, np.random.default_rng(0))), nn.SoftmaxCrossEntropy(), a_set()
    np.testing.assert_array_equal(net(x), net.forward(x))
    np.testing.assert_array_equal(nn.ReLU()(x), nn.ReLU().forward(x))
    assert (net(x, training=True) == 0).any()
    assert loss(net(x), y) == loss.forward(net.forward(x), y)


def test_probabilities_of_neurons_with_a_sigmoid_stay_as_they_are() -> None:
    net, (x, _) = a_net(nn.NeuronLayer(3, 3, "sigmoid", dtype=np.float64)), a_set()
    np.testing.assert_array_equal(net.predict_proba(x), net.forward(x))
