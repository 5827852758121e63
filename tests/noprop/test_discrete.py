"""NoProp-DT: each block learns alone, from its own level of noise."""

from __future__ import annotations

import math

import pytest
import torch

from groundup.config.check import check
from groundup.data.specs import make_spec
from groundup.noprop.block_logits import block_logits, together
from groundup.run.learners import build_learner


@pytest.fixture
def learner(compose_config):
    def make(*words: str):
        torch.manual_seed(0)
        config = check(compose_config("model=noprop_dt", "model.blocks=3", "optimizer=adamw", *words))
        return build_learner(config, make_spec(config["data"]))

    return make


def batch(size: int = 6):
    return torch.randn(size, 1, 14, 14), torch.randint(10, (size,))


def test_block_t_is_given_the_noise_level_before_it(learner):
    dt = learner()
    labels = dt.net.embedding(torch.zeros(20_000, dtype=torch.int64))
    z = dt.noisy(range(3), labels)
    levels = [0.0, *(math.cos((1 - t / 3 + 0.008) / 1.008 * math.pi / 2) ** 2 for t in (1, 2))]
    for own, level in zip(z, levels, strict=True):
        assert own[:, 0].mean().item() == pytest.approx(math.sqrt(level), abs=0.03)
        assert own[:, 1].mean().item() == pytest.approx(0, abs=0.03)
        assert own.var(dim=0).mean().item() == pytest.approx(1 - level, abs=0.03)


def test_the_cross_entropy_reaches_no_block(learner):
    dt = learner("model.embedding=learned")
    _, target = batch()
    labels = dt.net.embedding(target)
    reading = dt.loss(dt.net.head(dt._noisy(labels, 3)), target)
    of_blocks = torch.autograd.grad(reading, list(dt.net.blocks.parameters()), allow_unused=True, retain_graph=True)
    assert all(grad is None for grad in of_blocks)
    others = [*dt.net.head.parameters(), dt.net.embedding.weight]
    assert all(grad is not None for grad in torch.autograd.grad(reading, others))


def test_the_error_of_a_block_reaches_no_other(learner):
    dt = learner()
    images, target = batch()
    labels = dt.net.embedding(target)
    errors = dt.errors(range(3), images, labels, dt.noisy(range(3), labels))
    for number, block in enumerate(dt.net.blocks):
        parameters = list(dt.net.blocks.parameters())
        grads = torch.autograd.grad(errors[number], parameters, retain_graph=True)
        moved = {id(p) for p, grad in zip(parameters, grads, strict=True) if grad.any()}
        assert moved == {id(p) for p in block.parameters()}


def test_squares_are_summed_over_numbers_and_averaged_over_images(learner):
    dt = learner().eval()
    images, target = batch()
    labels = dt.net.embedding(target)
    z = dt.noisy(range(3), labels)
    [error] = dt.errors([1], images, labels, z[1:2])
    guess = dt.net.blocks[1](images, z[1]).softmax(1)
    by_hand = sum(((guess[i] - labels[i]) ** 2).sum() for i in range(6)) / 6
    assert error.item() == pytest.approx(by_hand.item(), rel=1e-5)


def test_weights_are_those_of_equation_8(learner):
    dt = learner("model.eta=0.1")
    levels = [0.0, *(math.cos((1 - t / 3 + 0.008) / 1.008 * math.pi / 2) ** 2 for t in (1, 2)), 0.999]
    ratios = [level / (1 - level) for level in levels]
    assert dt.weights == pytest.approx([3 / 2 * 0.1 * (ratios[t] - ratios[t - 1]) for t in (1, 2, 3)])


def without_dropout(dt):
    for module in dt.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return dt


@pytest.mark.parametrize("embedding", ["one_hot", "prototype"])
def test_blocks_together_have_the_losses_gradients_and_running_figures_of_one_after_another(learner, embedding):
    one_by_one, at_once = (without_dropout(learner(f"model.embedding={embedding}")).double() for _ in range(2))
    at_once.load_state_dict(one_by_one.state_dict())
    images, target = batch()
    images = images.double()
    z = one_by_one.noisy(range(3), one_by_one.net.embedding(target)).detach()
    expected = block_logits(one_by_one.net.blocks, images, z)
    given = together(at_once.net.blocks, images, z)
    assert torch.allclose(given, expected, rtol=1e-9)
    factors = torch.randn(expected.shape)
    for logits in (given, expected):
        (logits * factors).sum().backward()
    for ours, theirs in zip(at_once.net.blocks.parameters(), one_by_one.net.blocks.parameters(), strict=True):
        assert torch.allclose(ours.grad, theirs.grad, atol=1e-10)
    for (name, ours), theirs in zip(at_once.named_buffers(), one_by_one.buffers(), strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-9), name
    untouched = learner(f"model.embedding={embedding}").double().state_dict()
    running = [name for name in untouched if name.endswith("running_mean")]
    assert not any(torch.allclose(at_once.state_dict()[name], untouched[name]) for name in running)
