"""Who is given up, held against Optuna's own optimisation of the same curves, and the words that say why."""

from __future__ import annotations

import csv
import json
import math

import numpy as np
import pytest

optuna = pytest.importorskip("optuna", reason="pip install optuna")

from groundup.rundir.epochs import figure_by_epoch  # noqa: E402
from groundup.rundir.jobs import FrozenJob, write_jobs  # noqa: E402
from groundup.rundir.pruned import Decision, read_decision, write_decision  # noqa: E402
from groundup.sweep.pruners import decide, make_pruner  # noqa: E402
from groundup.sweep.pruning import Court, Past, Pruning  # noqa: E402

EPOCHS = 20


def pruning(pruner="median", direction="maximize", **settings):
    return Pruning(
        pruner, "val/acc", direction, **({"startup_trials": 3, "warmup_epochs": None, "study": "s"} | settings)
    )


def curves(seed, trials=30, epochs=EPOCHS):
    """Of trials of unlike worth: noisy, rising, some crossing."""
    draw = np.random.default_rng(seed)
    top, speed = draw.uniform(0.2, 1, trials), draw.uniform(0.1, 1, trials)
    steps = np.arange(1, epochs + 1)
    return top[:, None] * (1 - np.exp(-speed[:, None] * steps)) + draw.normal(0, 0.02, (trials, epochs))


def by_optuna(rule, values):
    """The last epoch of every trial, as Optuna's own loop has it; the last one is not judged."""
    study = optuna.create_study(study_name=rule.study, direction=rule.direction, pruner=make_pruner(rule, EPOCHS))

    def objective(trial):
        for step, value in enumerate(values[trial.number], start=1):
            trial.report(float(value), step)
            if step < EPOCHS and trial.should_prune():
                raise optuna.TrialPruned
        return float(value)

    study.optimize(objective, n_trials=len(values))
    return [trial.last_step for trial in study.trials]


def by_files(rule, values):
    """The same of what files say, trial after trial."""
    trials, last = [], []
    for number, curve in enumerate(values):
        known = {}
        for step, value in enumerate(curve, start=1):
            known[step] = float(value)
            decision = step < EPOCHS and decide(rule, EPOCHS, [*trials, Past(None, dict(known), None)], number)
            if decision:
                break
        trials.append(Past("pruned" if decision else "finished", known, None if decision else float(value)))
        last.append(step)
    return last


@pytest.mark.parametrize("direction", ["maximize", "minimize"])
@pytest.mark.parametrize("pruner", ["median", "hyperband", "wilcoxon"])
def test_the_files_lead_to_the_very_decisions_of_optunas_own_loop(pruner, direction):
    rule, found = pruning(pruner, direction), []
    for seed in range(3):
        values = curves(seed) if direction == "maximize" else 1 - curves(seed)
        expected = by_optuna(rule, values)
        assert by_files(rule, values) == expected
        found += expected
    assert min(found) < EPOCHS == max(found)  # some are given up, some are not


def test_the_median_is_named_with_what_the_trial_came_to():
    finished = [Past("finished", {1: value, 2: value + 0.1}, value + 0.1) for value in (0.5, 0.7, 0.9)]
    decision = decide(pruning(), EPOCHS, [*finished, Past(None, {1: 0.65, 2: 0.6}, None)], 3)
    assert (decision.epochs, decision.value, decision.against) == (2, 0.65, pytest.approx(0.8))
    words = "median: after epoch 2 of 20 val/acc 0.6500 at best, below 0.8000, the median of 3 finished trials"
    assert decision.reason == words
    assert decide(pruning(), EPOCHS, [*finished, Past(None, {1: 0.65, 2: 0.81}, None)], 3) is None


def test_hyperband_names_how_many_stay_and_from_where():
    trials = [Past(None, {1: value}, None) for value in (0.9, 0.8, 0.7, 0.6, 0.5, 0.4)]
    found = [decide(pruning("hyperband", warmup_epochs=1), 2, trials, number) for number in range(6)]  # one bracket
    assert [decision is None for decision in found] == [True, True, False, False, False, False]
    assert (found[2].value, found[2].against) == (0.7, 0.8)
    assert found[2].reason.endswith("0.7000 is not among the best 2 of 6 trials there, 0.8000 and better")


def test_wilcoxon_names_the_trial_that_was_better_epoch_by_epoch():
    best = Past("finished", {epoch: 0.5 + epoch / 50 for epoch in range(1, 21)}, 0.9)
    worse = Past(None, {epoch: 0.45 + epoch / 50 for epoch in range(1, 5)}, None)
    decision = decide(pruning("wilcoxon"), EPOCHS, [best, worse], 1)
    assert "0.5300 against 0.5800 of job 0, the best so far; worse epoch by epoch, p = 0.062 of 4" in decision.reason
    three = Past(None, {epoch: 0.1 for epoch in range(1, 4)}, None)
    assert decide(pruning("wilcoxon"), EPOCHS, [best, three], 1) is None  # no order of three is rare enough


