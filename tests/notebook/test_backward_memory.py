"""What a step keeps for its gradients is counted once, and without what is there anyway."""

from __future__ import annotations

import torch
from torch import nn

from groundup.notebook.backward_memory import kept_for_backward


def kept(net, x, *given) -> int:
    with kept_for_backward(net, *given) as storages:
        loss = net(x).sum()
    assert loss.requires_grad  # the graph lives
    return sum(storages.values())


def test_a_linear_layer_keeps_its_input_and_an_activation_its_output():
    x = torch.randn(7, 3)
    assert kept(nn.Linear(3, 5), x) == 4 * 7 * 3
    assert kept(nn.Sequential(nn.Linear(3, 5), nn.Tanh()), x) == 4 * (7 * 3 + 7 * 5)


def test_the_batch_is_there_anyway_whatever_it_is_a_part_of():
    batch = torch.randn(100, 3)[:7]
    assert kept(nn.Sequential(nn.Linear(3, 5), nn.Tanh()), batch, batch) == 4 * 7 * 5


def test_what_two_operations_need_counts_once():
    x = torch.randn(7, 3)
    net = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2))  # the second layer's input is tanh's output
    assert kept(net, x) == 4 * (7 * 3 + 7 * 5)


def test_without_gradients_nothing_is_kept():
    net = nn.Linear(3, 5)
    with kept_for_backward(net) as storages, torch.no_grad():
        net(torch.randn(7, 3))
    assert not storages
