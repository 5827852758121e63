"""Jobs trained at once leave what each would have left alone."""

from __future__ import annotations

import csv
import itertools
import json
import logging
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from groundup.callbacks.interrupt import StopOnSignal
from groundup.config.check import check
from groundup.data.specs import make_spec
from groundup.errors import Interrupted, RunFailed, UserError
from groundup.learning.checkpoint import load_checkpoint
from groundup.run.learners import build_learner
from groundup.run.run import run
from groundup.rundir.lock import holding
from groundup.rundir.names import LOCK
from groundup.rundir.predictions import read_predictions
from groundup.sweep.stacked.nets import OneByOne, Together, nets_of
from groundup.sweep.stacked.optimizer import Joined
from groundup.sweep.stacked.position import BEGINNING, Position, position_of
from groundup.sweep.stacked.training import Stack, train_stacked

SHORT = ("data.limit_train=300", "data.batch_size=50", "trainer.max_epochs=2", "trainer.accelerator=cpu")
MLP = ("model=mlp", "model.hidden_dims=[16]", *SHORT, "data.limit_test=100", "trainer.log_every_n_steps=4")
STEPS = 2 * 6  # 270 images to train on in batches of 50


@pytest.fixture
def configs(compose_config):
    """Checked configs: `configs(MLP, ["seed=0"], ["seed=1"])`."""

    def make(common: tuple[str, ...], *own: list[str]) -> list[dict[str, Any]]:
        return [check(compose_config(*common, *words)) for words in own]

    return make


def stacked(folder: Path, configs: list[dict[str, Any]]) -> list[Any]:
    return train_stacked([(config, folder / str(number), [str(number)]) for number, config in enumerate(configs)])


@pytest.fixture(scope="module")
def whole_stack(tmp_path_factory) -> Callable[[list[dict[str, Any]]], tuple[Path, list[Any]]]:
    """A stack that was never stopped, to be read only: its folder and outcomes. Of equal configs it is one stack."""
    made: dict[str, tuple[Path, list[Any]]] = {}

    def make(jobs: list[dict[str, Any]]) -> tuple[Path, list[Any]]:
        key = json.dumps(jobs, sort_keys=True)
        if key not in made:
            folder = tmp_path_factory.mktemp("stack")
            made[key] = folder, stacked(folder, jobs)
        return made[key]

    return make


def weights(run_dir: Path, name: str = "last") -> dict[str, torch.Tensor]:
    return load_checkpoint(run_dir / "checkpoints" / f"{name}.ckpt")["state_dict"]


