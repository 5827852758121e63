"""Single parts, against numbers from elsewhere."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from events import read_events
from sklearn.metrics import precision_score, recall_score
from torch import nn
from torch.utils.tensorboard import SummaryWriter

from groundup.callbacks.dead_units import dead_share
from groundup.callbacks.filters import first_weights
from groundup.callbacks.histograms import write_histogram
from groundup.callbacks.mistakes import Mistakes
from groundup.callbacks.pr_curves import THRESHOLDS, PRCurves, curve
from groundup.callbacks.shown_images import pixels_of
from groundup.data.specs import make_spec
from groundup.models.lenet import LeNet
from groundup.models.mlp import MLP

CIFAR = make_spec({"name": "cifar10"})
NORMAL = torch.randn(1000, generator=torch.Generator().manual_seed(0))


def learner(spec):
    return SimpleNamespace(spec=spec, device=torch.device("cpu"), probabilities=lambda logits: logits.softmax(dim=1))


def test_the_mistakes_kept_are_the_surest_of_all_batches():
    torch.manual_seed(0)
    logits, target, images = 3 * torch.randn(200, 10), torch.randint(10, (200,)), torch.randn(200, 3, 32, 32)
    logits[torch.arange(0, 200, 3), target[::3]] += 20  # a third is right
    part = Mistakes(count=8)
    part.begin(learner(CIFAR))
    for first in range(0, 200, 30):
        batch = slice(first, first + 30)
        part.see(learner(CIFAR), images[batch], target[batch], logits[batch])
    sureness, truth, guess, shown = part._worst
    probabilities = logits.softmax(dim=1).numpy()
    wrong = [i for i in range(200) if probabilities[i].argmax() != target[i]]
    expected = sorted(wrong, key=lambda i: -probabilities[i].max())[:8]
    assert sureness.tolist() == pytest.approx([probabilities[i].max() for i in expected])
    assert truth.tolist() == target[expected].tolist()
    assert guess.tolist() == probabilities[expected].argmax(axis=1).tolist()
    assert torch.equal(shown, images[expected])
    assert expected != wrong[:8]  # the control


def test_fewer_mistakes_than_places_leave_places_empty():
    part = Mistakes(count=8)
    part.begin(learner(CIFAR))
    logits = torch.eye(10)[:5]
    part.see(learner(CIFAR), torch.zeros(5, 3, 32, 32), torch.tensor([0, 1, 2, 9, 9]), logits)
    assert int((part._worst[0] >= 0).sum()) == 2


def test_precision_and_recall_are_those_of_sklearn():
    torch.manual_seed(0)
    logits, target = 2 * torch.randn(400, 10), torch.randint(10, (400,))
    logits[torch.arange(400), target] += 2
    part = PRCurves()
    part.begin(learner(CIFAR))
    part.see(learner(CIFAR), torch.zeros(0), target, logits)
    every, own = (count.view(10, THRESHOLDS).numpy() for count in (part._all, part._own))
    *counts, precision, recall = curve(every[3], own[3])
    scores, truth = logits.softmax(dim=1)[:, 3].numpy(), target.numpy() == 3
    for t in (1, 10, 63, 120):
        said = scores >= t / (THRESHOLDS - 1)
        assert precision[t] == pytest.approx(precision_score(truth, said, zero_division=0))
        assert recall[t] == pytest.approx(recall_score(truth, said))
        assert sum(count[t] for count in counts) == 400
    assert recall[0] == 1
    assert recall[63] != pytest.approx(recall_score(truth, scores >= 0.9))  # the control


def test_a_dead_unit_is_one_that_tells_no_two_images_apart():
    outputs = torch.rand(6, 4, 5, 5)
    assert dead_share(outputs) == 0
    outputs[:, 1] = 0
    assert dead_share(outputs) == 0.25
    outputs[3, 1, 2, 2] = 0.1  # at one place of one image
    assert dead_share(outputs) == 0
    assert dead_share(torch.tensor([[1.0, 0.0, 3.0], [1.0, 0.5, 3.0]])) == pytest.approx(2 / 3)


def test_dead_relus_are_found_in_a_network():
    from groundup.callbacks.probe import activations

    torch.manual_seed(0)
    net = MLP(1, (8, 8), 10, hidden_dims=[8])
    with torch.no_grad():
        net.features[1].bias[:2] = -100
    found = activations(net, torch.randn(50, 1, 8, 8))
    assert {name: dead_share(out) for name, out in found.items()} == {"features.2": 0.25}
    assert not net.features[2]._forward_hooks


def test_a_network_without_activation_layers_shows_its_convolutions():
    from groundup.callbacks.probe import activations

    net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.Flatten(), nn.Linear(3 * 36, 10))
    [(name, output)] = activations(net, torch.rand(2, 1, 8, 8)).items()
    assert (name, tuple(output.shape)) == ("0", (2, 3, 6, 6))


@pytest.mark.parametrize(
    "values",
    [NORMAL, torch.zeros(10), torch.tensor([2.5]), torch.arange(7).float()],
    ids=["normal", "zeros", "one", "counted"],
)
def test_a_histogram_counts_every_value(values, tmp_path):
    with SummaryWriter(tmp_path) as writer:
        write_histogram(writer, "weights/x", values, 3)
        write_histogram(writer, "weights/nan", torch.tensor([1.0, torch.nan]), 3)
    events = read_events(tmp_path)
    assert events.Tags()["histograms"] == ["weights/x"]
    [event] = events.Histograms("weights/x")
    histogram = event.histogram_value
    assert (event.step, histogram.num) == (3, len(values))
    assert sum(histogram.bucket) == len(values)
    assert (histogram.min, histogram.max) == (values.min(), values.max())
    middle = np.median(values.numpy())
    below = sum(n for n, limit in zip(histogram.bucket, histogram.bucket_limit, strict=True) if limit < middle)
    assert below <= len(values) / 2


def test_the_first_layer_that_sees_pixels():
    assert first_weights(LeNet(3, (32, 32), 10), CIFAR)[1].shape == (6, 3, 5, 5)
    layer, weights = first_weights(MLP(3, (32, 32), 10), CIFAR)
    assert (layer, weights.shape) == ("features.1", (256, 3, 32, 32))
    assert first_weights(nn.Linear(5, 3), CIFAR) is None
    assert first_weights(nn.ReLU(), CIFAR) is None


def test_pixels_come_back_from_normalised_images():
    pixels = torch.randint(256, (5, 3, 32, 32), dtype=torch.uint8)
    mean, std = (torch.tensor(values)[:, None, None] for values in (CIFAR.mean, CIFAR.std))
    normalised = (pixels / 255 - mean) / std
    assert (pixels_of(normalised, CIFAR) == pixels.numpy()).all()
