"""Schedulers of PyTorch, and of somebody's own, set the rates that PyTorch itself would, and go on after a stop."""

from __future__ import annotations

import logging
import signal
import warnings
from pathlib import Path

import pytest
import torch
import yaml
from lightning.pytorch import Callback
from omegaconf import open_dict
from outsider.schedules import InverseSqrt
from small_runs import equal, weights, with_callback
from torch.optim import lr_scheduler

from groundup.config.check import check
from groundup.config.schedulers import Timing
from groundup.config.signature import TIMING
from groundup.errors import Interrupted, RunFailed, UserError
from groundup.learning.checkpoint import load_checkpoint
from groundup.learning.torch_schedulers import TorchScheduler
from groundup.run.run import run
from groundup.sweep.stacked.stackable import why_not

CONF = Path(__file__).parent / "conf" / "scheduler"
SMALL = (
    *("model=mlp", "model.hidden_dims=[8]", "data.limit_train=150", "data.limit_test=20", "data.batch_size=24"),
    *("trainer.max_epochs=4", "trainer.accelerator=cpu", "logger=none", "callbacks.progress=null"),
)
TORCH = "torch.optim.lr_scheduler"


def torchs(name, **options):
    return {"_target_": f"{TORCH}.{name}", "_partial_": True, "name": name.lower(), **options}


def theirs(name):
    return yaml.safe_load((CONF / f"{name}.yaml").read_text())


class Rates(Callback):
    """Notes the rate and the momentum of every group as a step is taken, and the figures of every validation."""

    def __init__(self):
        self.steps, self.judged, self.told = [], [], []
        Rates.last = self

    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        self.steps.append([group["lr"] for group in optimizer.param_groups])
        self.told.append(pl_module.rate)

    def on_validation_end(self, trainer, pl_module):
        self.judged.append((trainer.global_step, dict(pl_module.validation.metrics)))


@pytest.fixture
def config_of(compose_config):
    """The checked config of a small run with a scheduler's node."""

    def make(node, *words):
        cfg = compose_config(*SMALL, *words)
        with open_dict(cfg):
            cfg.scheduler = node
        return check(cfg)

    return make


def noting(config):
    return config | {"callbacks": {**config["callbacks"], "rates": {"_target_": f"{__name__}.Rates"}}}


def by_hand(make, steps, told_after, rates=(0.05,)):
    """The rates of PyTorch's own scheduler, told to go on after those steps, counted from 1."""
    optimizer = torch.optim.SGD([{"params": [torch.zeros((), requires_grad=True)], "lr": rate} for rate in rates])
    scheduler, found = make(optimizer), []
    for step in range(1, steps + 1):
        found.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        if told_after(step):
            scheduler.step()
    return found


def warmup_cosine(optimizer):
    within = [
        lr_scheduler.LinearLR(optimizer, start_factor=0.1, total_iters=10),
        lr_scheduler.CosineAnnealingLR(optimizer, T_max=50),
    ]
    return lr_scheduler.SequentialLR(optimizer, within, milestones=[10])


def inverse(step):
    return 1 / (1 + step)


def curve(step, total_steps, steps_per_epoch, power=1.0):
    return (1 - step / total_steps) ** power


