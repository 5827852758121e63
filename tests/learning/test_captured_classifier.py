from __future__ import annotations

import json
import logging
import signal
from types import SimpleNamespace

import pytest
import torch
from lightning.pytorch import Callback
from lightning.pytorch.strategies import DDPStrategy, SingleDeviceStrategy
from small_runs import equal, weights, with_callback
from tape import Tape
from torch import Generator, nn
from torch.nn.functional import cross_entropy

from groundup.callbacks.gradient_norm import GradientNorm
from groundup.config.build import build
from groundup.data import augment
from groundup.data.module import ImageData
from groundup.data.order import EpochOrder
from groundup.data.specs import make_spec
from groundup.errors import Interrupted
from groundup.learning import captured_classifier
from groundup.learning.capturable import why_not
from groundup.learning.captured_classifier import CapturedClassifier
from groundup.learning.checkpoint import load_checkpoint
from groundup.learning.numpy_net import NumPyNet
from groundup.run.learners import build_learner
from groundup.run.parts import seed_everything
from groundup.run.run import run
from groundup.seeds import mix_seed, seed_from

CAPTURE = ("trainer.capture=true", "trainer.max_epochs=5", "trainer.log_every_n_steps=4", "data.batch_size=256")
RANDOM = ("data.augment=[alternating_flip,shift]", "data.shift=1", "model.dropout=0.2")
STEPS = 6  # an epoch: of 1294 training images, five batches of 256 and one of 14


def trained_by_hand(config, *, skip=(), device="cpu"):
    """The weights after a loop of PyTorch's own parts; `skip` leaves out the updates of these steps."""
    spec, seed, total = make_spec(config["data"]), config["seed"], 5 * STEPS
    seed_everything(seed)
    data = build(config["data"], spec=spec, seed=seed)
    learner = build_learner(config, spec).to(device).train()
    data.setup("fit")
    pixels, labels = data.splits["train"].pixels.to(device), data.splits["train"].labels.to(device)
    coins = torch.rand(len(labels), generator=Generator().manual_seed(seed_from(seed, 3))) < 0.5
    mean, std = (255 * torch.tensor(values, device=device)[:, None, None] for values in (spec.mean, spec.std))
    random = torch.cuda.default_generators[0] if device == "cuda" else torch.default_generator
    optimizer = build(config["optimizer"])(learner.net.parameters())
    order = EpochOrder(len(labels), 256, seed=seed)
    for step in range(total):
        epoch, batch = divmod(step, STEPS)
        order.set_epoch(epoch)
        positions = order.batches()[batch]
        optimizer.param_groups[0]["lr"] = config["optimizer"]["lr"] * learner.lr_schedule(step, total, STEPS)
        torch.manual_seed(mix_seed(seed, step, batch, 0))
        x = augment.alternating_flip(pixels[positions], coins[positions].to(device), epoch)
        x = (augment.shift(x, 1, random).float() - mean) * (1 / std)
        optimizer.zero_grad()
        cross_entropy(learner.net(x), labels[positions]).backward()
        if step not in skip:
            optimizer.step()
    return {name: value.cpu() for name, value in learner.state_dict().items()}


def same_net(first, second):
    """Whether two runs' weights and running figures are the same to the last bit."""
    first, second = ({name: value for name, value in one.items() if name.startswith("net.")} for one in (first, second))
    return first != {} and equal(first, second)


def stopped_and_gone_on(begun, ended, step, run_dir):
    """The results of a run that was stopped at a step, and the checkpoint that it left then."""
    with pytest.raises(Interrupted):
        run(with_callback(begun, "SignalAt", step=step, signum=int(signal.SIGTERM)), run_dir)
    last = run_dir / "checkpoints" / "last.ckpt"
    left = load_checkpoint(last)
    assert left["global_step"] == step + 1
    return run(ended, run_dir, resume=last), left