@pytest.mark.parametrize("pruner", ["median", "hyperband"])
def test_a_trial_without_numbers_is_given_up(pruner):
    others = [Past("finished", {1: 0.5}, 0.5)] * 3
    decision = decide(pruning(pruner), EPOCHS, [*others, *[Past(None, {1: math.nan}, None)] * 9], 3)
    assert decision.reason.endswith("is no number")


# The court reads directories


def write_trial(folder, values, status=None):
    folder.mkdir(exist_ok=True)
    with (folder / "metrics.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["epoch", "step", "val/acc"])
        rows.writerows([epoch - 1, epoch * 10, value] for epoch, value in values.items())
    if status:
        final = max(value for value in values.values() if value != "")
        (folder / "results.json").write_text(json.dumps({"status": status, "val/acc": final}))


@pytest.fixture
def court(tmp_path):
    write_jobs(tmp_path, [FrozenJob(number, [], {}) for number in range(4)])
    for number, value in enumerate((0.5, 0.7, 0.9)):
        write_trial(tmp_path / str(number), {epoch: value for epoch in range(1, 21)}, "finished")
    return Court(tmp_path, pruning(warmup_epochs=2), EPOCHS)


def test_a_trial_is_judged_by_the_files_of_the_others_after_its_warmup(court, tmp_path):
    for trained, given_up in ((1, False), (2, True), (3, True)):
        write_trial(tmp_path / "3", {epoch: 0.6 for epoch in range(1, trained + 1)})
        assert bool(court.judge(3, trained)) == given_up


def test_a_row_beyond_the_checkpoint_is_not_judged_before_it_is_trained_again(court, tmp_path):
    write_trial(tmp_path / "3", {epoch: 0.8 for epoch in range(1, 6)})  # killed before the checkpoint of the fifth
    assert court.judge(3, 4) is None
    write_trial(tmp_path / "3", {epoch: 0.6 for epoch in range(1, 6)})
    assert court.judge(3, 5).value == 0.6  # looked at anew
    write_trial(tmp_path / "3", {epoch: 0.6 for epoch in range(1, 9)})
    assert court.judge(3, 7).epochs == 7


def test_an_epoch_without_a_validation_and_the_last_one_are_not_judged(court, tmp_path):
    values = {epoch: 0.6 if epoch % 2 else "" for epoch in range(1, 21)}
    write_trial(tmp_path / "3", {epoch: values[epoch] for epoch in range(1, 5)})
    assert court.judge(3, 4) is None
    write_trial(tmp_path / "3", {epoch: values[epoch] for epoch in range(1, 6)})
    assert court.judge(3, 5).epochs == 5
    write_trial(tmp_path / "3", values)
    assert court.judge(3, 20) is None


def test_trials_that_failed_pruned_or_left_nothing_are_no_finished_ones(court, tmp_path):
    (tmp_path / "1" / "results.json").write_text(json.dumps({"status": "failed", "val/acc": 0.7}))
    write_trial(tmp_path / "3", {1: 0.6, 2: 0.6})
    assert court.judge(3, 2) is None  # two have finished, and three are waited for
    (tmp_path / "2" / "results.json").write_text("[" * 1000)
    assert court.judge(3, 2) is None


def test_figures_by_epoch_leave_out_what_is_damaged(tmp_path):
    assert figure_by_epoch(tmp_path, "val/acc") == {}
    (tmp_path / "metrics.csv").write_text("epoch,val/acc\n0,0.5\n1,\nx,0.7\n3,0.8\n4,nan\n5\n-7,0.1\ninf,0.1\n")
    found = figure_by_epoch(tmp_path, "val/acc")
    assert (found.pop(4 + 1), found) == (pytest.approx(math.nan, nan_ok=True), {1: 0.5, 4: 0.8})


def test_a_decision_is_read_back_and_a_damaged_one_is_none(tmp_path):
    for value in (0.5, math.nan):
        decision = Decision("median", 3, value, 0.75, "why")
        write_decision(tmp_path, decision)
        assert repr(read_decision(tmp_path)) == repr(decision)
    for text in ("", "[]", '{"pruner": 3}', '{"pruner":1,"epochs":1,"value":1,"against":1,"reason":1}', "[" * 10_000):
        (tmp_path / "pruned.json").write_text(text)
        assert read_decision(tmp_path) is None
