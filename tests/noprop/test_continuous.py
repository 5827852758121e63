"""NoProp-CT and NoProp-FM: their losses are the published ones."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import MultivariateNormal, kl_divergence

from groundup.config.check import check
from groundup.data.specs import make_spec
from groundup.noprop.ct import divergence, noisy
from groundup.run.learners import build_learner


@pytest.fixture
def make_learner(compose_config):
    def make(*words: str):
        config = check(compose_config("optimizer=adam", *words))
        return build_learner(config, make_spec(config["data"]))

    return make


def test_the_divergence_is_that_of_the_two_gaussians():
    labels, signal = torch.randn(5, 4), torch.tensor(0.3)
    standard = MultivariateNormal(torch.zeros(4), torch.eye(4))
    each = [kl_divergence(MultivariateNormal(signal.sqrt() * u, (1 - signal) * torch.eye(4)), standard) for u in labels]
    assert divergence(labels, signal).item() == pytest.approx(torch.stack(each).mean().item(), rel=1e-5)
    assert divergence(labels, signal).item() != pytest.approx(torch.stack(each).sum().item(), rel=1e-2)


def test_noisy_labels_have_the_mean_and_variance_of_their_level():
    torch.manual_seed(0)
    z = noisy(torch.ones(40_000, 1), torch.tensor(0.64))
    assert z.mean().item() == pytest.approx(0.8, abs=0.01)
    assert z.var().item() == pytest.approx(0.36, abs=0.01)


def step(learner, images, target):
    """The loss of a training step, without a Trainer."""
    torch.manual_seed(5)
    losses = learner.losses(images, target)
    assert losses.shown is None  # what is differentiated is logged
    return losses.loss


def test_the_loss_of_ct_is_equation_9(make_learner):
    learner = make_learner("model=noprop_ct", "model.eta=0.5").eval()
    net, images, target = learner.net, torch.randn(6, 1, 14, 14), torch.randint(10, (6,))
    given = step(learner, images, target)
    torch.manual_seed(5)
    u, time = torch.eye(10)[target], torch.rand(6)
    time.requires_grad_()
    ratio = torch.exp(-net.noise(time)[0])
    [rise] = torch.autograd.grad(ratio.sum(), time)
    signal = (ratio / (1 + ratio)).detach()[:, None]
    z = signal.sqrt() * u + (1 - signal).sqrt() * torch.randn(6, 10)
    squares = (net.block(images, z, time.detach()).softmax(1) - u).square().sum(1)
    first, last = torch.sigmoid(torch.tensor([-5.0, 5.0]))
    z_1 = last.sqrt() * u + (1 - last).sqrt() * torch.randn(6, 10)
    reading = -net.head(z_1).log_softmax(1)[range(6), target].mean()
    kl = 0.5 * (first - 10 * first - 10 * torch.log(1 - first))
    assert given.item() == pytest.approx((reading + kl + 0.25 * (rise * squares).mean()).item(), rel=1e-4)


@pytest.mark.parametrize("embedding", ["one_hot", "learned"])
def test_the_loss_of_fm_is_that_of_flow_matching(make_learner, embedding):
    learner = make_learner("model=noprop_fm", f"model.embedding={embedding}").eval()
    net, images, target = learner.net, torch.randn(6, 1, 14, 14), torch.randint(10, (6,))
    given = step(learner, images, target)
    torch.manual_seed(5)
    u = net.embedding.weight[target]
    start, time = torch.randn(u.shape), torch.rand(6)
    z = time[:, None] * u + (1 - time[:, None]) * start
    velocity = net.block(images, z, time) @ net.embedding.weight
    expected = (velocity - u + start).square().sum(1).mean()
    if embedding == "learned":
        end = z + (1 - time[:, None]) * velocity
        expected = expected - net.head(end).log_softmax(1)[range(6), target].mean()
    assert given.item() == pytest.approx(expected.item(), rel=1e-5)


def test_the_noise_schedule_and_a_learned_embedding_learn(make_learner):
    learner = make_learner("model=noprop_ct", "model.embedding=learned")
    step(learner, torch.randn(6, 1, 14, 14), torch.randint(10, (6,))).backward()
    for name, parameter in learner.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.any(), name
