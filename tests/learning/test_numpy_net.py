"""The bridge from NumPy to PyTorch: right gradients, shared memory, and a module like any other."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn
from torch.autograd.gradcheck import GradcheckError

from groundup import numpy_nets as nets
from groundup.learning.numpy_net import NumPyNet
from groundup.models.lenet import LeNet
from groundup.models.mlp import MLP
from groundup.models.summary import summarize
from groundup.numpy_nets import models

RANDOM = np.random.default_rng(0)
OPTIONS = {"dtype": np.float64, "rng": RANDOM}
SIZE = (1, (12, 12), 10)


RIGHT = nets.Dense.backward_params


def mean_for_sum(layer, grad):
    """A deliberately wrong backward pass: the mean of the batch's bias gradients where their sum belongs."""
    RIGHT(layer, grad)
    layer.grads["bias"] = grad.mean(axis=0)


class MeanForSum(nets.Dense):
    backward_params = mean_for_sum


class Deaf(nets.Dense):
    """Another one: what comes in learns nothing of the weights' signs."""

    def backward_input(self, grad):
        return grad @ np.abs(self.params["weight"])


def small_net(dense=nets.Dense) -> NumPyNet:
    """Each kind of layer; tanh, for finite differences want no kinks."""
    layers = {
        "features.conv": nets.Conv2D(2, 3, 3, padding=1, **OPTIONS),
        "features.norm": nets.BatchNorm(3, dtype=np.float64),
        "features.act": nets.Tanh(),
        "features.pool": nets.AvgPool2D(2),
        "features.conv2": nets.Conv2D(3, 2, 2, stride=2, **OPTIONS),
        "features.pool2": nets.MaxPool2D(2, stride=1),
        "features.flatten": nets.Flatten(),
        "head": dense(8, 4, **OPTIONS),
        "output": nets.Softmax(),
    }
    return NumPyNet(nets.Sequential(layers))


