"""What a run costs: counted of what evaluates, as large as what is saved, not known where nothing sure can be said."""

from __future__ import annotations

import pytest
import torch
from lightning.pytorch import LightningModule
from torch import nn

from groundup.learning.predictor import Predictor
from groundup.models.mlp import MLP
from groundup.models.summary import summarize
from groundup.run.costs import PeakMemory, macs_of, size_on_disk
from groundup.spec import DatasetSpec

SPEC = DatasetSpec("tiny", 1, 8, 8, tuple("0123456789"), (0.5,), (0.5,), 10, 10)
PRODUCTS = 64 * 20 + 20 * 10


def net():
    return MLP(1, (8, 8), 10, hidden_dims=(20,))


class Twice(Predictor):
    """Evaluates by two looks at an image."""

    def predict_logits(self, images):
        return self.net(images) + self.net(images.flip(-1))


def test_macs_are_those_of_an_evaluation():
    loss = nn.CrossEntropyLoss()
    assert macs_of(Predictor(net(), SPEC, loss), SPEC) == PRODUCTS
    assert macs_of(Twice(net(), SPEC, loss), SPEC, summarize(net(), SPEC)) == 2 * PRODUCTS


class Foreign(LightningModule):
    def __init__(self, answer):
        super().__init__()
        self.net, self.answer = net(), answer

    def forward(self, x):
        return self.answer(self.net, x)


@pytest.mark.parametrize(
    ("answer", "macs"),
    [
        (lambda net, x: net(x), PRODUCTS),
        (lambda net, x: net(x)[:, :3], None),  # features
        (lambda net, x: {"logits": net(x)}, None),
        (lambda net, x: 1 / 0, None),
    ],
)
def test_of_a_module_of_somebody_elses_they_are_known_if_its_forward_classifies(answer, macs):
    assert macs_of(Foreign(answer), SPEC) == macs


def test_the_size_on_disk_is_that_of_the_weights_and_buffers_in_a_file(tmp_path):
    module = Foreign(None)
    module.register_buffer("statistics", torch.zeros(5000, dtype=torch.float64))
    module.register_buffer("not_saved", torch.zeros(9000), persistent=False)
    module.tied = nn.Linear(64, 20)
    module.tied.weight = next(module.net.parameters())
    by_hand = 4 * (64 * 20 + 20 + 20 * 10 + 10 + 20) + 8 * 5000
    assert size_on_disk(module) == by_hand
    torch.save(module.state_dict(), tmp_path / "weights.pt")
    frame = (tmp_path / "weights.pt").stat().st_size - by_hand
    assert 0 < frame < 8000  # names and places; another copy of the tied weight were 5,120 bytes more
    together = torch.zeros(3, 700)  # of three networks, as a stack has them
    module.register_buffer("one_of_three", together[1])
    module.register_buffer("spread", torch.zeros(1).expand(900))
    assert size_on_disk(module) == by_hand + 4 * (700 + 1)
    module.register_buffer("sparse", torch.eye(3).to_sparse())
    assert size_on_disk(module) is None


def test_of_a_processor_no_peak_is_known():
    assert PeakMemory(torch.device("cpu")).read() is None


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_the_peak_on_a_gpu_is_of_this_run_alone():
    device, mib = torch.device("cuda"), 2**20
    kept = torch.empty(64 * mib, dtype=torch.uint8, device=device)
    torch.empty(128 * mib, dtype=torch.uint8, device=device)  # before, and gone
    for _ in range(2):  # in the second, products have been computed before
        memory = PeakMemory(device)
        first = torch.empty(10 * mib, dtype=torch.uint8, device=device)
        del first
        last = torch.empty(6 * mib, dtype=torch.uint8, device=device)
        assert memory.read() == 10 * mib
        a = torch.ones(64, 64, device=device)
        a @ a
        with_products = memory.read()
        del last, a
    assert with_products >= 10 * mib
    assert kept.numel() == 64 * mib
