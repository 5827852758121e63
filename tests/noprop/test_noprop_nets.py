"""The networks of NoProp have the published sizes, and infer by the published equations."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from groundup.errors import UserError
from groundup.noprop.block import Block
from groundup.noprop.chain import Chain
from groundup.noprop.continuous import Continuous, Flow, TimedBlock, time_features
from groundup.noprop.controls import Ensemble, LocalChain
from groundup.noprop.discrete import Discrete
from groundup.noprop.embedding import Embedding
from groundup.noprop.ode import NeuralODE

MNIST, CIFAR = (1, (28, 28)), (3, (32, 32))
SMALL = (1, (14, 14), 3)  # channels, size, classes

# Li, Teh and Pascanu 2025, table 5 of version 2, in millions to two digits: (image, classes, d, discrete, continuous)
PUBLISHED = [
    (MNIST, 10, 10, 0.92, 0.87),
    (MNIST, 10, 20, 0.92, 0.87),
    (MNIST, 10, 784, 1.40, 1.48),
    (CIFAR, 10, 10, 1.22, 1.16),
    (CIFAR, 10, 20, 1.22, 1.17),
    (CIFAR, 10, 3072, 1.99, 2.07),
    (CIFAR, 100, 100, 1.25, 1.20),
    (CIFAR, 100, 20, 1.23, 1.18),
    (CIFAR, 100, 3072, 2.00, 2.08),
]
EXACT = {  # the same, worked out layer by layer
    Block: [919_946, 922_506, 1_401_738, 1_215_434, 1_217_994, 1_992_714, 1_250_084, 1_229_604, 2_004_324],
    TimedBlock: [867_722, 870_282, 1_482_122, 1_163_210, 1_165_770, 2_073_098, 1_197_860, 1_177_380, 2_084_708],
}


def count(net: nn.Module) -> int:
    return sum(p.numel() for p in net.parameters())


@pytest.mark.parametrize("kind", [Block, TimedBlock])
@pytest.mark.parametrize("row", range(9))
def test_a_block_has_the_published_number_of_parameters(kind, row):
    image, classes, dim, discrete, continuous = PUBLISHED[row]
    with torch.device("meta"):
        block = kind(*image, classes, dim, label_is_image=dim in (784, 3072))
    assert count(block) == EXACT[kind][row]
    assert round(count(block) / 1e6, 2) == (discrete if kind is Block else continuous)


def test_an_image_too_small_is_refused():
    with pytest.raises(UserError, match="14"):
        Block(1, (13, 13), 10, 10)


class Knows(nn.Module):
    """A block that is certain of a class, whatever it is given."""

    def __init__(self, label: int, classes: int):
        super().__init__()
        self.register_buffer("logits", 1000.0 * nn.functional.one_hot(torch.tensor(label), classes))

    def forward(self, images, *_):
        return self.logits.expand(len(images), -1)

    scores = forward


def test_discrete_inference_is_equation_3():
    torch.manual_seed(0)
    net = Discrete(*SMALL, blocks=4).eval()
    images = torch.randn(5, 1, 14, 14)
    logits, guesses = net.trajectory(images, torch.Generator().manual_seed(3))
    draws = torch.Generator().manual_seed(3)
    z = torch.randn(5, 3, generator=draws)
    levels = [math.cos((1 - t / 4 + 0.008) / 1.008 * math.pi / 2) ** 2 for t in range(4)] + [0.999]
    for t in range(1, 5):
        before, after = levels[t - 1] if t > 1 else 0.0, levels[t]
        alpha = before / after
        guess = net.blocks[t - 1](images, z)
        assert torch.allclose(guesses[t - 1], guess, atol=1e-5)
        mean = math.sqrt(after) * (1 - alpha) / (1 - before) * guess.softmax(1)
        mean = mean + math.sqrt(alpha) * (1 - after) / (1 - before) * z
        z = mean + math.sqrt((1 - after) * (1 - alpha) / (1 - before)) * torch.randn(5, 3, generator=draws)
    assert torch.allclose(logits, net.head(z), atol=1e-5)
    assert not torch.allclose(logits, net(images, torch.Generator().manual_seed(4)), atol=1e-5)


@pytest.mark.parametrize("net", [Discrete, Continuous])
def test_what_every_step_guesses_comes_out(net):
    """Of the levels of noise at the end only so much is left that the label is plain."""
    torch.manual_seed(0)
    net = net(*SMALL)
    for name, block in ((name, block) for name, block in net.named_modules() if isinstance(block, Block | TimedBlock)):
        known = Knows(2, 3)
        known.image = block.image
        net.set_submodule(name, known)
    nn.init.eye_(net.head.weight)
    nn.init.zeros_(net.head.bias)
    assert (net.eval()(torch.randn(20, 1, 14, 14)).argmax(1) == 2).all()


def test_a_flow_ends_where_its_velocity_leads():
    """A constant velocity u moves z_0 by u; the class whose embedding is nearest to z_0 + u wins."""
    torch.manual_seed(0)
    net = Flow(*SMALL, inference_steps=50)
    block = Knows(1, 3)
    block.image, block.logits = net.block.image, torch.tensor([0.0, 30.0, 0.0])
    net.block = block
    logits = net.eval()(torch.randn(8, 1, 14, 14), torch.Generator().manual_seed(0))
    start = torch.randn(8, 3, generator=torch.Generator().manual_seed(0))
    expected = -(start + torch.tensor([0.0, 30.0, 0.0]) - torch.eye(3)[:, None]).square().sum(2).T
    assert torch.allclose(logits, expected, rtol=1e-4)
    assert (logits.argmax(1) == 1).all()


@pytest.mark.parametrize("embedding", ["one_hot", "learned"])
def test_the_adjoint_method_comes_to_the_gradients_of_the_steps_themselves(embedding):
    """As steps become small; with few of them it does not."""

    def difference(count: int) -> float:
        torch.manual_seed(0)
        net = NeuralODE(*SMALL, embedding=embedding, inference_steps=count).double().eval()
        images = torch.randn(2, 1, 14, 14).double()
        z = torch.randn(2, net.embedding.dim, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        features = net.block.image(images)
        for k in range(count):
            scores = net.block.scores(features, z, torch.full((2,), k / count).double())
            z = z + scores @ net.embedding.weight / count
        logits = net(images, torch.Generator().manual_seed(1))
        assert torch.allclose(logits, net.head(z))
        given, expected = (
            torch.cat([g.flatten() for g in torch.autograd.grad(out.square().sum(), list(net.parameters()))])
            for out in (logits, net.head(z))
        )
        return float((given - expected).norm() / expected.norm())

    assert difference(400) < 0.01 < difference(3)


def test_the_chain_mixes_by_equation_18():
    torch.manual_seed(0)
    net = Chain(*SMALL, blocks=2).eval()
    images = torch.randn(4, 1, 14, 14)
    z = torch.randn(4, 3, generator=torch.Generator().manual_seed(1))
    for block in net.blocks:
        z = 0.5 * z + 0.5 * block(images, z).softmax(1)  # alpha begins at 0.5
    assert torch.allclose(net(images, torch.Generator().manual_seed(1)), net.head(z), atol=1e-6)


def test_an_ensemble_gives_the_mean_of_its_probabilities():
    torch.manual_seed(0)
    net = Ensemble(*SMALL, blocks=3).eval()
    images = torch.randn(4, 1, 14, 14)
    each = torch.stack(net.all_logits(images, torch.Generator().manual_seed(1))).softmax(2)
    given = net(images, torch.Generator().manual_seed(1))
    assert torch.allclose(given.exp(), each.mean(0), atol=1e-6)


def test_no_gradient_goes_from_block_to_block_of_a_local_chain():
    net = LocalChain(*SMALL, blocks=3)
    last = net.all_logits(torch.randn(4, 1, 14, 14))[-1]
    grads = torch.autograd.grad(last.sum(), list(net.parameters()), allow_unused=True)
    per_block = len(list(net.blocks[0].parameters()))
    assert all(grad is None for grad in grads[: 2 * per_block])
    assert all(grad is not None for grad in grads[2 * per_block :])


def test_embeddings_are_what_they_say():
    assert torch.equal(Embedding("one_hot", 4, 20, 9).weight, torch.eye(4))
    learned = Embedding("learned", 4, 6, 9)
    assert torch.allclose(learned.weight @ learned.weight.T, torch.eye(4), atol=1e-6)
    assert Embedding("learned", 4, 3, 9).dim == 3  # more classes than numbers: no four orthogonal vectors there
    assert Embedding("prototype", 4, 3, 9).dim == 9


def test_a_prototype_is_the_image_with_the_smallest_median_distance_to_the_others():
    torch.manual_seed(0)
    images = {label: torch.randn(6 + label, 1, 3, 3) for label in range(3)}
    embedding = Embedding("prototype", 3, 20, 9)
    embedding.set_prototypes(images.__getitem__)
    for label, own in images.items():
        flat = own.flatten(1)
        medians = [
            sorted(float((a - b).norm()) for j, b in enumerate(flat) if j != i)[(len(flat) - 2) // 2]
            for i, a in enumerate(flat)
        ]
        assert torch.equal(embedding.weight[label], flat[medians.index(min(medians))])


def test_times_are_told_apart():
    features = time_features(torch.linspace(0, 1, 1001))
    assert features.shape == (1001, 64)
    assert torch.cdist(features, features).fill_diagonal_(9).min() > 0.05