def batch(n=5, shape=(2, 12, 12), seed=0) -> torch.Tensor:
    return torch.randn(n, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def twins(kind="lenet", **options) -> tuple[NumPyNet, nn.Module]:
    """The hand-written network and PyTorch's, of the same weights, in float64."""
    make, twin = (models.lenet, LeNet) if kind == "lenet" else (models.mlp, MLP)
    torch.manual_seed(0)  # the same weights whichever tests ran before
    ours, theirs = NumPyNet(make(*SIZE, **options, **OPTIONS)), twin(*SIZE, **options).double()
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


# Gradients


@pytest.mark.parametrize("training", [True, False])
def test_gradcheck_accepts_the_gradients_of_input_and_weights(training):
    net, x = small_net().train(training), batch(3).requires_grad_()
    assert torch.autograd.gradcheck(lambda x, *_: net(x), (x, *net.parameters()))


@pytest.mark.parametrize("wrong", [MeanForSum, Deaf])
def test_gradcheck_rejects_a_wrong_backward_pass(wrong):
    net, x = small_net(wrong), batch(3).requires_grad_()
    with pytest.raises(GradcheckError, match="Jacobian mismatch"):
        torch.autograd.gradcheck(lambda x, *_: net(x), (x, *net.parameters()))


def loss_curve(net: nn.Module, steps: int) -> list[float]:
    optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
    target = torch.arange(16) % 10
    losses = []
    for step in range(steps):
        loss = nn.functional.cross_entropy(net(batch(16, (1, 12, 12), seed=step % 2)), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("options", [{}, {"activation": "tanh", "pool": "avg"}], ids=["modern", "1998"])
def test_lenet_and_its_twin_have_the_same_loss_curve_over_100_steps(options):
    ours, theirs = twins(**options)
    curve, expected = loss_curve(ours, 100), loss_curve(theirs, 100)
    np.testing.assert_allclose(curve, expected, rtol=1e-6)
    assert expected[-1] < 0.8 * expected[0]  # it has learnt, so that there was a curve to compare


def test_a_wrong_backward_pass_leaves_the_curve_of_the_twin(monkeypatch):
    ours, theirs = twins()
    monkeypatch.setattr(nets.Dense, "backward_params", mean_for_sum)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        np.testing.assert_allclose(loss_curve(ours, 20), loss_curve(theirs, 20), rtol=1e-6)


def test_several_passes_may_wait_for_their_backward_pass():
    ours, theirs = twins()
    first, second = batch(4, (1, 12, 12)), batch(2, (1, 12, 12), seed=1)
    for net in (ours, theirs):
        kept = net(first).square().sum()
        net(second).sum().backward()  # in between, another batch
        kept.backward()
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(parameter.grad, theirs.get_parameter(name).grad, rtol=1e-9, atol=1e-12)


def test_gradients_add_up_over_backward_passes():
    ours, theirs = twins()
    for net in (ours, theirs):
        for seed in range(3):
            net(batch(4, (1, 12, 12), seed)).logsumexp(1).mean().backward()
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(parameter.grad, theirs.get_parameter(name).grad, rtol=1e-9, atol=1e-12)


def test_weights_changed_before_the_backward_pass_are_noticed():
    net = small_net()
    loss = net(batch()).sum()
    with torch.no_grad():
        net.head.weight.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_frozen_weights_get_no_gradient():
    net = small_net()
    net.head.weight.requires_grad_(False)
    net(batch()).square().sum().backward()
    assert net.head.weight.grad is None
    assert net.head.bias.grad is not None


def test_the_input_gradient_is_computed_where_asked_alone():
    class Proud(nets.Dense):
        def backward_input(self, grad):
            raise AssertionError("nobody needs this")

    net, x = NumPyNet(nets.Sequential([Proud(3, 2, **OPTIONS)])), torch.ones(1, 3, dtype=torch.float64)
    net(x).sum().backward()
    with pytest.raises(AssertionError, match="nobody needs this"):
        net(x.requires_grad_()).sum().backward()


# Memory


def arrays_are_the_parameters(net: NumPyNet) -> bool:
    tensors = dict(net.named_parameters()) | dict(net.named_buffers())
    arrays = net.net.params | net.net.buffers
    return tensors.keys() == arrays.keys() and all(
        np.shares_memory(arrays[name], tensor.detach().numpy()) and tensor.is_contiguous()
        for name, tensor in tensors.items()
    )


def assigned(net: NumPyNet) -> NumPyNet:
    """With other tensors for parameters, which the arrays follow at the next forward pass."""
    net.load_state_dict(small_net().float().state_dict(), assign=True)
    net(batch().float())
    return net


@pytest.mark.parametrize(
    "change",
    [
        lambda net: net,
        lambda net: net.float(),
        lambda net: net.to(memory_format=torch.channels_last),
        copy.deepcopy,
        lambda net: net.load_state_dict(small_net().state_dict()) and net,
        lambda net: assigned(net),
    ],
    ids=["made", "float", "channels last", "deep copy", "loaded", "assigned"],
)
def test_parameters_and_arrays_are_the_same_memory(change):
    net = small_net()
    net(batch()).sum().backward()
    net = change(net)
    assert arrays_are_the_parameters(net)
    net.net.params["head.bias"][...] = 7
    assert (net.head.bias == 7).all()
    assert net.net.params["head.bias"].dtype == net(batch().to(net.head.bias.dtype)).detach().numpy().dtype


def test_neither_batch_nor_gradient_is_copied():
    seen = {}

    class Spy(nets.Dense):
        def forward(self, x, training=False):
            seen["x"], seen["y"] = x, super().forward(x, training)
            return seen["y"]

        def backward_params(self, grad):
            seen["grad"] = grad
            super().backward_params(grad)
            seen["weight"] = self.grads["weight"]

    net, x = NumPyNet(nets.Sequential([Spy(3, 2, **OPTIONS)])), torch.ones(4, 3, dtype=torch.float64)
    out, grad = net(x), torch.rand(4, 2, dtype=torch.float64)
    out.backward(grad)
    tensors = {"x": x, "y": out.detach(), "grad": grad, "weight": net.get_parameter("0.weight").grad}
    assert all(np.shares_memory(seen[name], tensor.numpy()) for name, tensor in tensors.items())


def test_a_copy_learns_without_the_original():
    net = small_net()
    before = copy.deepcopy(net.state_dict())
    other = copy.deepcopy(net)
    other(batch()).square().sum().backward()
    torch.optim.SGD(other.parameters(), lr=1.0).step()
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert not torch.equal(other.head.weight, net.head.weight)
    assert other.get_buffer("features.norm.num_batches_tracked") == 1


# A module like any other


@pytest.mark.parametrize(
    ("kind", "options"),
    [("lenet", {}), ("mlp", {"hidden_dims": [8, 6], "batch_norm": True, "dropout": 0.2}), ("mlp", {"hidden_dims": []})],
)
def test_state_dicts_are_interchangeable_both_ways(kind, options):
    ours, theirs = twins(kind, **options)
    images = batch(6, (1, 12, 12))
    torch.testing.assert_close(ours.eval()(images), theirs.eval()(images))
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.mul_(1.5)
    assert not torch.allclose(ours(images), theirs(images))  # the control
    assert list(ours.state_dict()) == list(theirs.state_dict())
    theirs.load_state_dict(ours.state_dict())
    torch.testing.assert_close(theirs(images), ours(images))


def test_the_state_dict_of_another_network_is_refused():
    with pytest.raises(RuntimeError, match=r"size mismatch for head\.weight"):
        NumPyNet(models.lenet(*SIZE)).load_state_dict(LeNet(1, (12, 12), 7).state_dict())


def test_training_and_evaluation_mode_reach_the_layers():
    net, images = small_net(), batch()
    net.eval()(images)
    assert net.get_buffer("features.norm.num_batches_tracked") == 0
    net.train()(images)
    assert net.get_buffer("features.norm.num_batches_tracked") == 1


def test_dropout_draws_from_the_generator_of_torch():
    net, images = NumPyNet(models.mlp(*SIZE, dropout=0.5)), batch(shape=(1, 12, 12)).float()
    first, again, other = (torch.manual_seed(seed) and net(images) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    net.eval()
    assert torch.equal(net(images), net(images))


def test_a_network_without_dropout_draws_nothing():
    before = torch.get_rng_state()
    small_net()(batch())
    assert torch.equal(torch.get_rng_state(), before)


def test_a_hook_sees_its_layer_and_changes_no_number():
    net, watched = small_net(), small_net()
    watched.load_state_dict(net.state_dict())
    seen = []
    watched.get_submodule("features.pool").register_forward_hook(lambda _, inputs, output: seen.append(output.shape))
    for one in (net, watched):
        one(batch()).square().sum().backward()
    assert seen == [(5, 3, 6, 6)]
    for name, parameter in net.named_parameters():
        torch.testing.assert_close(parameter.grad, watched.get_parameter(name).grad, rtol=1e-12, atol=1e-15)


def test_a_network_within_a_network_is_flattened_by_its_names():
    inner = nets.Sequential({"fc": nets.Dense(3, 3, **OPTIONS), "act": nets.Tanh()})
    net = NumPyNet(nets.Sequential({"body": inner, "head": nets.Dense(3, 2, **OPTIONS)}))
    assert list(net.state_dict()) == ["body.fc.weight", "body.fc.bias", "head.weight", "head.bias"]
    x = torch.rand(4, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, *_: net(x), (x, *net.parameters()))
    assert arrays_are_the_parameters(net.float())


def test_the_summary_counts_what_pytorch_counts_for_the_twin():
    ours, theirs = (summarize(net, (1, 12, 12)) for net in twins())
    assert ours.multiply_adds == theirs.multiply_adds > 0
    assert ours.parameters == theirs.parameters
    assert [row.output_size for row in ours.rows] == [row.output_size for row in theirs.rows]
    assert [row.type for row in ours.rows][:3] == ["Conv2D", "ReLU", "MaxPool2D"]
