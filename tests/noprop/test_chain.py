"""The blocks as one network: what its last layer makes of them at first."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from groundup.noprop.chain import Chain
from groundup.notebook.arrays import load_arrays

SIZES = {"in_channels": 1, "image_size": (16, 16), "num_classes": 10, "blocks": 2}


def names_every_class(embedding: nn.Module, head: nn.Linear) -> bool:
    return torch.equal(head(embedding.weight).argmax(dim=1), torch.arange(10))


@pytest.mark.parametrize("kind", ["one_hot", "learned"])
def test_at_first_each_class_is_read_from_its_own_vector(kind):
    torch.manual_seed(0)
    net = Chain(**SIZES, embedding=kind)
    assert names_every_class(net.embedding, net.head)
    assert not names_every_class(net.embedding, nn.Linear(net.embedding.dim, 10))  # as random weights do not


def test_back_propagation_learns_all_classes():
    """With random weights of f_out it stays at about half of the digits right, however long it learns."""
    data = load_arrays("digits", image_size=16)
    x, y = (torch.from_numpy(part) for part in data.train)
    torch.manual_seed(0)
    net = Chain(**SIZES)
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.003)
    for _ in range(6):
        for rows in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            F.cross_entropy(net(x[rows]), y[rows]).backward()
            optimizer.step()
    net.eval()
    images, target = (torch.from_numpy(part) for part in data.test)
    with torch.no_grad():
        found = net(images).argmax(dim=1)
    assert (found == target).float().mean() > 0.75
