"""Multiply-adds are those that are counted by hand, or not known."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from groundup.learning.numpy_net import NumPyNet
from groundup.models.lenet import LeNet
from groundup.models.mlp import MLP
from groundup.models.resnet import resnet18
from groundup.models.summary import summarize
from groundup.noprop.continuous import Continuous, Flow
from groundup.numpy_nets import Dense, Flatten, Sequential
from groundup.numpy_nets.activations import ReLU
from groundup.numpy_nets.models import lenet


def counted(net, size=(1, 8, 8)):
    return summarize(net, size).multiply_adds


def test_an_mlp_has_one_for_each_weight():
    assert counted(MLP(1, (8, 8), 10, hidden_dims=(20, 30))) == 64 * 20 + 20 * 30 + 30 * 10


def test_a_residual_network_has_those_of_its_convolutions_and_its_head():
    net, by_hand = resnet18(3, (32, 32), 10), [512 * 10]

    def note(layer, inputs, output):
        places = output.shape[2] * output.shape[3]
        by_hand.append(places * output.shape[1] * inputs[0].shape[1] * layer.kernel_size[0] * layer.kernel_size[1])

    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(note)
    assert counted(net, (3, 32, 32)) == sum(by_hand)
    assert len(by_hand) == 21
    assert sum(by_hand) == pytest.approx(0.56e9, rel=0.01)  # of "ResNet18" on CIFAR in kuangliu/pytorch-cifar


def test_hand_written_networks_have_those_of_their_twins():
    assert counted(NumPyNet(lenet(1, (28, 28), 10)), (1, 28, 28)) == counted(LeNet(1, (28, 28), 10), (1, 28, 28))


class Swish(ReLU):
    """Somebody else's layer without weights."""


class Low(Dense):
    """Somebody else's layer with weights, which may be used in any way."""


class Told(Low):
    def multiply_adds(self, output_size):
        return 7


def test_a_layer_of_somebody_elses_says_how_many_it_has_or_nobody_knows():
    def net(layer):
        return NumPyNet(Sequential([Flatten(), layer, Swish(), Dense(5, 10)]))

    assert counted(net(Dense(64, 5))) == 64 * 5 + 5 * 10
    assert counted(net(Told(64, 5))) == 7 + 5 * 10
    assert counted(net(Low(64, 5))) is None
    assert "not counted are those of Low" in summarize(net(Low(64, 5)), (1, 8, 8)).totals()


def test_what_is_computed_again_and_again_counts_each_time():
    """A step of NoProp-CT, of its embedding of ten classes too, and of the schedule of noise one more time."""
    step = 10 * 256 + 64 * 256 + (3 * 256 * 256 + 256 * 128) + 128 * 10 + 10 * 10
    nets = [Continuous(1, (14, 14), 10, inference_steps=steps) for steps in (3, 7)]
    few, many = (counted(net, (1, 14, 14)) for net in nets)
    assert many - few == 4 * (step + 2 * 64)
    flows = [counted(Flow(1, (14, 14), 10, inference_steps=steps), (1, 14, 14)) for steps in (3, 7)]
    assert flows[1] - flows[0] == 4 * step
    image = counted(nets[0].block.image, (1, 14, 14))
    assert flows[0] == image + 3 * step + 10 * 10  # and the distances to ten embeddings


class Vector(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(10, 64))

    def forward(self, x):
        return (self.weight @ x.flatten())[None]


def test_a_product_with_a_vector_counts_though_pytorchs_counter_passes_over_it():
    assert counted(Vector()) == 640
    with FlopCounterMode(display=False) as flops, torch.no_grad():
        Vector()(torch.zeros(1, 1, 8, 8))
    assert flops.get_total_flops() == 0  # the control


class Rows(nn.Module):
    """The rows of an image as a sequence."""

    def __init__(self, layer):
        super().__init__()
        self.layer, self.head = layer, nn.Linear(8, 10)

    def forward(self, x):
        y = self.layer(x.squeeze(1))
        return self.head((y[0] if isinstance(y, tuple) else y)[:, -1])


def test_sequences_are_counted_by_hand():
    attention = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    by_hand = 8 * (8 * 24 + 8 * 8 + 2 * 8 * 16) + 2 * 8 * 8 * 8  # each row, and the scores and sums of all with all
    assert counted(Rows(attention)) == by_hand + 80
    assert torch.backends.mha.get_fastpath_enabled()
    assert counted(Rows(nn.LSTM(8, 8, batch_first=True))) == 8 * 4 * 8 * (8 + 8) + 80


@torch.library.custom_op("groundup_tests::mystery", mutates_args=())
def mystery(x: torch.Tensor) -> torch.Tensor:
    return x @ x.T


class OtherWays(nn.Module):
    def __init__(self, way):
        super().__init__()
        self.way, self.weight, self.head = way, nn.Parameter(torch.ones(64, 10)), nn.Linear(64, 10)

    def forward(self, x):
        return self.way(self, x.flatten(1))


@pytest.mark.parametrize(
    ("way", "named"),
    [
        (lambda net, x: net.head(x) + mystery(x), "groundup_tests::mystery"),
        (lambda net, x: net.head(torch.fft.rfft(x).abs().repeat(1, 2)[:, :64]), "aten::_fft_r2c"),
        (lambda net, x: torch.from_numpy(x.numpy() @ net.weight.numpy()), "computed otherwise"),
        (lambda net, x: (x[:, :, None] * net.weight).sum(1), "computed otherwise"),
    ],
)
def test_what_has_no_formula_is_not_known_and_named(way, named):
    summary = summarize(OtherWays(way), (1, 8, 8))
    assert summary.multiply_adds is None
    assert named in summary.totals()
    assert counted(OtherWays(lambda net, x: net.head(x))) == 640  # the control


def test_what_only_looks_like_a_product_does_not_spoil_the_count():
    def way(net, x):
        bigger = nn.functional.interpolate(x.view(1, 1, 8, 8), scale_factor=2, mode="bilinear")
        return net.head(nn.functional.avg_pool2d(bigger, 2).flatten(1).cummax(1).values)

    assert counted(OtherWays(way)) == 640


def test_without_an_image_nothing_is_known():
    summary = summarize(MLP(1, (8, 8), 10), None)
    assert summary.multiply_adds is None
    assert summary.totals().endswith("multiply-adds not known")