@pytest.mark.parametrize(
    ("node", "make", "told_after", "words"),
    [
        (theirs("steplr"), lambda o: lr_scheduler.StepLR(o, 1, 0.5), lambda step: step % 6 == 0, ()),
        (
            torchs("ExponentialLR", gamma=0.7, frequency=3),
            lambda o: lr_scheduler.ExponentialLR(o, 0.7),
            lambda step: step % 18 == 0,
            (),
        ),
        (
            torchs("ExponentialLR", gamma=0.7, interval="step", frequency=5),
            lambda o: lr_scheduler.ExponentialLR(o, 0.7),
            lambda step: step % 5 == 0,
            (),
        ),
        (
            torchs("CosineAnnealingLR", T_max=24, interval="step"),
            lambda o: lr_scheduler.CosineAnnealingLR(o, 24),
            lambda step: True,
            (),
        ),
        (
            torchs("OneCycleLR", max_lr=0.2, total_steps=24, interval="step", cycle_momentum=False),
            lambda o: lr_scheduler.OneCycleLR(o, 0.2, 24, cycle_momentum=False),
            lambda step: True,
            (),
        ),
        (
            torchs("MultiStepLR", milestones=[2, 3], gamma=0.3),
            lambda o: lr_scheduler.MultiStepLR(o, [2, 3], 0.3),
            lambda step: step % 6 == 0,
            (),
        ),
        (theirs("warmup_cosine"), warmup_cosine, lambda step: True, ()),
        (theirs("inverse_sqrt"), lambda o: InverseSqrt(o, 20), lambda step: True, ()),
        (
            torchs("LambdaLR", interval="step", lr_lambda={"_target_": f"{__name__}.inverse", "_partial_": True}),
            lambda o: lr_scheduler.LambdaLR(o, inverse),
            lambda step: True,
            (),
        ),
        (  # 6 batches of an epoch are 2 steps
            torchs("ExponentialLR", gamma=0.7, interval="step"),
            lambda o: lr_scheduler.ExponentialLR(o, 0.7),
            lambda step: True,
            ("+trainer.accumulate_grad_batches=4",),
        ),
    ],
    ids=lambda value: value["name"] if isinstance(value, dict) else "",
)
def test_the_rates_of_a_run_are_those_of_pytorchs_own_scheduler(config_of, tmp_path, node, make, told_after, words):
    run(noting(config_of(node, *words)), tmp_path)
    found = Rates.last.steps
    assert found == by_hand(make, len(found), told_after)
    assert Rates.last.told == [rates[0] for rates in found]
    assert found != by_hand(make, len(found), lambda step: step % 4 == 1)  # it matters when


def test_a_bare_function_of_the_step_is_a_schedule(config_of, tmp_path):
    node = {"_target_": f"{__name__}.curve", "_partial_": True, "name": "curve", "power": 2.0}
    run(noting(config_of(node)), tmp_path)
    expected = [0.05 * curve(step, 24, 6, 2.0) for step in range(24)]
    assert [rates[0] for rates in Rates.last.steps] == pytest.approx(expected)


def test_a_rate_that_has_no_effect_is_said(config_of, tmp_path, caplog):
    run(config_of(torchs("StepLR", step_size=1)), tmp_path / "follows")
    assert not caplog.text
    run(config_of(torchs("OneCycleLR", max_lr=0.2, total_steps=24, interval="step")), tmp_path / "sets")
    assert "OneCycleLR sets the learning rate itself, 0.008 at first; optimizer.lr has no effect" in caplog.text


def test_a_cycle_that_is_not_gone_through_is_said(config_of, tmp_path, caplog):
    run(config_of(torchs("OneCycleLR", max_lr=0.2, total_steps=24, interval="step")), tmp_path / "whole")
    assert "made for" not in caplog.text
    run(config_of(torchs("OneCycleLR", max_lr=0.2, total_steps=24)), tmp_path / "part")
    assert "OneCycleLR is made for 24 calls, but this training calls it 4 times, once an epoch" in caplog.text


def test_groups_of_several_rates_keep_their_ratios(config_of, tmp_path):
    muon = ("optimizer=muon", "optimizer.lr=0.02", "optimizer.other_lr=0.004")
    run(noting(config_of(torchs("StepLR", step_size=1, gamma=0.5), *muon)), tmp_path)
    made = by_hand(lambda o: lr_scheduler.StepLR(o, 1, 0.5), 24, lambda step: step % 6 == 0, (0.02, 0.004, 0.004))
    assert Rates.last.steps == made


