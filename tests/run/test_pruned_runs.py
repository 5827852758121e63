"""A run that its study gives up ends after the epoch, keeps its checkpoint, and is not tested."""

from __future__ import annotations

import csv
import json
import signal

import pytest
from small_runs import equal, weights, with_callback

from groundup.errors import Interrupted
from groundup.learning.checkpoint import load_checkpoint
from groundup.run.evaluate import evaluate
from groundup.run.run import run
from groundup.rundir.names import LAST
from groundup.rundir.pruned import Decision, read_decision, write_decision
from groundup.rundir.state import read_state

SETTINGS = ("trainer.max_epochs=4", "model.dropout=0.2")


def after(epochs, asked=None):
    """A judge who gives a run up after so many epochs; `asked`: when it was asked."""

    def judge(trained):
        if asked is not None:
            asked.append(trained)
        return Decision("median", trained, 0.5, 0.75, "it loses") if trained == epochs else None

    return judge


def rows(run_dir):
    return [row["epoch"] for row in csv.DictReader((run_dir / "metrics.csv").open())]


def test_it_ends_after_the_epoch_with_its_checkpoint_and_without_a_test(make_config, tmp_path, monkeypatch, caplog):
    config, asked = make_config(*SETTINGS), []
    whole = run(make_config("trainer.max_epochs=2", *SETTINGS[1:]), tmp_path / "short")  # another schedule
    monkeypatch.setattr("lightning.pytorch.Trainer.test", lambda *_, **__: pytest.fail("the test split was touched"))
    results = run(config, tmp_path / "run", judge=after(2, asked))
    assert (results["status"], results["reason"], results["epochs"]) == ("pruned", "it loses", 2)
    assert results["steps"] == whole["steps"]
    assert asked == [1, 2]
    assert (results["test/acc"], results.get("error")) == (None, None)
    assert 0 <= results["val/acc"] <= 1
    assert rows(tmp_path / "run") == ["0", "1"]
    assert load_checkpoint(tmp_path / "run" / LAST)["global_step"] == whole["steps"]
    state = read_state(tmp_path / "run")
    assert (state.status, state.reason, state.ended, state.is_done) == ("pruned", "it loses", True, True)
    monkeypatch.undo()
    caplog.clear()
    assert evaluate(tmp_path / "run")["test/acc"] > 0  # whoever wants to know, does
    [warning] = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert "was given up by its search and not trained to its end" in warning


def test_who_is_not_given_up_is_as_without_a_judge_and_the_last_epoch_is_not_judged(make_config, whole_run, tmp_path):
    config, asked = make_config(*SETTINGS), []
    whole = whole_run(config)
    results = run(config, tmp_path, judge=after(4, asked))
    assert asked == [1, 2, 3]
    assert (results["status"], results["test/acc"]) == (
        "finished",
        json.loads((whole / "results.json").read_text())["test/acc"],
    )
    assert equal(weights(whole), weights(tmp_path))


def test_a_run_killed_after_the_decision_stays_given_up_when_it_goes_on(make_config, tmp_path):
    config = make_config(*SETTINGS)
    expected = run(config, tmp_path, judge=after(2))
    (tmp_path / "results.json").unlink()  # as if it had been killed before they were written
    assert read_state(tmp_path).status == "killed"
    asked = []
    results = run(config, tmp_path, resume=tmp_path / LAST, judge=after(3, asked))
    assert asked == []
    times = ("train_seconds", "samples_per_second")
    assert {k: v for k, v in results.items() if k not in times} == {k: v for k, v in expected.items() if k not in times}
    assert rows(tmp_path) == ["0", "1"]


def test_a_run_killed_before_it_was_judged_is_judged_when_it_goes_on(make_config, tmp_path):
    def killed(trained):
        if trained == 2:
            raise SystemExit(137)

    config, asked = make_config(*SETTINGS), []
    with pytest.raises(SystemExit):
        run(config, tmp_path, judge=killed)
    assert rows(tmp_path) == ["0", "1"]
    results = run(config, tmp_path, resume=tmp_path / LAST, judge=after(2, asked))
    assert (results["status"], results["epochs"], results["test/acc"]) == ("pruned", 2, None)
    assert asked == [2]
    assert rows(tmp_path) == ["0", "1"]


def test_a_run_that_goes_on_and_is_not_given_up_is_as_if_it_had_not_been_stopped(make_config, whole_run, tmp_path):
    def killed(trained):
        if trained == 2:
            raise SystemExit(137)

    config, asked = make_config(*SETTINGS), []
    with pytest.raises(SystemExit):
        run(config, tmp_path, judge=killed)
    run(config, tmp_path, resume=tmp_path / LAST, judge=after(4, asked))
    assert asked == [2, 3]
    assert equal(weights(whole_run(config)), weights(tmp_path))


def test_a_signal_in_the_epoch_of_the_decision_changes_nothing_of_it(make_config, tmp_path):
    config = make_config(*SETTINGS)
    steps = run(make_config("trainer.max_epochs=1"), tmp_path / "one")["steps"]
    signalled = with_callback(config, "SignalAt", step=2 * steps - 1, signum=int(signal.SIGTERM))
    with pytest.raises(Interrupted):
        run(signalled, tmp_path / "run", judge=after(2))
    assert read_state(tmp_path / "run").status == "interrupted"
    results = run(config, tmp_path / "run", resume=tmp_path / "run" / LAST, judge=after(3))
    assert (results["status"], results["epochs"]) == ("pruned", 2)


def test_a_run_that_is_gone_on_with_by_hand_is_no_trial(make_config, tmp_path):
    config = make_config(*SETTINGS)
    run(config, tmp_path, judge=after(2))
    results = run(config, tmp_path, resume=tmp_path / LAST)
    assert (results["status"], results["epochs"]) == ("finished", 4)
    assert not (tmp_path / "pruned.json").exists()  # else a judge would find it who comes later


@pytest.mark.parametrize("words", [("+trainer.min_epochs=3",), ("trainer.max_epochs=4", "+trainer.max_steps=999999")])
def test_epochs_that_the_trainer_asks_for_are_trained(make_config, tmp_path, words):
    asked = []
    results = run(make_config(*SETTINGS, *words), tmp_path, judge=after(2 if len(words) == 2 else 3, asked))
    assert results["status"] == "pruned"
    assert asked == ([1, 2] if len(words) == 2 else [3])


def test_a_reason_is_as_long_as_a_terminal_can_show(tmp_path):
    write_decision(tmp_path, Decision("median", 1, 0.5, 0.7, "x" * 100_000))
    assert len(read_decision(tmp_path).reason) == 500


def test_of_a_broken_decision_nothing_is_made(make_config, tmp_path):
    config = make_config(*SETTINGS)
    run(config, tmp_path, judge=after(2))
    (tmp_path / "results.json").unlink()
    (tmp_path / "pruned.json").write_text('{"reason": "${oc.env:HOME}"}')
    assert run(config, tmp_path, resume=tmp_path / LAST, judge=after(3))["epochs"] == 3
    write_decision(tmp_path, Decision("median", 1, 0.5, 0.7, "x"))
    assert read_state(tmp_path).reason == "it loses"
