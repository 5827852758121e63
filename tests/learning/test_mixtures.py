"""Mixtures of two images: pixels and shares by hand, losses against PyTorch's with soft targets, and whole runs."""

from __future__ import annotations

import signal

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from small_runs import equal, weights, with_callback
from torch import Tensor

from groundup.config.check import check
from groundup.data.mixing import Mixed, Mixing, beta, cutmix, mixing, mixup
from groundup.data.specs import make_spec
from groundup.errors import Interrupted, UserError
from groundup.learning.class_weights import weigh
from groundup.run.learners import build_learner
from groundup.run.run import run

N = 400
MIXES = ("data.augment=[shift,mixup,cutmix]", "data.mixup_alpha=1", "data.shift=1")


def numbered() -> Tensor:
    """Images each of which is its own number everywhere."""
    return torch.arange(N, dtype=torch.float32)[:, None, None, None].expand(N, 2, 10, 14).contiguous()


def test_mixup_is_the_weighted_mean_of_an_image_and_its_partner():
    torch.manual_seed(0)
    mixed, partner, share = Mixing({"mixup": 1.0})(numbered())
    expected = share * torch.arange(N) + (1 - share) * partner
    torch.testing.assert_close(mixed, expected[:, None, None, None].expand_as(mixed))
    assert sorted(partner.tolist()) == list(range(N))
    assert share.min() >= 0.5
    assert len(share.unique()) > N / 2  # each image has its own
    assert share.mean() == pytest.approx(0.75, abs=0.03)  # of a uniform share, the larger part


def test_cutmix_puts_a_box_of_one_image_into_the_other_and_counts_its_pixels():
    torch.manual_seed(0)
    mixed, partner, share = Mixing({"cutmix": 1.0})(numbered())
    own = (mixed == numbered())[:, 0] | (partner == torch.arange(N))[:, None, None]
    is_partner = mixed[:, 0] == partner[:, None, None]
    assert (own | is_partner).all()
    for place in (partner != torch.arange(N)).nonzero()[:, 0].tolist():
        assert own[place].float().mean().item() == pytest.approx(share[place].item(), abs=1e-6)
        box = own[place] if own[place].any(0).sum() * own[place].any(1).sum() == own[place].sum() else ~own[place]
        assert box.any(0).sum() * box.any(1).sum() == box.sum()  # a rectangle
    assert share.min() >= 0.5