def farthest(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> float:
    assert one.keys() == other.keys()
    return max(float((one[name] - other[name]).abs().max()) for name in one)


def scalars(run_dir: Path) -> dict[str, list[tuple[int, float]]]:
    events = EventAccumulator(str(run_dir)).Reload()
    return {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def pictures(run_dir: Path) -> dict[str, bytes]:
    """The last picture of every tag."""
    events = EventAccumulator(str(run_dir)).Reload()
    return {tag: events.Images(tag)[-1].encoded_image_string for tag in events.Tags()["images"]}


# The same numbers as alone

MIXTURES = {
    "sgd": (MLP, ["seed=0", "optimizer.lr=0.1"], ["seed=1", "optimizer.lr=0.01", "optimizer.weight_decay=0.1"]),
    "without momentum": (MLP, ["optimizer.momentum=0"], ["optimizer.momentum=0.5"], ["optimizer.momentum=0.95"]),
    "inits": (MLP, ["model.init=kaiming"], ["model.init=normal"], ["model.init=xavier", "seed=7"]),
    "dropout": (MLP, ["model.dropout=0"], ["model.dropout=0.5"], ["model.dropout=0.2", "seed=3"]),
    "adam": ((*MLP, "optimizer=adam"), ["seed=0"], ["seed=0", "optimizer.lr=0.01", "optimizer.weight_decay=0.1"]),
    "adamw": ((*MLP, "optimizer=adamw", "scheduler=cosine"), ["seed=0"], ["seed=1", "optimizer.lr=0.01"]),
    "augmentation": ((*MLP, "data.augment=[flip,shift]"), ["seed=0"], ["seed=1"]),
    "clipping": ((*MLP, "trainer.gradient_clip_val=0.1"), ["seed=0"], ["seed=1", "optimizer.lr=0.2"]),
    "all for training": ((*MLP, "data.val_fraction=0"), ["seed=0"], ["seed=1"]),
    "folds": ((*MLP, "data.folds=10"), ["data.fold=0"], ["data.fold=9"], ["data.fold=0", "seed=1"]),
    "lenet": (("model=lenet", *SHORT), ["seed=0"], ["seed=1", "optimizer.lr=0.01"]),
}


@pytest.mark.parametrize("mixture", MIXTURES)
def test_a_member_comes_to_the_weights_and_figures_of_its_run_alone(mixture, configs, whole_run, tmp_path):
    common, *own = MIXTURES[mixture]
    jobs = configs(common, *own)
    outcomes = stacked(tmp_path / "stacked", jobs)
    for number, (config, outcome) in enumerate(zip(jobs, outcomes, strict=True)):
        run_dir, together = whole_run(config), tmp_path / "stacked" / str(number)
        alone = json.loads((run_dir / "results.json").read_text())
        for name in ("last", "best"):
            assert farthest(weights(together, name), weights(run_dir, name)) < 1e-5
        assert outcome["steps"] == alone["steps"] == STEPS
        for figure in ("test/acc", "test/loss", "val/acc", "val/loss", "train/loss", "best_epoch"):
            assert outcome[figure] == pytest.approx(alone[figure], abs=1e-5), figure
        for counted in ("test/confusion", "test/acc", "val/acc"):
            assert outcome[counted] == alone[counted]  # to the last digit


def test_members_differ_from_one_another(configs, tmp_path):
    """Otherwise the tests above would hold for a stack of equal members."""
    stacked(tmp_path, configs(MLP, ["seed=0"], ["seed=1"], ["optimizer.lr=0.01"]))
    for one, other in itertools.combinations(range(3), 2):
        assert farthest(weights(tmp_path / str(one)), weights(tmp_path / str(other))) > 1e-2


@pytest.mark.parametrize("loss", ["cross_entropy", "mse", "squared_error", "bce"])
@pytest.mark.parametrize("model", ["model=mlp", "model=lenet"])
def test_all_networks_at_once_have_the_gradients_of_one_after_another(model, loss, configs):
    jobs = configs((model, f"loss={loss}", *SHORT), *([f"seed={seed}"] for seed in range(3)))
    spec = make_spec(jobs[0]["data"])
    one_by_one, together = ([build_learner(config, spec) for config in jobs] for _ in range(2))
    for a, b in zip(one_by_one, together, strict=True):
        b.load_state_dict(a.state_dict())
    x, y = torch.randn(3, 5, 1, *spec.image_size), torch.randint(10, (3, 5))
    expected = OneByOne(one_by_one).backward(x, y, [0] * 3)
    given = Together(together).backward(x, y, [0] * 3)
    for ours, theirs in zip(given, expected, strict=True):
        assert torch.allclose(ours, theirs, atol=1e-5)
    for a, b in zip(one_by_one, together, strict=True):
        for p, q in zip(a.parameters(), b.parameters(), strict=True):
            assert torch.allclose(p.grad, q.grad, atol=1e-5)
            assert q.grad.stride() == q.stride()  # fused optimizers do not look


def test_convolutions_are_computed_one_after_another_on_a_cpu(configs):
    for model, way in (("mlp", Together), ("lenet", OneByOne)):
        [config] = configs((f"model={model}", *SHORT), [])
        assert type(nets_of([build_learner(config, make_spec(config["data"]))])) is way


# The same files as alone


def test_a_member_leaves_the_files_of_its_run_alone(configs, whole_run, tmp_path):
    jobs = configs(MLP, ["seed=0"], ["seed=1"])
    stacked(tmp_path, jobs)
    member, alone = tmp_path / "1", whole_run(jobs[1])

    results, expected = (json.loads((folder / "results.json").read_text()) for folder in (member, alone))
    assert results.keys() == {*expected, "stacked"}
    assert results["stacked"] == 2
    assert results["status"] == "finished"
    assert results["overrides"] == ["1"]
    vary = ("seconds", "per_second", "started", "finished", "command", "overrides")
    for name in results.keys() - {"stacked"}:
        if isinstance(expected[name], int | float) and not name.endswith(vary):
            assert results[name] == pytest.approx(expected[name], abs=1e-5), name
    assert results["size_on_disk"] == 4 * results["parameters"]
    assert (member / "config.yaml").read_text() == (alone / "config.yaml").read_text()

    rows, expected_rows = (list(csv.DictReader((folder / "metrics.csv").open())) for folder in (member, alone))
    assert [list(row) for row in rows] == [list(row) for row in expected_rows]
    for row, expected_row in zip(rows, expected_rows, strict=True):
        assert {k: float(v) for k, v in row.items() if k != "seconds"} == pytest.approx(
            {k: float(v) for k, v in expected_row.items() if k != "seconds"}, abs=1e-5
        )

    ours, theirs = scalars(member), scalars(alone)
    assert ours.keys() == theirs.keys()
    for tag in ours:
        assert [step for step, _ in ours[tag]] == [step for step, _ in theirs[tag]], tag
        if tag.startswith("time/"):
            continue
        assert [value for _, value in ours[tag]] == pytest.approx([value for _, value in theirs[tag]], abs=1e-5), tag

    seen, expected_pictures = pictures(member), pictures(alone)
    assert seen.keys() == expected_pictures.keys() - {"samples/train"}
    for tag in ("confusion/val_images", "confusion/test_shares", "per_class/test"):
        assert seen[tag] == expected_pictures[tag], tag
    assert len({seen["confusion/val_images"], seen["confusion/test_images"]}) == 2

    for split in ("test", "val"):
        kept, expected_kept = (read_predictions(folder, split) for folder in (member, alone))
        assert kept.true.tolist() == expected_kept.true.tolist()
        assert kept.probabilities == pytest.approx(expected_kept.probabilities, abs=1e-3)
    for name in ("test/nll", "test/ece", "temperature"):
        assert results[name] == pytest.approx(expected[name], rel=1e-3)

    log = (member / "train.log").read_text()
    assert "epoch   2/2" in log
    assert "test/acc" in log
    assert "parameters" in log


def test_a_checkpoint_says_what_that_of_the_run_alone_says(configs, whole_run, tmp_path):
    jobs = configs(MLP, ["seed=0"], ["seed=1"])
    stacked(tmp_path, jobs)
    files = [folder / "checkpoints" / "last.ckpt" for folder in (tmp_path / "1", whole_run(jobs[1]))]
    given, expected = map(load_checkpoint, files)
    assert given.keys() == expected.keys()
    assert given["loops"] == expected["loops"]
    assert given["spec"] == expected["spec"]
    assert [state["param_groups"] for state in given["optimizer_states"]] == [
        state["param_groups"] for state in expected["optimizer_states"]
    ]
    assert {k: v for k, v in given["progress"].items() if k != "seconds"} == {
        k: v for k, v in expected["progress"].items() if k != "seconds"
    }
    sizes = [file.stat().st_size for file in files]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.05)  # not the weights of the whole stack


# Failing and stopping


def test_a_member_that_diverges_fails_alone(configs, tmp_path):
    jobs = configs((*MLP, "trainer.log_every_n_steps=1"), ["seed=0"], ["optimizer.lr=1e30"], ["seed=1"])
    good, failed, other = stacked(tmp_path, jobs)
    with pytest.raises(RunFailed, match="training loss became nan") as alone_failed:
        run(jobs[1], tmp_path / "alone" / "1")
    assert isinstance(failed, RunFailed)
    assert str(failed) == str(alone_failed.value)
    results = json.loads((tmp_path / "1" / "results.json").read_text())
    assert results["status"] == "failed"
    assert results["error"] == str(failed)
    assert results["stacked"] == 3
    assert "Traceback" in (tmp_path / "1" / "train.log").read_text()
    for number, (config, outcome) in {0: (jobs[0], good), 2: (jobs[2], other)}.items():
        alone = run(config, tmp_path / "alone" / str(number))
        assert outcome["test/acc"] == alone["test/acc"]


def test_a_directory_that_holds_a_run_already_stops_its_member_alone(configs, tmp_path):
    jobs = configs(MLP, ["seed=0"], ["seed=1"])
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / "results.json").write_text("{}")
    refused, good = stacked(tmp_path, jobs)
    assert isinstance(refused, UserError)
    assert good["status"] == "finished"
    assert (tmp_path / "0" / "results.json").read_text() == "{}"


