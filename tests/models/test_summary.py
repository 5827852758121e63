"""The summary counts right and leaves no trace."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from groundup.models.cnn import CNN
from groundup.models.lenet import LeNet
from groundup.models.mlp import MLP
from groundup.models.resnet import resnet18
from groundup.models.summary import summarize
from groundup.spec import DatasetSpec


def test_lenet_by_hand():
    rows = [(row.name, row.input_size, row.output_size, row.feature_maps, row.parameters) for row in LENET.rows]
    assert rows == [
        ("features.conv1", (1, 28, 28), (6, 28, 28), 6, (1 * 25 + 1) * 6),
        ("features.act1", (6, 28, 28), (6, 28, 28), 6, 0),
        ("features.pool1", (6, 28, 28), (6, 14, 14), 6, 0),
        ("features.conv2", (6, 14, 14), (16, 10, 10), 16, (6 * 25 + 1) * 16),
        ("features.act2", (16, 10, 10), (16, 10, 10), 16, 0),
        ("features.pool2", (16, 10, 10), (16, 5, 5), 16, 0),
        ("features.flatten", (16, 5, 5), (400,), None, 0),
        ("features.fc1", (400,), (120,), None, 401 * 120),
        ("features.act3", (120,), (120,), None, 0),
        ("features.fc2", (120,), (84,), None, 121 * 84),
        ("features.act4", (84,), (84,), None, 0),
        ("head", (84,), (10,), None, 85 * 10),
    ]
    # 28² * 25 * 6 + 10² * 150 * 16 + 400 * 120 + 120 * 84 + 84 * 10
    assert LENET.multiply_adds == 416_520


@pytest.mark.parametrize(
    ("model", "size"),
    [
        (MLP(1, (28, 28), 10, batch_norm=True, dropout=0.5), (1, 28, 28)),
        (LeNet(1, (28, 28), 10), (1, 28, 28)),
        (CNN(3, (32, 32), 100, width=8), (3, 32, 32)),
        (resnet18(3, (8, 8), 10), (3, 8, 8)),
    ],
    ids=["mlp", "lenet", "cnn", "resnet18"],
)
def test_rows_and_totals_count_every_parameter_once(model, size):
    summary = summarize(model, size)
    expected = sum(p.numel() for p in model.parameters())
    assert summary.parameters == summary.trainable_parameters == expected
    assert sum(row.parameters for row in summary.rows) == expected


def test_frozen_parameters_are_told_apart():
    model = LeNet(1, (28, 28), 10)
    model.head.requires_grad_(False)
    summary = summarize(model, (1, 28, 28))
    assert (summary.parameters, summary.trainable_parameters) == (61_706, 61_706 - 850)


def test_the_cnn_costs_what_its_docstring_says():
    summary = summarize(CNN(3, (32, 32), 10), (3, 32, 32))
    assert summary.multiply_adds == pytest.approx(0.13e9, rel=0.05)
    assert summary.parameters == pytest.approx(2.0e6, rel=0.03)


class Shared(nn.Module):
    """One layer called twice, one never, one weight used by two layers, and a parameter beside children."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))
        self.twice = nn.Linear(4, 4)
        self.tied = nn.Linear(4, 4, bias=False)
        self.tied.weight = self.twice.weight
        self.never = nn.Linear(4, 7)

    def forward(self, x):
        return self.scale * self.tied(self.twice(self.twice(x.flatten(1))))


def test_a_layer_is_listed_once_however_often_it_is_called():
    summary = summarize(Shared(), (1, 2, 2))
    rows = {row.name: (row.output_size, row.parameters) for row in summary.rows}
    assert rows == {"": ((4,), 1), "twice": ((4,), 20), "tied": ((4,), 0), "never": (None, 35)}
    assert summary.parameters == 1 + 20 + 35


class Noisy(nn.Module):
    """Draws random numbers, keeps a running count and has a part in another mode than the whole."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(2)
        self.frozen = nn.Dropout().eval()
        self.modes: list[bool] = []

    def forward(self, x):
        self.modes.append(self.training)
        return self.frozen(self.norm(x + torch.randn_like(x)))


def test_mode_state_hooks_and_random_numbers_are_as_before():
    model = Noisy()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    summarize(model, (2, 4, 4))
    assert torch.equal(torch.rand(4), expected)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert model.modes == [False]
    assert (model.training, model.norm.training, model.frozen.training) == (True, True, False)
    assert not any(module._forward_hooks for module in model.modules())
    model(torch.ones(2, 2, 4, 4))  # the control: a step in training mode does change the state
    assert not torch.equal(model.norm.running_mean, before["norm.running_mean"])


def test_a_model_that_fails_is_left_as_it_was():
    model = LeNet(1, (28, 28), 10)
    with pytest.raises(RuntimeError):
        summarize(model, (3, 28, 28))
    assert model.training
    assert not any(module._forward_hooks for module in model.modules())


def test_a_model_without_parameters_has_a_summary():
    summary = summarize(nn.Sequential(nn.Flatten(), nn.ReLU()), (1, 2, 2))
    assert (summary.parameters, summary.multiply_adds) == (0, 0)


def test_the_size_may_come_from_the_data_set():
    spec = DatasetSpec("tiny", 1, 14, 28, ("a", "b"), (0.5,), (0.5,), 10, 10)
    model = LeNet(spec.channels, spec.image_size, spec.num_classes)
    assert summarize(model, spec) == summarize(model, (1, 14, 28))


def test_the_table_is_aligned():
    lines = str(LENET).splitlines()
    header, first = lines[0], lines[2]
    assert header.split() == ["Layer", "Type", "Input", "Output", "Maps", "Parameters"]
    assert first.split() == ["features.conv1", "Conv2d", "1x28x28", "6x28x28", "6", "156"]
    assert {len(line) for line in lines[:-1]} == {len(header)}
    assert lines[-1] == "61,706 parameters (61,706 trainable), 416,520 multiply-adds per image"


def test_markdown_is_one_table_and_the_totals():
    lines = LENET.markdown().splitlines()
    assert lines[0] == "| Layer | Type | Input | Output | Maps | Parameters |"
    assert lines[2] == "| features.conv1 | Conv2d | 1x28x28 | 6x28x28 | 6 | 156 |"
    assert {line.count("|") for line in lines[:-2]} == {7}
    assert lines[-2:] == ["", LENET.totals()]


LENET = summarize(LeNet(1, (28, 28), 10), (1, 28, 28))