def test_one_rate_for_groups_of_several_is_refused(config_of, tmp_path):
    cycle = torchs("OneCycleLR", max_lr=0.1, total_steps=24, interval="step", cycle_momentum=False)
    config = config_of(cycle, "optimizer=muon", "optimizer.lr=0.02", "optimizer.other_lr=0.004")
    with pytest.raises(UserError, match=r"gives all 3 groups of the optimizer one rate.*accepted: a list"):
        run(config, tmp_path / "one")
    listed = {"max_lr": [0.1, 0.02, 0.02], "interval": "step"}
    run(noting(config | {"scheduler": cycle | listed}), tmp_path / "several")
    assert all(head == pytest.approx(matrix / 5) for matrix, head, _ in Rates.last.steps)


@pytest.mark.parametrize(
    ("node", "words", "validated"),
    [
        (theirs("plateau") | {"patience": 0}, (), [6, 12, 18, 24]),
        (torchs("ReduceLROnPlateau", patience=0, threshold=0.9), (), [6, 12, 18, 24]),
        (
            torchs("ReduceLROnPlateau", patience=0, threshold=0.9),
            ("+trainer.check_val_every_n_epoch=2", "trainer.max_epochs=6"),
            [12, 24, 36],
        ),
        (
            torchs("ReduceLROnPlateau", patience=0, threshold=0.9),
            ("+trainer.val_check_interval=0.5",),
            [3, 6, 9, 12, 15, 18, 21, 24],
        ),
        (
            torchs("ReduceLROnPlateau", patience=0, threshold=0.9),
            ("+trainer.num_sanity_val_steps=2",),
            [6, 12, 18, 24],
        ),
    ],
)
def test_a_plateau_is_looked_for_once_a_validation(config_of, tmp_path, node, words, validated):
    run(noting(config_of(node, *words, "optimizer.lr=2")), tmp_path)  # a rate so large that there are plateaus
    judged = dict((step, metrics) for step, metrics in Rates.last.judged if step)
    assert list(judged) == validated
    monitor = node.get("monitor", "val/loss")
    optimizer = torch.optim.SGD([torch.zeros((), requires_grad=True)], lr=2)
    arguments = {key: value for key, value in node.items() if key not in ("_target_", "_partial_", "name", "monitor")}
    scheduler, rates = lr_scheduler.ReduceLROnPlateau(optimizer, **arguments), []
    for step in range(1, validated[-1] + 1):
        rates.append([optimizer.param_groups[0]["lr"]])
        if step in judged:
            scheduler.step(judged[step][monitor])
    assert Rates.last.steps == rates
    assert rates[0] != rates[-1]


def test_a_plateau_of_training_needs_no_validation(config_of, tmp_path):
    node = torchs("ReduceLROnPlateau", patience=0, threshold=0.9, monitor="train/loss", mode="min")
    run(noting(config_of(node, "data.val_fraction=0")), tmp_path)
    assert Rates.last.steps[-1][0] < 0.05


JUDGING = torchs("ReduceLROnPlateau", patience=0, threshold=0.9)


@pytest.mark.parametrize(
    ("node", "step"),  # 7 is within an epoch, 11 the last step of one
    [
        (theirs("steplr"), 11),
        (JUDGING, 7),
        (JUDGING, 11),
        (JUDGING, 12),
        (JUDGING | {"monitor": "train/loss"}, 11),
        (theirs("warmup_cosine"), 7),
        (theirs("inverse_sqrt"), 12),
        (torchs("MultiStepLR", milestones=[2, 3], gamma=0.3), 7),
        (torchs("OneCycleLR", max_lr=0.2, total_steps=24, interval="step", frequency=2), 7),
    ],
    ids=lambda value: value["name"] if isinstance(value, dict) else str(value),
)
def test_a_stopped_run_goes_on_with_the_schedulers_state(config_of, tmp_path, node, step):
    config = config_of(node)
    run(config, tmp_path / "whole")
    with pytest.raises(Interrupted):
        run(with_callback(config, "SignalAt", step=step, signum=int(signal.SIGTERM)), tmp_path / "parts")
    run(config, tmp_path / "parts", resume=tmp_path / "parts" / "checkpoints" / "last.ckpt")
    assert equal(weights(tmp_path / "whole"), weights(tmp_path / "parts"))
    ends = [load_checkpoint(tmp_path / part / "checkpoints" / "last.ckpt") for part in ("whole", "parts")]
    assert ends[0]["lr_schedulers"] == ends[1]["lr_schedulers"]
    assert len(ends[0]["lr_schedulers"]) == 1


