"""Trials of a stack that are given up leave it, and the others come to the same numbers to the last bit."""

from __future__ import annotations

import json
import os
import signal

import pytest
from test_stacked import MLP, SHORT, assert_same_to_the_last_bit, configs, stacked  # noqa: F401

from groundup.errors import Interrupted
from groundup.rundir.pruned import Decision
from groundup.rundir.state import read_state
from groundup.sweep.stacked.member import Member
from groundup.sweep.stacked.position import BEGINNING, position_of
from groundup.sweep.stacked.training import Stack, train_stacked

LONG = "trainer.max_epochs=4"


def judges(*given_up):
    """Of each member the number of epochs after which it is given up; 0: never."""

    def of(epochs):
        return lambda trained: Decision("median", trained, 0.5, 0.7, "it loses") if trained == epochs else None

    return list(map(of, given_up))


def words(folder, jobs):
    return [(config, folder / str(number), [str(number)]) for number, config in enumerate(jobs)]


@pytest.mark.parametrize(
    "kind",
    [(*MLP, LONG), (*MLP, LONG, "optimizer=adam", "model.dropout=0.3"), ("model=lenet", *SHORT, LONG)],
    ids=["mlp", "adam, dropout", "lenet"],
)
def test_the_others_are_the_same_to_the_last_bit(kind, configs, tmp_path, monkeypatch):  # noqa: F811
    jobs = configs(kind, ["seed=0"], ["seed=1", "optimizer.lr=0.01"], ["seed=2"], ["seed=3"])
    expected = stacked(tmp_path / "whole", jobs)
    sizes = []
    train_epoch = Stack._train_epoch

    def watched(self, *arguments):
        sizes.append(len(self.members))
        train_epoch(self, *arguments)

    monkeypatch.setattr(Stack, "_train_epoch", watched)
    outcomes = train_stacked(words(tmp_path / "some", jobs), BEGINNING, judges(1, 0, 2, 0))
    assert sizes == [4, 3, 2, 2]
    assert [(outcome["status"], outcome["epochs"]) for outcome in outcomes] == [
        ("pruned", 1),
        ("finished", 4),
        ("pruned", 2),
        ("finished", 4),
    ]
    for number in (1, 3):
        folders = (tmp_path / "some" / str(number), tmp_path / "whole" / str(number))
        assert_same_to_the_last_bit(*folders, outcomes[number], expected[number])
    left = json.loads((tmp_path / "some" / "2" / "results.json").read_text())
    assert (left["status"], left["reason"], left["test/acc"], left["stacked"]) == ("pruned", "it loses", None, 4)
    assert (tmp_path / "some" / "2" / "checkpoints" / "last.ckpt").exists()


def test_all_may_be_given_up(configs, tmp_path):  # noqa: F811
    outcomes = train_stacked(words(tmp_path, configs((*MLP, LONG), ["seed=0"], ["seed=1"])), BEGINNING, judges(1, 1))
    assert [outcome["status"] for outcome in outcomes] == ["pruned"] * 2


def test_a_stack_stopped_in_the_middle_keeps_every_decision(configs, tmp_path, monkeypatch):  # noqa: F811
    jobs = configs((*MLP, LONG), ["seed=0"], ["seed=1"], ["seed=2"])
    expected = stacked(tmp_path / "whole", jobs)
    train_step = Stack._train_step

    def with_signal(self, *arguments):
        train_step(self, *arguments)
        if self.step == 9:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(Stack, "_train_step", with_signal)
        with pytest.raises(Interrupted):
            train_stacked(words(tmp_path / "parts", jobs), BEGINNING, judges(1, 0, 0))
    folders = [tmp_path / "parts" / str(number) for number in range(3)]
    assert [read_state(folder).status for folder in folders] == ["pruned", "interrupted", "interrupted"]
    position = position_of(folders[1])
    outcomes = train_stacked(words(tmp_path / "parts", jobs)[1:], position, judges(0, 3))
    assert [outcome["status"] for outcome in outcomes] == ["finished", "pruned"]
    assert_same_to_the_last_bit(folders[1], tmp_path / "whole" / "1", outcomes[0], expected[1])


def test_a_stack_killed_before_its_members_were_judged_judges_them_when_it_goes_on(configs, tmp_path, monkeypatch):  # noqa: F811
    def killed(self):
        if self.parts.trainer.current_epoch == 2:
            raise SystemExit(137)

    jobs = configs((*MLP, LONG), ["seed=0"], ["seed=1"], ["seed=2"])
    expected = stacked(tmp_path / "whole", jobs)
    with monkeypatch.context() as patch:
        patch.setattr(Member, "judge", killed)
        with pytest.raises(SystemExit):
            train_stacked(words(tmp_path / "parts", jobs), BEGINNING, judges(0, 0, 0))
    folders = [tmp_path / "parts" / str(number) for number in range(3)]
    outcomes = train_stacked(words(tmp_path / "parts", jobs), position_of(folders[0]), judges(2, 0, 3))
    found = [(outcome["status"], outcome["epochs"]) for outcome in outcomes]
    assert found == [("pruned", 2), ("finished", 4), ("pruned", 3)]
    assert_same_to_the_last_bit(folders[1], tmp_path / "whole" / "1", outcomes[1], expected[1])


def test_a_member_killed_after_the_decision_stays_given_up(configs, tmp_path):  # noqa: F811
    jobs = configs((*MLP, LONG), ["seed=0"], ["seed=1"])
    train_stacked(words(tmp_path, jobs), BEGINNING, judges(2, 2))
    before = json.loads((tmp_path / "0" / "results.json").read_text())
    for number in range(2):
        (tmp_path / str(number) / "results.json").unlink()
    (tmp_path / "1" / "pruned.json").unlink()  # of this one, before
    outcomes = train_stacked(words(tmp_path, jobs), position_of(tmp_path / "0"), judges(3, 3))
    assert [(outcome["status"], outcome["epochs"]) for outcome in outcomes] == [("pruned", 2), ("pruned", 3)]
    assert {name: outcomes[0][name] for name in ("val/acc", "steps", "best_epoch")} == {
        name: before[name] for name in ("val/acc", "steps", "best_epoch")
    }