@pytest.mark.parametrize("step", [2, 6, 9], ids=["within an epoch", "at its end", "within the second"])
def test_an_interrupted_member_is_gone_on_with_alone_to_the_same_end(step, configs, whole_stack, tmp_path, monkeypatch):
    jobs = configs((*MLP, "optimizer=adam"), ["seed=0"], ["seed=1", "optimizer.lr=0.01"])
    whole, expected = whole_stack(jobs)
    stop_after(monkeypatch, step)
    with pytest.raises(Interrupted):
        stacked(tmp_path / "stopped", jobs)
    for number, config in enumerate(jobs):
        run_dir = tmp_path / "stopped" / str(number)
        results = json.loads((run_dir / "results.json").read_text())
        assert (results["status"], results["steps"]) == ("interrupted", step)
        resumed = run(config, run_dir, resume=run_dir / "checkpoints" / "last.ckpt")
        assert farthest(weights(run_dir), weights(whole / str(number))) < 1e-5
        for figure in ("test/acc", "test/loss", "val/acc", "train/loss", "steps", "epochs"):
            assert resumed[figure] == pytest.approx(expected[number][figure], abs=1e-5), figure


EXACT = {
    "sgd": MLP,
    "adam": (*MLP, "optimizer=adam", "scheduler=cosine"),
    "label smoothing, dropout": (*MLP, "loss.label_smoothing=0.1", "model.dropout=0.3"),
    "bce, augmentation": (*MLP, "loss=bce", "data.augment=[flip,shift]"),
    "lenet, clipping": ("model=lenet", *SHORT, "trainer.gradient_clip_val=0.1"),
}
FIGURES = (
    "test/acc",
    "test/loss",
    "val/acc",
    "val/loss",
    "train/loss",
    "best_epoch",
    "steps",
    "epochs",
    "test/confusion",
)