def test_a_run_that_goes_on_longer_goes_on_with_its_scheduler(config_of, tmp_path):
    config = config_of(torchs("ExponentialLR", gamma=0.5))
    run(config | {"trainer": config["trainer"] | {"max_epochs": 2}}, tmp_path)
    run(noting(config), tmp_path, resume=tmp_path / "checkpoints" / "last.ckpt")
    assert [rates[0] for rates in Rates.last.steps] == [0.05 / 4] * 6 + [0.05 / 8] * 6


@pytest.mark.parametrize(
    ("scheduler", "words", "said"),
    [
        (torchs("ExponentialLR", gamma=0.9), (), "with scheduler.gamma=0.5, where this run has scheduler.gamma=0.9"),
        (torchs("ExponentialLR", gamma=0.5), ("optimizer.lr=0.1",), "with optimizer.lr=0.05, where this run has"),
        (torchs("StepLR", step_size=2), (), "with scheduler.name=exponentiallr, where this run has scheduler.name=ste"),
        (None, (), "scheduler"),
    ],
)
def test_a_run_does_not_go_on_with_another_scheduler(config_of, make_config, tmp_path, scheduler, words, said):
    run(config_of(torchs("ExponentialLR", gamma=0.5)), tmp_path / "run")
    config = config_of(scheduler, *words) if scheduler else make_config(small=SMALL)
    with pytest.raises(UserError, match=said):
        run(config, tmp_path / "other", resume=tmp_path / "run" / "checkpoints" / "last.ckpt")


def test_a_run_with_a_schedule_does_not_go_on_with_a_scheduler(config_of, make_config, tmp_path):
    run(make_config(small=SMALL), tmp_path / "run")
    with pytest.raises(UserError, match="scheduler"):
        run(config_of(theirs("steplr")), tmp_path / "other", resume=tmp_path / "run" / "checkpoints" / "last.ckpt")


@pytest.mark.parametrize(
    ("node", "words", "said"),
    [
        (torchs("StepLR", step_size=3) | {"_partial_": False}, (), "scheduler: must have the key _partial_: true"),
        (
            torchs("ChainedScheduler", schedulers=[{"_target_": f"{TORCH}.StepLR", "step_size": 3}]),
            (),
            "scheduler.schedulers.0: must have the key _partial_: true",
        ),
        (
            torchs("StepLR", step_size=1, stepsize=3),
            (),
            "scheduler.stepsize=3: there is no such key",
        ),
        (torchs("StepLR", step_size="abc"), (), "scheduler.step_size=abc: must be a whole number"),
        (torchs("StepLR", step_size=3, interval="batch"), (), "scheduler.interval=batch: must be 'epoch' or 'step'"),
        (torchs("StepLR", step_size=3, frequency=0), (), "scheduler.frequency=0: must be greater than or equal to 1"),
        (
            torchs("StepLR", step_size=3, monitor="val/loss"),
            (),
            "scheduler.monitor=val/loss: .*uses no metric",
        ),
        (torchs("ReduceLROnPlateau", monitor="val_loss"), (), "scheduler.monitor=val_loss: must be text that"),
        (torchs("ReduceLROnPlateau", interval="step"), (), "scheduler.interval=step: a plateau is looked for after"),
        (torchs("ReduceLROnPlateau"), ("data.val_fraction=0",), "data.val_fraction=0 with scheduler=reducelronplateau"),
        (torchs("ReduceLROnPlateau"), ("+trainer.limit_val_batches=0",), "trainer.limit_val_batches=0 with scheduler"),
        (torchs("ReduceLROnPlateau", monitor="val/acc"), (), "accepted: scheduler.mode=max"),
        (torchs("ReduceLROnPlateau", monitor="val/loss", mode="max"), (), "accepted: scheduler.mode=min"),
    ],
)
def test_a_wrong_node_is_refused_before_anything_is_built(config_of, node, words, said):
    with pytest.raises(UserError, match=said) as told:
        config_of(node, *words)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("node", "words", "said"),
    [
        (
            torchs("StepLR", step_size=0),
            (),
            "StepLR cannot go on as long as this training: at 1 of 4 times, once an epoch",
        ),
        (
            torchs("OneCycleLR", max_lr=0.1, total_steps=20, interval="step"),
            (),
            "OneCycleLR cannot go on as long as this training: at 21 of 24 times, once a step, it says: ValueError",
        ),
        (torchs("CosineAnnealingLR"), (), "scheduler.T_max=null: must be given"),
        (
            torchs("ReduceLROnPlateau", monitor="val/accuracy", mode="max"),
            (),
            "scheduler.monitor=val/accuracy: no such",
        ),
        (
            torchs(
                "SequentialLR",
                milestones=[1, 2],
                schedulers=[{"_target_": f"{TORCH}.StepLR", "_partial_": True, "step_size": 1}],
            ),
            (),
            "Sequential Schedulers expects number of schedulers provided to be one more",
        ),
    ],
)
def test_what_cannot_schedule_this_training_is_refused_before_it(config_of, tmp_path, node, words, said):
    with pytest.raises(UserError, match=said) as told:
        run(config_of(node, *words), tmp_path)
    assert not isinstance(told.value, RunFailed)
    assert not list(tmp_path.rglob("*.ckpt"))