@pytest.mark.parametrize("model", [("model=mlp", "model.hidden_dims=[16]"), ("model=cnn", "model.width=4")])
def test_captured_steps_learn_what_a_loop_by_hand_does_to_the_last_bit(make_config, tmp_path, tape, model):
    config = make_config(*model, "trainer.accelerator=cpu", *CAPTURE, *RANDOM, small=())
    results = run(config, tmp_path)
    assert same_net(weights(tmp_path), trained_by_hand(config))
    assert not same_net(weights(tmp_path), trained_by_hand(config, skip=[13]))  # the comparison can fail
    assert (results["status"], results["epochs"], results["steps"]) == ("finished", 5, 5 * STEPS)
    [graphs] = tape
    # each shape, of 256 and of 14 images, three times as it is, then captured once
    assert (graphs.captures, graphs.warmed, graphs.replays) == (2, 6, 5 * STEPS - 6)


def test_it_is_said_once_that_this_is_experimental(make_config, tmp_path, tape, caplog):
    caplog.set_level(logging.INFO)
    run(make_config(*CAPTURE, "trainer.max_epochs=1"), tmp_path)
    assert [record.message for record in caplog.records if "experimental" in record.message] == [
        "steps are captured, after 3 as they are for each shape of batch; experimental: not yet tested on any GPU"
    ]


def test_steps_are_counted_by_the_trainer(make_config, tmp_path, tape):
    results = run(make_config(*CAPTURE, "+trainer.max_steps=14"), tmp_path)
    assert (results["steps"], tape[0].warmed + tape[0].replays) == (14, 14)
    assert load_checkpoint(tmp_path / "checkpoints" / "last.ckpt")["global_step"] == 14


def test_graphs_that_leave_a_trace_are_noticed(make_config, tmp_path, tape, monkeypatch):
    config, capture = make_config(*CAPTURE, *RANDOM), Tape.capture
    monkeypatch.setattr(Tape, "capture", lambda tape, function: (function(), capture(tape, function))[1])
    run(config, tmp_path)
    assert not same_net(weights(tmp_path), trained_by_hand(config))


def test_an_epoch_that_is_kept_as_a_number_is_noticed(make_config, tmp_path, tape, monkeypatch):
    config, flip = make_config(*CAPTURE, *RANDOM), augment.alternating_flip
    monkeypatch.setattr(augment, "alternating_flip", lambda images, coins, epoch: flip(images, coins, 0))
    run(config, tmp_path)
    monkeypatch.undo()
    assert not same_net(weights(tmp_path), trained_by_hand(config))


def test_the_rate_of_the_schedule_is_filled_in_place(make_config, tmp_path, tape, monkeypatch):
    seen, places, set_rate = [], set(), CapturedClassifier.set_rate

    def note(learner, step):
        set_rate(learner, step)
        rate = learner.trainer.optimizers[0].param_groups[0]["lr"]
        places.add(rate.data_ptr())
        seen.append(float(rate))

    monkeypatch.setattr(CapturedClassifier, "set_rate", note)
    config = make_config(*CAPTURE, "scheduler=cosine")
    run(config, tmp_path)
    schedule = build(config["scheduler"])
    expected = [config["optimizer"]["lr"] * schedule(step, 5 * STEPS, STEPS) for step in range(5 * STEPS)]
    assert seen == pytest.approx(expected, rel=1e-6)
    assert len(set(seen)) > 20
    assert len(places) == 1


