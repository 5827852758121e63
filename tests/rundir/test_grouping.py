"""Which jobs are one configuration, and what it is called."""

from __future__ import annotations

from groundup.rundir.grouping import grouped
from groundup.rundir.jobs import FrozenJob


def config(seed=0, lr=0.1, **more):
    nodes = {group: {"name": group} for group in ("data", "model", "loss", "scheduler", "trainer")}
    return nodes | {"seed": seed, "resume": None, "optimizer": {"name": "sgd", "lr": lr}} | more


def jobs(*found):
    """Words and configs as jobs."""
    return [FrozenJob(number, words.split(), config) for number, (words, config) in enumerate(found)]


def groups(*found, **options):
    return [(group.values, group.places) for group in grouped(jobs(*found), **options)]


def test_a_default_that_is_given_is_one_that_is_left_out():
    rows = (("seed=0", config(0)), ("optimizer.lr=0.1 seed=1", config(1)), ("optimizer.lr=0.2 seed=0", config(0, 0.2)))
    assert groups(*rows) == [({"optimizer.lr": "0.1"}, [0, 1]), ({"optimizer.lr": "0.2"}, [2])]
    assert groups(*rows[:2]) == [({}, [0, 1])]  # nothing tells it from others


def test_what_is_spelt_in_two_ways_is_called_as_it_was_typed_first():
    rows = [("optimizer.lr=1e-1 seed=0", config(0)), ("optimizer.lr=0.10 seed=1", config(1))]
    assert groups(*rows, ("optimizer.lr=2 seed=1", config(1, 2)))[0] == ({"optimizer.lr": "1e-1"}, [0, 1])


def test_configs_are_compared_in_the_spelling_that_is_given():
    rows = [(f"optimizer.lr={lr} seed={seed}", config(seed, lr)) for seed, lr in enumerate((1, 1.0))]
    assert len(groups(*rows)) == 2
    assert len(groups(*rows, alike=lambda found: found | {"optimizer": {"lr": float(found["optimizer"]["lr"])}})) == 1


def test_a_part_that_is_given_the_seed_once_more_is_one_configuration():
    rows = [(f"optimizer.lr=0.1 seed={seed}", config(seed, init_seed=seed)) for seed in range(3)]
    assert groups(*rows, ("optimizer.lr=0.2 seed=0", config(0, 0.2, init_seed=0)))[0][1] == [0, 1, 2]


def test_what_words_and_configs_put_together_is_one():
    own = [(f"optimizer.lr=0.1 seed={seed}", config(seed, init_seed=seed)) for seed in range(2)]
    assert groups(*own, ("seed=1", config(1, init_seed=1))) == [({}, [0, 1, 2])]


def test_what_changes_no_figure_is_a_setting_that_was_asked_for():
    nodes = [config() | {"data": {"name": "data", "workers": workers}} for workers in (0, 2)]
    assert len(groups(*(("data.workers=0", nodes[0]), ("data.workers=2", nodes[1])))) == 2


def test_a_fold_of_somebody_elses_data_is_a_setting_and_one_of_ours_is_none():
    folds = [config() | {"data": {"name": "data", "fold": fold}} for fold in (0, 1)]
    words = [f"data.fold={fold}" for fold in (0, 1)]
    assert len(groups(*zip(words, folds, strict=True))) == 2
    ours = [node | {"data": node["data"] | {"folds": 2}} for node in folds]
    assert len(groups(*zip(words, ours, strict=True))) == 1


def test_configs_that_are_none_say_nothing():
    assert len(groups(("optimizer.lr=1", {}), ("optimizer.lr=2", {}), ("optimizer.lr=3", {"seed": 0}))) == 3
    damaged = config(callbacks={1: 2, "a": 3})
    assert len(groups(("optimizer.lr=1", damaged), ("optimizer.lr=2", damaged))) == 2


def test_ten_thousand_jobs_take_no_time():
    chain = [(f"key={n // 2 * 2}", config(lr=(n + 1) // 2)) for n in range(10_000)]  # each with the next, all in one
    assert [len(places) for _, places in groups(*chain)] == [10_000]