def test_a_state_that_no_checkpoint_could_be_read_with_is_refused(config_of, tmp_path):
    config = config_of({"_target_": f"{__name__}.Remembering", "_partial_": True, "name": "remembering"})
    with pytest.raises(UserError, match="the state_dict of Remembering holds more than tensors and plain values"):
        run(config, tmp_path)


class Remembering(lr_scheduler.LRScheduler):
    def __init__(self, optimizer):
        self.path = Path("x")
        super().__init__(optimizer)

    def get_lr(self):
        return self.base_lrs


@pytest.mark.parametrize(
    ("words", "groups"),
    [
        (("model=numpy_mlp", "model.hidden_dims=[8]", "optimizer=numpy_sgd"), 1),
        (("model=forward_forward", "model.hidden_dims=[8]"), 1),
        (("model=noprop_dt", "model.blocks=2", "data.image_size=16"), 3),
    ],
)
def test_every_way_of_learning_has_its_rates_scheduled(compose_config, tmp_path, words, groups):
    cfg = compose_config(*(word for word in SMALL if not word.startswith("model")), "trainer.max_epochs=2", *words)
    with open_dict(cfg):
        cfg.scheduler = theirs("steplr")
    run(noting(check(cfg)), tmp_path)
    half = len(Rates.last.steps) // 2
    rate = cfg.optimizer.lr
    assert Rates.last.steps == [[rate] * groups] * half + [[rate / 2] * groups] * half


def test_a_scheduler_is_neither_stacked_nor_captured(config_of, tmp_path, tape, caplog):
    config = config_of(theirs("steplr"), "trainer.capture=true")
    assert "a scheduler of PyTorch" in why_not(config | {"trainer": config["trainer"] | {"capture": False}})
    with caplog.at_level(logging.INFO):
        run(noting(config), tmp_path)
    assert not tape
    assert "not captured: scheduler: a scheduler of PyTorch" in caplog.text
    assert len({rates[0] for rates in Rates.last.steps}) == 4


def test_the_keys_beside_a_schedulers_own_are_the_same_everywhere():
    assert tuple(Timing.model_fields) == TIMING


def test_no_warning_comes_of_a_trial(config_of, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        optimizer = torch.optim.SGD([torch.zeros((), requires_grad=True)], lr=0.1)
        schedule = TorchScheduler(lambda o: lr_scheduler.StepLR(o, 1), interval="step")
        schedule.refuse_what_ends_early(optimizer, [0.1], 10, 5)
    assert optimizer.param_groups[0]["lr"] == 0.1
    assert "initial_lr" not in optimizer.param_groups[0]
