"""Searches by Optuna, of runs that take no time: val/acc is the learning rate."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
from job_dirs import number_in

from groundup.errors import Interrupted, RunFailed
from groundup.rundir.folders import number_of

optuna = pytest.importorskip("optuna", reason="pip install optuna")

OPTUNA = "hydra/sweeper=optuna"
LR = "optimizer.lr=interval(0.1,0.9)"
FAILED = '{"status": "failed"}'


@pytest.fixture(autouse=True)
def lr_is_accuracy(runs):
    runs.behave = lambda config, run_dir: {"val/loss": 1 - config["optimizer"]["lr"]}


def study(tmp_path):
    return optuna.load_study(study_name="s", storage=f"sqlite:///{tmp_path}/s/study.db")


def states(tmp_path):
    return [trial.state.name for trial in study(tmp_path).trials]


def lrs(runs):
    return [call["config"]["optimizer"]["lr"] for call in runs.calls]


def test_trials_are_jobs_of_the_sweep_and_the_study_holds_validation_figures(sweep, runs, tmp_path, capsys):
    assert sweep(OPTUNA, LR, "model=choice(mlp,lenet)", "hydra.sweeper.n_trials=5") == 0
    assert runs.folders == ["0", "1", "2", "3", "4"]
    trials = study(tmp_path).trials
    assert [trial.value for trial in trials] == [round(lr, 6) for lr in lrs(runs)]
    assert [trial.params["model"] for trial in trials] == [call["config"]["model"]["name"] for call in runs.calls]
    assert len(set(lrs(runs))) == 5
    assert all(0.1 <= lr <= 0.9 for lr in lrs(runs))
    table = json.loads((tmp_path / "s" / "sweep.json").read_text())
    figures = [row["val/acc"]["mean"] for row in table["configurations"]]
    assert figures == sorted(figures, reverse=True)
    assert f"best: val/acc {max(figures):.4f}" in capsys.readouterr().out


def test_tpe_finds_better_values_than_chance(sweep, runs, tmp_path):
    runs.behave = lambda config, run_dir: {"val/acc": 1 - (config["optimizer"]["lr"] - 0.3) ** 2}
    words = ("optimizer.lr=tag(log,interval(1e-4,10))", "hydra.sweeper.n_trials=40")
    assert sweep(OPTUNA, *words) == 0
    first, last = lrs(runs)[:10], lrs(runs)[-10:]
    assert sum(abs(lr - 0.3) for lr in last) < sum(abs(lr - 0.3) for lr in first) / 4


def test_the_same_seed_makes_the_same_trials(sweep, runs, train, tmp_path):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        words = ("-m", "trainer.accelerator=cpu", OPTUNA, LR, "hydra.sweeper.n_trials=3", f"hydra.sweeper.seed={seed}")
        assert train(*words, f"hydra.sweep.dir={tmp_path}/{name}") == 0
    assert lrs(runs)[:3] == lrs(runs)[3:6] != lrs(runs)[6:]


def test_the_grid_is_every_combination_once_also_in_two_goes(sweep, runs, tmp_path):
    words = (OPTUNA, "hydra.sweeper.sampler=grid", "optimizer.lr=0.1,0.2", "seed=range(0,3)")
    assert sweep(*words, "hydra.sweeper.n_trials=2") == 0
    assert sweep(*words, f"sweep.resume={tmp_path}/s") == 0
    found = [(call["config"]["optimizer"]["lr"], call["config"]["seed"]) for call in runs.calls]
    assert found == [(lr, seed) for lr in (0.1, 0.2) for seed in range(3)]


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("seed=range(1,10,3)", {"low": 1, "high": 7, "step": 3, "log": False}),
        ("seed=int(interval(1,9))", {"low": 1, "high": 9, "step": 1, "log": False}),
        ("seed=tag(log,int(interval(1,64)))", {"low": 1, "high": 64, "step": 1, "log": True}),
        ("optimizer.lr=tag(log,interval(1e-3,1))", {"low": 1e-3, "high": 1.0, "step": None, "log": True}),
        ("optimizer.lr=1e-2,1e-1", {"choices": ("1e-2", "1e-1")}),
        ("model=choice(mlp,cnn)", {"choices": ("mlp", "cnn")}),
    ],
)
def test_hydras_words_are_optunas_distributions(sweep, tmp_path, word, expected):
    assert sweep(OPTUNA, word, "hydra.sweeper.n_trials=1") == 0
    [distribution] = study(tmp_path).trials[0].distributions.values()
    assert {name: getattr(distribution, name) for name in expected} == expected


def test_a_failed_trial_is_recorded_as_failed_with_its_reason_and_the_others_run(sweep, runs, tmp_path, capsys):
    def behave(config, run_dir):
        if number_in(run_dir) == 1:
            raise RunFailed("the loss became nan")

    runs.behave = behave
    assert sweep(OPTUNA, LR, "hydra.sweeper.n_trials=3") == 1
    assert states(tmp_path) == ["COMPLETE", "FAIL", "COMPLETE"]
    assert study(tmp_path).trials[1].user_attrs["reason"] == "the loss became nan"
    assert "of 3 jobs: 1 failed" in capsys.readouterr().err


def test_fail_fast_asks_for_no_more_trials(sweep, runs, tmp_path):
    runs.behave = lambda config, run_dir: (_ for _ in ()).throw(RunFailed("no"))
    assert sweep(OPTUNA, LR, "sweep.fail_fast=true") == 1
    assert states(tmp_path) == ["FAIL"]


def test_the_metric_is_of_validation_never_of_test(sweep, runs, tmp_path, capsys):
    assert sweep(OPTUNA, LR, "hydra.sweeper.metric=test/acc") == 2
    assert "hydra.sweeper.metric=test/acc" in capsys.readouterr().err
    assert sweep(OPTUNA, LR, "hydra.sweeper.metric=val/loss", "hydra.sweeper.n_trials=2") == 0
    assert study(tmp_path).direction.name == "MINIMIZE"
    assert [trial.value for trial in study(tmp_path).trials] == [1 - lr for lr in lrs(runs)]


def test_a_stopped_study_goes_on_with_the_trial_that_was_stopped(sweep, train, runs, tmp_path):
    def behave(config, run_dir):
        if number_in(run_dir) == 1 and len(runs.calls) == 2:
            (run_dir / "checkpoints").mkdir(exist_ok=True)
            (run_dir / "checkpoints" / "last.ckpt").touch()
            raise Interrupted(signal.SIGINT)

    runs.behave = behave
    assert sweep(OPTUNA, LR, "hydra.sweeper.n_trials=3") == 130
    assert states(tmp_path) == ["COMPLETE", "RUNNING"]
    assert train("-m", OPTUNA, "hydra.sweeper.n_trials=3", f"sweep.resume={tmp_path}/s") == 0  # settings: its own
    assert runs.folders == ["0", "1", "1", "2"]
    assert runs.calls[2]["config"]["optimizer"] == runs.calls[1]["config"]["optimizer"]
    assert str(runs.calls[2]["resume"]).endswith("1/checkpoints/last.ckpt")
    assert states(tmp_path) == ["COMPLETE"] * 3


def test_what_finished_before_a_kill_is_told_and_a_trial_without_job_is_forgotten(sweep, runs, tmp_path):
    assert sweep(OPTUNA, LR, "hydra.sweeper.n_trials=1") == 0
    lost = study(tmp_path).ask({"optimizer.lr": optuna.distributions.FloatDistribution(0.1, 0.9)})
    lost.set_user_attr("sweep", "s")
    lost.set_user_attr("job", 1)
    assert sweep(OPTUNA, LR, "hydra.sweeper.n_trials=2", f"sweep.resume={tmp_path}/s") == 0
    assert states(tmp_path) == ["COMPLETE", "FAIL", "COMPLETE"]
    assert runs.folders == ["0", "1"]


def test_a_trial_that_was_asked_for_and_not_entered_is_forgotten(sweep, runs, tmp_path):
    assert sweep(OPTUNA, LR, "hydra.sweeper.n_trials=1") == 0
    study(tmp_path).ask({"optimizer.lr": optuna.distributions.FloatDistribution(0.1, 0.9)})
    assert sweep(OPTUNA, LR, "hydra.sweeper.n_trials=2", f"sweep.resume={tmp_path}/s") == 0
    assert states(tmp_path) == ["COMPLETE", "FAIL", "COMPLETE"]


def test_a_folder_that_is_no_trials_fails_no_search(sweep, runs, tmp_path):
    stale = tmp_path / "s" / "1 lr=0.5"

    def leave_it(config, run_dir):
        stale.mkdir(exist_ok=True)
        (stale / "results.json").write_text(FAILED)

    runs.behave = leave_it
    assert sweep(OPTUNA, LR, "hydra.sweeper.n_trials=3", "hydra.sweeper.n_jobs=1", "sweep.fail_fast=true") == 0
    assert runs.folders == ["0", "1", "2"]


def test_more_trials_later_are_new_ones_and_a_moved_directory_is_no_matter(sweep, runs, tmp_path):
    assert sweep(OPTUNA, LR, "hydra.sweeper.n_trials=2", "hydra.sweeper.sampler=random") == 0
    (tmp_path / "s").rename(tmp_path / "t")
    words = (OPTUNA, LR, "hydra.sweeper.n_trials=4", "hydra.sweeper.sampler=random", f"sweep.resume={tmp_path}/t")
    assert sweep(*words) == 0
    assert len(set(lrs(runs))) == 4


def test_a_study_goes_on_with_its_sampler_if_nothing_is_said_and_its_file_says_what_it_is(sweep, runs, tmp_path):
    about = tmp_path / "s" / "study.json"
    assert sweep(OPTUNA, LR, "hydra.sweeper.n_trials=1", "hydra.sweeper.sampler=random") == 0
    assert sweep(OPTUNA, LR, "hydra.sweeper.n_trials=2", f"sweep.resume={tmp_path}/s") == 0
    assert [json.loads(about.read_text())[key] for key in ("sampler", "n_trials")] == ["random", 2]
    words = ("hydra.sweeper.n_trials=3", "hydra.sweeper.sampler=tpe", f"sweep.resume={tmp_path}/s")
    assert sweep(OPTUNA, LR, *words) == 0
    assert [json.loads(about.read_text())[key] for key in ("sampler", "n_trials")] == ["tpe", 3]


def test_a_search_does_not_go_on_as_a_list_of_jobs(sweep, train, runs, tmp_path, capsys):
    """Its trials that are still to be made would be missing without a word."""
    assert sweep(OPTUNA, LR, "hydra.sweeper.n_trials=1") == 0
    assert train("-m", f"sweep.resume={tmp_path}/s") == 2
    assert "this is a search; add hydra/sweeper=optuna" in capsys.readouterr().err


def test_auto_takes_the_newest_study_of_the_same_words(sweep, runs, tmp_path):
    assert sweep(OPTUNA, LR, "hydra.sweeper.n_trials=1") == 0
    assert sweep(OPTUNA, LR, "hydra.sweeper.n_trials=2", "sweep.resume=auto") == 0
    assert runs.folders == ["0", "1"]


def test_auto_passes_over_a_damaged_study(sweep, runs, tmp_path, capsys):
    assert sweep(OPTUNA, LR, "hydra.sweeper.n_trials=1") == 0
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "study.json").write_text("[" * 100_000)
    assert sweep(OPTUNA, LR, "hydra.sweeper.n_trials=2", "sweep.resume=auto") == 0
    assert f"passed over: sweep.resume={tmp_path}/t: no study there" in capsys.readouterr().out
    assert runs.folders == ["0", "1"]


def test_another_study_is_refused_with_the_first_difference(sweep, tmp_path, capsys):
    assert sweep(OPTUNA, LR, "hydra.sweeper.n_trials=1") == 0
    assert sweep(OPTUNA, "optimizer.lr=interval(0.1,0.5)", f"sweep.resume={tmp_path}/s") == 2
    assert "another study: optimizer.lr=interval(0.1,0.5) is not in it" in capsys.readouterr().err
    assert sweep(OPTUNA, LR, f"sweep.resume={tmp_path}/none") == 2
    assert "no study there" in capsys.readouterr().err


def test_several_sweeps_share_a_study_in_a_database_of_ones_own(train, runs, tmp_path):
    words = ("-m", "trainer.accelerator=cpu", OPTUNA, LR, "hydra.sweeper.n_trials=2", "hydra.sweeper.study_name=both")
    for name in ("a", "b"):
        storage = f"hydra.sweeper.storage=sqlite:///{tmp_path}/own.db"
        assert train(*words, storage, f"hydra.sweep.dir={tmp_path}/{name}") == 0
    shared = optuna.load_study(study_name="both", storage=f"sqlite:///{tmp_path}/own.db")
    assert len(shared.trials) == 4
    assert len(set(lrs(runs))) == 4


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["optimizer.lr=0.1"], "nothing to search"),
        (["optimizer.lr=interval(0.5,0.1)"], "an end above the start"),
        (["optimizer.lr=tag(log,interval(0,1))"], "above 0 for tag log"),
        (["optimizer.lr=tag(lin,interval(0.1,1))"], "tag lin: unknown; accepted: log"),
        ([LR, "hydra.sweeper.sampler=grid"], "an interval has no end of values"),
        ([LR, "hydra.sweeper.n_trials=0"], "hydra.sweeper.n_trials=0"),
        ([LR, "hydra.sweeper.n_trials=20000"], "sweep.max_jobs=10000"),
        ([LR, "hydra.sweeper.storage=sqlite:////nowhere/at/all.db"], "hydra.sweeper.storage=sqlite:////nowhere"),
        (["optimizer.lr=interval(-0.5,0.1)"], "optimizer.lr=-0.5"),
        (["model=mlp,nonsense"], "nonsense"),
        ([LR, "hydra.sweeper.direction=minimize"], "the worst would be taken for the best"),
        ([LR, "hydra.sweeper.metric=val_loss"], "hydra.sweeper.metric=val_loss with model=cnn, which does not log it"),
        ([LR, "hydra.sweeper.metric=val_score"], "does not say whether more of it is better"),
        ([LR, "hydra.sweeper.metric=test_acc"], "logs of validation"),
        (["optimizer.lr=range(0.5,1e12,0.5)"], "values; accepted: at most 10,000, or an interval"),
    ],
)
def test_a_search_that_cannot_begin_is_said_before_the_first_trial(sweep, runs, tmp_path, capsys, words, said):
    assert sweep(OPTUNA, *words) == 2
    assert said in capsys.readouterr().err
    assert runs.calls == []


def test_a_search_by_a_metric_that_does_not_come_ends_after_the_first_trial(sweep, runs, tmp_path, capsys):
    def without_metric(config, run_dir):
        (run_dir / "metrics.csv").write_text("epoch,step,val_acc\n0,1,0.5\n")
        return {"val/acc": None}

    runs.behave = without_metric
    assert sweep(OPTUNA, LR, "hydra.sweeper.n_trials=3") == 1
    assert "hydra.sweeper.metric=val/acc: job 0 has finished and has no val/acc" in capsys.readouterr().err
    assert len(runs.calls) == 1


def test_a_trial_that_diverged_holds_up_no_search(sweep, runs, tmp_path):
    def diverged(config, run_dir):
        (run_dir / "metrics.csv").write_text("epoch,step,val/acc\n0,1,nan\n")
        return {"val/acc": None}

    runs.behave = diverged
    sweep(OPTUNA, LR, "hydra.sweeper.n_trials=3")
    assert len(runs.calls) == 3


def test_a_search_over_a_module_that_logs_other_names_is_refused(sweep, runs, capsys, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "outside"))
    conf = f"hydra.searchpath=[file://{Path(__file__).parents[1] / 'outside' / 'conf'}]"
    words = (conf, OPTUNA, "model=usual_module", "model.lr=interval(0.001,0.1)")
    assert sweep(*words, "callbacks.checkpoints.monitor=val_acc") == 2
    said = capsys.readouterr().err
    assert "callbacks.checkpoints.monitor=val_acc in a search by hydra.sweeper.metric=val/acc" in said
    assert runs.calls == []


def test_a_module_of_ones_own_is_searched_and_pruned_by_what_it_logs(sweep, runs, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "outside"))

    def losing(config, run_dir):
        units, lines = config["model"]["units"], ["epoch,step,val_loss"]
        for epoch in range(4):
            lines.append(f"{epoch},{epoch},{units / (epoch + 1)}")
            (run_dir / "metrics.csv").write_text("\n".join(lines) + "\n")
            if decision := runs.calls[-1]["judge"](epoch + 1):
                return {"status": "pruned", "reason": decision.reason, "val_loss": units / (epoch + 1)}
        return {"val_loss": units / 4}

    runs.behave = losing
    conf = f"hydra.searchpath=[file://{Path(__file__).parents[1] / 'outside' / 'conf'}]"
    monitored = ("callbacks.checkpoints.monitor=val_loss", "callbacks.checkpoints.mode=min", "trainer.max_epochs=4")
    words = ("model=two_optimizers", "+model.units=4,8,16,2", "hydra.sweeper.sampler=grid", *PRUNER[1:3], *monitored)
    assert sweep(conf, OPTUNA, *words, "hydra.sweeper.metric=val_loss") == 0
    assert study(tmp_path).direction.name == "MINIMIZE"
    assert states(tmp_path) == ["COMPLETE", "COMPLETE", "PRUNED", "COMPLETE"]
    assert study(tmp_path).best_params == {"+model.units": "2"}


def test_a_trial_that_failed_before_does_not_hold_up_a_study_that_goes_on_with_fail_fast(sweep, runs, tmp_path):
    def fail_first(config, run_dir):
        if number_in(run_dir) == 0:
            raise RunFailed("the loss became nan")

    runs.behave = fail_first
    words = (OPTUNA, LR, "hydra.sweeper.n_trials=3", "sweep.fail_fast=true")
    assert sweep(*words) == 1
    assert runs.folders == ["0"]
    assert sweep(*words, f"sweep.resume={tmp_path}/s") == 1
    assert runs.folders == ["0", "1", "2"]
    assert states(tmp_path) == ["FAIL", "COMPLETE", "COMPLETE"]


def test_a_list_of_trials_that_has_been_cut_is_named(sweep, runs, tmp_path, capsys):
    words = (OPTUNA, LR, "hydra.sweeper.n_trials=2")
    assert sweep(*words) == 0
    file = tmp_path / "s" / "jobs.jsonl"
    whole = file.read_text().splitlines(keepends=True)
    for text in (whole[0], ""):
        file.write_text(text)
        assert sweep(*words, f"sweep.resume={tmp_path}/s") == 2
        assert "jobs.jsonl is damaged" in capsys.readouterr().err
    assert runs.folders == ["0", "1"]


# Trials that are given up

PRUNER = (OPTUNA, "hydra.sweeper.pruner=median", "hydra.sweeper.startup_trials=2", "trainer.max_epochs=4")
PRUNER += ("optimizer.lr=interval(0.1,0.9)", "hydra.sweeper.n_jobs=1")


def train_by_judge(runs, stop=lambda number, epoch: None):
    """Runs of four epochs, each as good as its learning rate, that ask the judge they were given as runs do."""

    def behave(config, run_dir):
        lr, judge, lines = config["optimizer"]["lr"], runs.calls[-1]["judge"], ["epoch,step,val/acc"]
        for epoch in range(4):
            lines.append(f"{epoch},{epoch},{lr * (epoch + 1) / 4}")
            (run_dir / "metrics.csv").write_text("\n".join(lines) + "\n")
            stop(number_of(run_dir.name), epoch)
            if decision := judge(epoch + 1):
                return {"status": "pruned", "reason": decision.reason, "epochs": epoch + 1, "test/acc": None}
        return {"val/acc": lr}

    runs.behave = behave


def table_of(tmp_path):
    return {job["job"]: job for job in json.loads((tmp_path / "s" / "sweep.json").read_text())["jobs"]}


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_a_trial_that_loses_is_told_as_pruned_with_its_values_and_fails_nothing(sweep, runs, tmp_path, capsys, sampler):
    train_by_judge(runs)
    assert sweep(*PRUNER, f"hydra.sweeper.sampler={sampler}", "hydra.sweeper.n_trials=10") == 0
    trials, jobs = study(tmp_path).trials, table_of(tmp_path)
    pruned = [trial for trial in trials if trial.state.name == "PRUNED"]
    assert pruned
    assert {trial.state.name for trial in trials} == {"COMPLETE", "PRUNED"}
    for trial in trials:
        lr = lrs(runs)[trial.number]
        assert trial.intermediate_values == pytest.approx({i: lr * i / 4 for i in range(1, trial.last_step + 1)})
        assert trial.last_step == (1 if trial in pruned else 4)
    for trial in pruned:
        assert trial.value == trial.intermediate_values[1]
        assert trial.user_attrs["reason"] == jobs[trial.number]["reason"]
        assert jobs[trial.number]["status"] == "pruned"
        assert jobs[trial.number]["test/acc"] is None
        assert "median: after epoch 1 of 4 val/acc" in jobs[trial.number]["reason"]
    said = capsys.readouterr().out
    assert said.count("  pruned: median: after epoch 1 of 4") == len(pruned)
    assert f"{len(pruned)} of 10 trials were given up" in said
    assert "pruned" in (tmp_path / "s" / "sweep.md").read_text()
    assert sweep(*PRUNER, "hydra.sweeper.n_trials=10", f"sweep.resume={tmp_path}/s") == 0
    assert len(runs.calls) == 10  # none is run again


def test_a_killed_study_tells_what_was_pruned_and_keeps_its_pruner(sweep, train, runs, tmp_path):
    def stop(number, epoch):
        if number == 5 and len(runs.calls) == 6 and epoch == 0:
            raise Interrupted(signal.SIGTERM)

    train_by_judge(runs, stop)
    assert sweep(*PRUNER, "hydra.sweeper.n_trials=9") == 143
    for number in range(5):
        before = study(tmp_path).trials[number].state.name
        assert before == {"finished": "COMPLETE", "pruned": "PRUNED"}[table_of(tmp_path)[number]["status"]]
    train_by_judge(runs)
    assert train("-m", OPTUNA, "hydra.sweeper.n_trials=9", f"sweep.resume={tmp_path}/s") == 0
    assert len(runs.calls) == 10
    assert all(call["judge"] for call in runs.calls)
    kinds = [trial.state.name for trial in study(tmp_path).trials]
    assert sorted(set(kinds)) == ["COMPLETE", "PRUNED"]
    assert all(trial.intermediate_values for trial in study(tmp_path).trials)


def test_a_grid_prunes_too(sweep, runs, tmp_path):
    train_by_judge(runs)
    words = (*PRUNER[:4], "hydra.sweeper.sampler=grid", "optimizer.lr=0.9,0.8,0.1,0.86")
    assert sweep(*words) == 0
    assert states(tmp_path) == ["COMPLETE", "COMPLETE", "PRUNED", "COMPLETE"]


def test_without_a_pruner_nobody_judges_and_no_values_are_reported(sweep, runs, tmp_path):
    assert sweep(OPTUNA, LR, "hydra.sweeper.n_trials=2") == 0
    assert [call["judge"] for call in runs.calls] == [None, None]
    assert [trial.intermediate_values for trial in study(tmp_path).trials] == [{}, {}]
    assert [call["config"] for call in runs.calls if "pruner" in json.dumps(call["config"])] == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["hydra.sweeper.pruner=best"],
            "hydra.sweeper.pruner=best: must be 'none', 'median', 'hyperband' or 'wilcoxon'",
        ),
        (["hydra.sweeper.pruner=none", "hydra.sweeper.startup_trials=3"], "it has no effect"),
        (["hydra.sweeper.pruner=hyperband", "hydra.sweeper.startup_trials=3"], "it has no effect"),
        (["hydra.sweeper.pruner=median", "trainer.max_epochs=1"], "there is nothing to prune"),
        (["hydra.sweeper.pruner=median", "hydra.sweeper.warmup_epochs=10"], "accepted: at least 11 epochs"),
        (["hydra.sweeper.pruner=wilcoxon", "trainer.max_epochs=4"], "a test of at least 4 validations"),
        (
            ["hydra.sweeper.pruner=median", "+trainer.check_val_every_n_epoch=5", "trainer.max_epochs=5"],
            "a validation every 5",
        ),
        (["hydra.sweeper.pruner=median", "hydra.sweeper.n_trials=5"], "accepted: at least 6 trials"),
        (["hydra.sweeper.pruner=median", "hydra.sweeper.n_jobs=20"], "all would train at once"),
        (["hydra.sweeper.pruner=median", "seed=0,1"], "several values of seed"),
        (["hydra.sweeper.pruner=hyperband", "trainer.max_epochs=5,10"], "several values of trainer.max_epochs"),
        (["hydra.sweeper.pruner=median", "data.val_fraction=0"], "data.val_fraction=0"),
        (["hydra.sweeper.pruner=median", "++trainer.max_steps=500"], "max_steps=500: how many epochs a whole training"),
        (["hydra.sweeper.pruner=median", "++trainer.max_time=00:01:00:00"], "max_time=00:01:00:00: how many epochs"),
        (["hydra.sweeper.pruner=median", "callbacks.metrics_csv=null"], "callbacks.metrics_csv as it is"),
        (["hydra.sweeper.pruner=median", "++hydra.sweep.pruning={}"], "leave it out"),
    ],
)
def test_a_pruner_that_could_do_nothing_or_harm_is_refused(sweep, runs, capsys, words, said):
    assert sweep(OPTUNA, LR, *words) == 2
    assert said in capsys.readouterr().err
    assert runs.calls == []


def test_a_pruner_is_a_key_of_optunas_sweeper(sweep, runs, capsys):
    assert sweep("optimizer.lr=0.1,0.2", "hydra.sweeper.pruner=median") == 2
    assert "hydra/sweeper=optuna" in capsys.readouterr().err
    assert runs.calls == []


def test_another_pruner_for_a_study_that_goes_on_is_refused(sweep, train, runs, tmp_path, capsys):
    train_by_judge(runs)
    assert sweep(*PRUNER, "hydra.sweeper.n_trials=3") == 0
    words = ("-m", OPTUNA, "hydra.sweeper.n_trials=4", f"sweep.resume={tmp_path}/s")
    assert train(*words, "hydra.sweeper.pruner=hyperband") == 2
    assert "hydra.sweeper.pruner=hyperband with sweep.resume" in capsys.readouterr().err
    file = tmp_path / "s" / "study.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"pruner": ["x"]}))
    assert train(*words) == 2
    assert "study.json is damaged" in capsys.readouterr().err


# What a study is stays so, and what its trials have in common


@pytest.mark.parametrize("key", ["++seed=0,1,2", "experiment=one,two"])
def test_a_pruner_sees_several_seeds_however_they_are_written(sweep, runs, tmp_path, capsys, key):
    experiments(tmp_path, one="seed: 1", two="seed: 2")
    assert sweep(f"hydra.searchpath=[file://{tmp_path}/conf]", *PRUNER, key) == 2
    assert "with several values of seed (" in capsys.readouterr().err
    assert runs.calls == []


def test_a_pruner_sees_trainings_of_several_lengths_in_files(sweep, runs, tmp_path, capsys):
    experiments(tmp_path, one="trainer: {max_epochs: 3}", two="trainer: {max_epochs: 6}")
    search = ("hydra.sweeper.pruner=median", "optimizer.lr=interval(0.1,0.9)", "experiment=one,two")
    assert sweep(f"hydra.searchpath=[file://{tmp_path}/conf]", OPTUNA, *search) == 2
    assert "several values of trainer.max_epochs (3, 6)" in capsys.readouterr().err
    assert runs.calls == []


@pytest.mark.parametrize("key", ["++data.fold=0,1", "experiment=one,two"])
def test_no_search_chooses_the_luckiest_fold(sweep, runs, tmp_path, capsys, key):
    experiments(tmp_path, one="data: {fold: 0}", two="data: {fold: 1}")
    assert sweep(f"hydra.searchpath=[file://{tmp_path}/conf]", OPTUNA, LR, "data.folds=5", key) == 2
    assert (
        "several values of data.fold (0, 1) with hydra/sweeper=optuna: a fold is no setting" in capsys.readouterr().err
    )
    assert runs.calls == []


def experiments(tmp_path, **contents):
    folder = tmp_path / "conf" / "experiment"
    folder.mkdir(parents=True)
    for name, text in contents.items():
        (folder / f"{name}.yaml").write_text(f"# @package _global_\n{text}\n")


def test_a_key_with_a_sign_is_named_without_it(sweep, tmp_path, capsys):
    assert sweep(OPTUNA, "++optimizer.lr=interval(0.1,0.9)", "hydra.sweeper.n_trials=1") == 0
    assert "[1/1] optimizer.lr=0." in capsys.readouterr().out
    assert json.loads((tmp_path / "s" / "study.json").read_text())["scales"] == {"optimizer.lr": "linear"}


def test_a_shared_study_of_another_aim_is_refused_naming_both(train, runs, tmp_path, capsys):
    shared = (f"hydra.sweeper.storage=sqlite:///{tmp_path}/own.db", "hydra.sweeper.study_name=both")
    words = ("-m", "trainer.accelerator=cpu", OPTUNA, LR, "hydra.sweeper.n_trials=1", *shared)
    assert train(*words, f"hydra.sweep.dir={tmp_path}/a") == 0
    for name, other, there, here in (("b", ["metric=val/loss"], "maximize val/acc", "minimize val/loss"),):
        assert train(*words, *(f"hydra.sweeper.{word}" for word in other), f"hydra.sweep.dir={tmp_path}/{name}") == 2
        said = capsys.readouterr().err
        assert f"hydra.sweeper.study_name=both: that study is to {there}, this search to {here}" in said
        assert not (tmp_path / name / "study.json").exists()  # else it would be gone on with
    assert len(runs.calls) == 1


@pytest.mark.parametrize("word", ["pruner=none", "metric=val/loss", "study_name=t"])
def test_what_a_study_is_cannot_be_changed_in_silence(sweep, train, runs, tmp_path, capsys, word):
    train_by_judge(runs)
    assert sweep(*PRUNER, "hydra.sweeper.n_trials=3") == 0
    words = ("-m", OPTUNA, "hydra.sweeper.n_trials=4", f"sweep.resume={tmp_path}/s", f"hydra.sweeper.{word}")
    assert train(*words) == 2
    assert f"hydra.sweeper.{word} with sweep.resume={tmp_path}/s: that study has" in capsys.readouterr().err


def test_settings_of_its_own_pruner_may_be_repeated_alone(sweep, train, runs, tmp_path, capsys):
    train_by_judge(runs)
    assert sweep(*PRUNER, "hydra.sweeper.n_trials=3") == 0
    words = ("-m", OPTUNA, "hydra.sweeper.n_trials=4", f"sweep.resume={tmp_path}/s")
    assert train(*words, "hydra.sweeper.startup_trials=2") == 0
    assert "trials are given up by median" in capsys.readouterr().out


def test_metrics_csv_is_known_by_its_class(sweep, runs, tmp_path, capsys, monkeypatch):
    text = "from lightning.pytorch import Callback\nfrom groundup.callbacks.metrics_csv import MetricsCSV as Ours\n"
    (tmp_path / "rows_of_mine.py").write_text(f"{text}class MetricsCSV(Callback): pass\nclass More(Ours): pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert sweep(*PRUNER, "callbacks.metrics_csv._target_=rows_of_mine.MetricsCSV") == 2
    assert "metrics.csv, which none of these callbacks writes" in capsys.readouterr().err
    assert runs.calls == []
    train_by_judge(runs)
    assert sweep(*PRUNER, "hydra.sweeper.n_trials=3", "callbacks.metrics_csv._target_=rows_of_mine.More") == 0