@pytest.mark.parametrize(
    ("optimizer", "step"), [("sgd", 2), ("sgd", 5), ("sgd", 20), ("adam", 14), ("adamw", 23)], ids=str
)
def test_a_stopped_run_goes_on_to_the_same_weights_to_the_last_bit(make_config, tmp_path, tape, optimizer, step):
    config = make_config(*CAPTURE, *RANDOM, f"optimizer={optimizer}")
    whole = run(config, tmp_path / "whole")
    results, _ = stopped_and_gone_on(config, config, step, tmp_path / "parts")
    assert equal(weights(tmp_path / "whole"), weights(tmp_path / "parts"))
    for name in ("steps", "epochs", "train/loss", "val/acc", "test/acc"):
        assert results[name] == whole[name], name


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("captured_first", [True, False])
def test_a_run_goes_on_otherwise_than_it_began(make_config, whole_run, tmp_path, tape, optimizer, captured_first):
    configs = [make_config(*CAPTURE, f"optimizer={optimizer}", f"trainer.capture={on}") for on in ("false", "true")]
    begun, ended = configs[captured_first], configs[not captured_first]
    results, left = stopped_and_gone_on(begun, ended, 20, tmp_path / "parts")
    group = left["optimizer_states"][0]["param_groups"][0]
    assert isinstance(group["lr"], float)
    assert not group.get("capturable")
    assert (results["steps"], results["epochs"], len(tape)) == (5 * STEPS, 5, 1)
    parts = weights(tmp_path / "parts")
    for name, value in weights(
        whole_run(configs[0])
    ).items():  # nothing is random but the order: both ways learn the same
        torch.testing.assert_close(value, parts[name], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("precision", ["bf16-mixed", "bf16-true"])
def test_other_precisions_are_those_of_an_ordinary_run(make_config, tmp_path, tape, precision):
    for on in ("true", "false"):
        run(make_config(*CAPTURE, f"trainer.precision={precision}", f"trainer.capture={on}"), tmp_path / on)
    assert len(tape) == 1
    assert same_net(weights(tmp_path / "true"), weights(tmp_path / "false"))
    run(make_config(*CAPTURE, "trainer.precision=32-true"), tmp_path / "full")
    assert not same_net(weights(tmp_path / "true"), weights(tmp_path / "full"))


def test_the_parts_of_the_records_learn_the_same_captured_with_a_step_for_each_size_of_images(
    make_config, tmp_path, tape
):
    parts = ["model=speednet", "model.widths=[8,8]", "optimizer=muon", "optimizer.other=sgd", "optimizer.stem_epochs=4"]
    parts += ["scheduler=triangle", "callbacks=lookahead", "data.progressive_sizes=[[0,6],[0.5,8]]"]
    small = (*parts, "trainer.accelerator=cpu")
    config = make_config(*CAPTURE, "trainer.max_epochs=8", small=small)
    run(config, tmp_path / "captured")
    assert tape[0].captures == 4  # of two sizes, whole batches and the last one of an epoch
    config["trainer"]["capture"] = False
    run(config, tmp_path / "plain")
    captured_net, plain = weights(tmp_path / "captured"), weights(tmp_path / "plain")
    torch.testing.assert_close(captured_net, plain, rtol=1e-3, atol=1e-4)
    config["data"]["progressive_sizes"] = [[0, 8]]
    run(config, tmp_path / "large")
    assert not same_net(captured_net, weights(tmp_path / "large"))


def test_shapes_beyond_the_limit_are_trained_as_they_are(make_config, tmp_path, tape, monkeypatch, caplog):
    monkeypatch.setattr(captured_classifier, "MAX_SHAPES", 1)
    config = make_config(*CAPTURE, *RANDOM)
    run(config, tmp_path)
    assert same_net(weights(tmp_path), trained_by_hand(config))
    assert (tape[0].captures, tape[0].warmed) == (1, 3 + 5)
    assert [record.message for record in caplog.records if "not captured" in record.message] == [
        "trainer.capture=true, not captured: of more than 1 shapes of batches, the further ones"
    ]


# Where it cannot be


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        (("trainer.gradient_clip_val=1",), "trainer.gradient_clip_val=1"),
        (("+trainer.accumulate_grad_batches=2",), "trainer.accumulate_grad_batches=2"),
        (("optimizer.fused=false",), "optimizer.fused=false"),
        (("optimizer=numpy_sgd",), "optimizer: NumPySGD does not say that it can be captured"),
        (("model=numpy_mlp",), "NumPy computes this network"),
        (("model=noprop_dt",), "model=noprop_dt has a step of its own"),
    ],
)
def test_a_run_that_cannot_be_captured_says_why_and_trains(make_config, tmp_path, tape, caplog, overrides, reason):
    caplog.set_level(logging.INFO)
    small = ("model=mlp", "trainer.accelerator=cpu", "trainer.max_epochs=1", "data.limit_train=100")
    results = run(make_config("trainer.capture=true", *overrides, small=small), tmp_path)
    assert results["status"] == "finished"
    assert tape == []
    said = [record.message for record in caplog.records if "not captured" in record.message]
    assert said == [f"trainer.capture=true, not captured: {reason}"]