def test_areas_of_cutmix_are_those_of_the_paper():
    torch.manual_seed(0)
    images = torch.zeros(20_000, 1, 32, 32)
    share = cutmix(images, images, beta(1.0, 20_000, images.device))[1]
    random = np.random.default_rng(0)
    larger = []
    for part in random.random(20_000):  # algorithm A1 of the paper: rand_bbox
        cut = int(32 * np.sqrt(1 - part))
        sides = []
        for centre in random.integers(32, size=2):
            sides.append(min(centre + cut // 2, 32) - max(centre - cut // 2, 0))
        larger.append(max(np.prod(sides) / 1024, 1 - np.prod(sides) / 1024))
    assert share.mean().item() == pytest.approx(np.mean(larger), abs=0.01)


def test_of_two_ways_a_coin_chooses_and_alpha_says_how_much_is_mixed():
    torch.manual_seed(0)
    images = torch.rand(N, 1, 8, 8)
    mixed, partner, _ = Mixing({"mixup": 1.0, "cutmix": 1.0})(images)
    cut = ((mixed == images) | (mixed == images[partner])).flatten(1).all(1).float().mean()
    assert 0.4 < cut < 0.6
    shares = [mixup(images, images, beta(alpha, N, images.device))[1].mean() for alpha in (0.1, 1.0, 10.0)]
    assert shares[0] > 0.9 > shares[1] > 0.65 > shares[2]
    assert mixing(["flip"], {"mixup": 1.0, "cutmix": 1.0}) is None


@pytest.mark.parametrize("loss", ["cross_entropy", "bce", "mse", "squared_error"])
def test_a_mixture_is_learnt_with_a_share_of_either_label(make_config, loss):
    config = make_config(f"loss={loss}", "loss.class_weights=balanced", *MIXES)
    learner = build_learner(config, make_spec(config["data"]))
    images, target = torch.rand(6, 1, 8, 8), torch.tensor([0, 1, 2, 3, 3, 9])
    partner, share = torch.tensor([1, 0, 3, 2, 5, 4]), torch.tensor([0.5, 0.9, 0.6, 1.0, 0.7, 0.8])
    learner.mixing = lambda given: Mixed(given, partner, share)
    logits = learner.net(images)
    soft = share[:, None] * F.one_hot(target, 10) + (1 - share)[:, None] * F.one_hot(target[partner], 10)
    expected = {
        "cross_entropy": lambda: F.cross_entropy(logits, soft),
        "bce": lambda: F.binary_cross_entropy_with_logits(logits, soft),
        "mse": lambda: F.mse_loss(logits.softmax(1), soft),
        "squared_error": lambda: F.mse_loss(logits, soft),
    }[loss]()
    given = learner.losses(images, target)
    gradients = [torch.autograd.grad(each, list(learner.net.parameters())) for each in (given.loss, expected)]
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs)
    if loss in ("cross_entropy", "bce"):  # squares differ by what no weight changes
        torch.testing.assert_close(given.loss, expected)
        weigh(learner.loss, torch.tensor([1] * 9 + [11]))
        assert learner.losses(images, target).loss.item() != pytest.approx(expected.item(), rel=0.01)


def test_numpy_learns_mixtures_as_pytorch_does(make_config):
    gradients = []
    for model in ("mlp", "numpy_mlp"):
        config = make_config(f"model={model}", "model.hidden_dims=[16]", *MIXES, small=())
        learner = build_learner(config, make_spec(config["data"]))
        with torch.no_grad():
            for value in learner.net.parameters():
                value.copy_(torch.linspace(-1, 1, value.numel()).view(value.shape).sin())
        learner.mixing = mixing(["mixup"], {"mixup": 1.0, "cutmix": 1.0})
        torch.manual_seed(1)
        learner.losses(torch.linspace(0, 1, 320).view(5, 1, 8, 8), torch.arange(5)).loss.backward()
        gradients.append({name: value.grad for name, value in learner.net.named_parameters()})
    for name, value in gradients[0].items():
        torch.testing.assert_close(value, gradients[1][name], rtol=1e-4, atol=1e-6)


def test_a_run_repeats_itself_and_goes_on_to_the_same_bits(make_config, tmp_path):
    config = make_config(*MIXES, "callbacks=everything")
    results = [run(config, tmp_path / name) for name in ("first", "again")]
    assert equal(weights(tmp_path / "first"), weights(tmp_path / "again"))
    assert not equal(weights(tmp_path / "first"), weights(other(make_config, tmp_path)))
    with pytest.raises(Interrupted):
        run(with_callback(config, "SignalAt", step=25, signum=int(signal.SIGTERM)), tmp_path / "stopped")
    run(config, tmp_path / "stopped", resume=tmp_path / "stopped" / "checkpoints" / "last.ckpt")
    assert equal(weights(tmp_path / "first"), weights(tmp_path / "stopped"))
    assert results[0]["train/loss"] > results[0]["val/loss"]


def other(make_config, tmp_path):
    run(make_config("data.augment=[shift]", "data.shift=1"), tmp_path / "other")
    return tmp_path / "other"


def test_a_captured_step_mixes_as_one_that_is_not(make_config, tmp_path, tape):
    words = ("data.augment=[mixup,cutmix]", "trainer.max_epochs=3", "trainer.log_every_n_steps=4")
    run(make_config(*words), tmp_path / "plain")
    run(make_config(*words, "trainer.capture=true"), tmp_path / "captured")
    assert equal(weights(tmp_path / "plain"), weights(tmp_path / "captured"))
    assert tape[0].replays > 0


REFUSED = {
    "order": (["data.augment=[mixup,flip]"], "accepted: at the end"),
    "batch": (["data.augment=mixup", "data.batch_size=1"], "nothing to mix with"),
    "way": (["model=forward_forward", "data.augment=mixup"], "this way of learning takes one"),
    "noprop": (["model=noprop_dt", "data.augment=[flip,cutmix]"], "data.augment=cutmix with model=noprop_dt"),
    "alpha": (["data.augment=mixup", "data.mixup_alpha=0"], "data.mixup_alpha=0"),
}


@pytest.mark.parametrize(("words", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_learn_from_mixtures_is_refused(compose_config, words, message):
    with pytest.raises(UserError) as refusal:
        check(compose_config(*words))
    assert message in str(refusal.value)


def test_a_loss_of_somebody_elses_is_refused(compose_config):
    cfg = compose_config("data.augment=mixup")
    cfg.loss = {"_target_": "torch.nn.NLLLoss", "name": "nll"}
    with pytest.raises(UserError, match=r"loss=nll: .* this loss may take one; accepted: cross_entropy"):
        check(cfg)