def stop_after(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Ends stacked training by a signal after a step."""
    train_step = Stack._train_step

    def with_signal(self: Stack, *arguments: Any) -> None:
        train_step(self, *arguments)
        if self.step == step:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Stack, "_train_step", with_signal)


def rows_of(run_dir: Path) -> list[dict[str, str]]:
    rows = list(csv.DictReader((run_dir / "metrics.csv").open()))
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def assert_same_to_the_last_bit(run_dir: Path, other: Path, given: dict[str, Any], expected: dict[str, Any]) -> None:
    for name in ("last", "best"):
        assert farthest(weights(run_dir, name), weights(other, name)) == 0
    assert {figure: given[figure] for figure in FIGURES} == {figure: expected[figure] for figure in FIGURES}
    assert rows_of(run_dir) == rows_of(other)


# In the middle of what is logged at once; at the end of an epoch; in the second.
STOPS = {kind: (2, 6, 9) if place == 0 else ((2, 6, 9)[place % 3],) for place, kind in enumerate(EXACT)}


@pytest.mark.parametrize("kind", EXACT)
def test_a_stack_that_was_stopped_goes_on_to_the_same_last_bit(kind, configs, tmp_path, monkeypatch):
    """Also of fewer members: what each computes does not depend on the others."""
    jobs = configs(EXACT[kind], ["seed=0"], ["seed=1", "optimizer.lr=0.01"], ["seed=2"])
    expected = stacked(tmp_path / "whole", jobs)
    for step in STOPS[kind]:
        folder = tmp_path / f"stopped at {step}"
        with monkeypatch.context() as patch:
            stop_after(patch, step)
            with pytest.raises(Interrupted):
                stacked(folder, jobs)
        position = position_of(folder / "0")
        assert position == Position(step, step // 6, step % 6)
        words = [(config, folder / str(number), [str(number)]) for number, config in enumerate(jobs)]
        outcomes = [*train_stacked(words[:2], position), *train_stacked(words[2:], position)]
        for number, outcome in enumerate(outcomes):
            run_dir, whole = folder / str(number), tmp_path / "whole" / str(number)
            assert_same_to_the_last_bit(run_dir, whole, outcome, expected[number])


def test_a_stack_that_was_stopped_three_times_goes_on_to_the_same_last_bit(configs, whole_stack, tmp_path, monkeypatch):
    jobs = configs(MLP, ["seed=0"], ["seed=1"])
    whole, expected = whole_stack(jobs)
    words = [(config, tmp_path / "parts" / str(number), [str(number)]) for number, config in enumerate(jobs)]
    position: Position | None = BEGINNING
    for step in (3, 5, 8):
        with monkeypatch.context() as patch:
            stop_after(patch, step)
            with pytest.raises(Interrupted):
                train_stacked(words, position)
        position = position_of(tmp_path / "parts" / "1")
        assert position.step == step
    for number, outcome in enumerate(train_stacked(words, position)):
        run_dir = tmp_path / "parts" / str(number)
        assert_same_to_the_last_bit(run_dir, whole / str(number), outcome, expected[number])


def test_a_stack_that_has_only_its_test_left_is_tested(configs, whole_stack, tmp_path, monkeypatch):
    jobs = configs(MLP, ["seed=0"], ["seed=1"])
    whole, expected = whole_stack(jobs)

    def killed(self: Stack) -> None:
        raise Interrupted(signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(Stack, "test", killed)
        with pytest.raises(Interrupted):
            stacked(tmp_path / "parts", jobs)
    words = [(config, tmp_path / "parts" / str(number), [str(number)]) for number, config in enumerate(jobs)]
    for number, outcome in enumerate(train_stacked(words, position_of(tmp_path / "parts" / "0"))):
        run_dir = tmp_path / "parts" / str(number)
        assert_same_to_the_last_bit(run_dir, whole / str(number), outcome, expected[number])


def test_only_what_was_begun_in_a_stack_and_can_be_read_goes_on_in_one(configs, tmp_path):
    [config] = configs(MLP, ["seed=0"])
    run(config, tmp_path / "alone")
    assert position_of(tmp_path / "alone") is None
    assert position_of(tmp_path / "nowhere") is None
    stacked(tmp_path, [config])
    assert position_of(tmp_path / "0") == Position(STEPS, 2, 0)
    with holding(tmp_path / "0" / LOCK):
        assert position_of(tmp_path / "0") is None  # it goes on already
    (tmp_path / "0" / "checkpoints" / "last.ckpt").write_bytes(b"PK")
    assert position_of(tmp_path / "0") is None


def test_a_stopped_member_saves_what_the_run_alone_would_have_saved(configs, tmp_path, monkeypatch):
    [config] = configs(MLP, ["seed=0"])

    def stop_at_nine(self: StopOnSignal, trainer: Any, *hook: Any) -> None:
        if trainer.global_step == 9:
            self.signum = signal.SIGINT
        on_batch_end(self, trainer, *hook)

    on_batch_end = StopOnSignal.on_train_batch_end
    with monkeypatch.context() as patch:
        patch.setattr(StopOnSignal, "on_train_batch_end", stop_at_nine)
        with pytest.raises(Interrupted):
            run(config, tmp_path / "alone")
    train_step = Stack._train_step

    def with_signal(self: Stack, *arguments: Any) -> None:
        train_step(self, *arguments)
        if self.step == 9:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Stack, "_train_step", with_signal)
    with pytest.raises(Interrupted):
        stacked(tmp_path, [config])
    given, expected = (load_checkpoint(tmp_path / folder / "checkpoints" / "last.ckpt") for folder in ("0", "alone"))
    fit, expected_fit = given["loops"]["fit_loop"], expected["loops"]["fit_loop"]
    assert {key: (fit[key], expected_fit[key]) for key in fit if fit[key] != expected_fit[key]} == {}
    assert (given["epoch"], given["global_step"]) == (expected["epoch"], expected["global_step"])
    assert farthest(given["state_dict"], expected["state_dict"]) < 1e-5


def test_nothing_is_left_of_the_members_logs(configs, tmp_path):
    before = logging.getLogger().handlers[:]
    stacked(tmp_path, configs(MLP, ["seed=0"], ["seed=1"]))
    assert logging.getLogger().handlers == before
    assert (tmp_path / "0" / "train.log").read_text().count("epoch   2/2") == 1


def test_members_that_differ_in_their_seeds_are_one_group_of_the_optimizer(configs):
    jobs = configs(MLP, ["seed=0"], ["seed=1", "optimizer.lr=0.2"], ["seed=2"])
    learners = [build_learner(config, make_spec(config["data"])) for config in jobs]
    optimizers = [learner.configure_optimizers() for learner in learners]
    joined = Joined(optimizers, [config["optimizer"] for config in jobs])
    before = [[p.detach().clone() for p in learner.net.parameters()] for learner in learners]
    for learner, optimizer in zip(learners, optimizers, strict=True):
        optimizer.param_groups[0]["lr"] *= 0.5  # as a schedule does
        for parameter in learner.net.parameters():
            parameter.grad = torch.ones_like(parameter)
    joined.step()
    for learner, weights_before, lr in zip(learners, before, (0.025, 0.1, 0.025), strict=True):
        for parameter, old in zip(learner.net.parameters(), weights_before, strict=True):
            # nesterov's first step: g + momentum g, with g = 1 + weight decay * weight
            expected = old - lr * 1.9 * (1 + 5e-4 * old)
            assert torch.allclose(parameter, expected, atol=1e-6)
    assert [len(group["params"]) for group in joined._whole.param_groups] == [8, 4]
    assert all(optimizer.state_dict()["state"] for optimizer in optimizers)