def test_on_the_cpu_a_run_learns_what_it_learns_without(make_config, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    on, off = (make_config(*RANDOM, f"trainer.capture={on}") for on in ("true", "false"))
    run(on, tmp_path / "on")
    assert "not captured: trainer.accelerator: it is cpu, and only cuda can be captured" in caplog.text
    run(off, tmp_path / "off")
    assert equal(weights(tmp_path / "on"), weights(tmp_path / "off"))
    assert json.loads((tmp_path / "on" / "results.json").read_text())["status"] == "finished"


class Backward(Callback):
    def on_after_backward(self, trainer, pl_module):
        pass


def a_trainer(**changes):
    """What is asked of a Trainer whose steps can be captured, but for these changes."""
    data = ImageData.__new__(ImageData)
    data.in_memory = True
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], fused=True)
    facts = {"strategy": SingleDeviceStrategy("cuda"), "num_devices": 1, "gradient_clip_val": None, "datamodule": data}
    facts |= {
        "accumulate_grad_batches": 1,
        "_detect_anomaly": False,
        "optimizers": [optimizer],
        "lr_scheduler_configs": [],
        "precision_plugin": object(),
    }
    return SimpleNamespace(**facts | {"callbacks": [GradientNorm(), Callback()]} | changes)


def test_every_other_reason_is_stated():
    net = nn.Linear(1, 1)
    assert why_not(a_trainer(), net, "cuda") is None
    streamed = ImageData.__new__(ImageData)
    streamed.in_memory = False
    adagrad, lbfgs = (kind([nn.Parameter(torch.zeros(1))]) for kind in (torch.optim.Adagrad, torch.optim.LBFGS))
    for part, changes in {
        "trainer.devices=2": {
            "strategy": DDPStrategy(parallel_devices=[torch.device("cuda", 0)] * 2),
            "num_devices": 2,
        },
        "trainer.strategy: that of": {"strategy": DDPStrategy(parallel_devices=[torch.device("cuda", 0)])},
        "it is mps": {"strategy": SingleDeviceStrategy("mps")},
        "trainer.detect_anomaly=true": {"_detect_anomaly": True},
        "scheduler: a scheduler of PyTorch": {"lr_scheduler_configs": [object()]},
        "precision=16-mixed": {"precision_plugin": SimpleNamespace(scaler=object())},
        "data.in_memory=false": {"datamodule": streamed},
        "object gives no positions": {"datamodule": object()},
        "Adagrad": {"optimizers": [adagrad]},
        "LBFGS": {"optimizers": [lbfgs]},
        "Backward has a hook inside of the step, on_after_backward": {"callbacks": [Backward()]},
    }.items():
        assert part in why_not(a_trainer(**changes), net, "cuda")
    assert "NumPy" in why_not(a_trainer(), NumPyNet.__new__(NumPyNet), "cuda")
    adam = torch.optim.Adam([nn.Parameter(torch.zeros(1))])
    assert why_not(a_trainer(optimizers=[adam]), net, "cuda") is None


# On a GPU


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_cuda_graphs_learn_what_a_loop_by_hand_does(make_config, tmp_path, optimizer):
    config = make_config(*CAPTURE, *RANDOM, f"optimizer={optimizer}", "trainer.accelerator=cuda")
    results = run(config, tmp_path / "whole")
    assert results["steps"] == 5 * STEPS
    found, expected = weights(tmp_path / "whole"), trained_by_hand(config, device="cuda")
    other = trained_by_hand(config, device="cuda", skip=[13])
    for name in (name for name in found if name.startswith("net.")):
        torch.testing.assert_close(found[name].cpu(), expected[name], rtol=1e-3, atol=1e-4)
        assert not torch.allclose(found[name].cpu(), other[name], rtol=1e-3, atol=1e-4)
    stopped_and_gone_on(config, config, 20, tmp_path / "parts")
    assert equal(found, weights(tmp_path / "parts"))
