"""Numbers that mean the same are one, and those that do not are not."""

from __future__ import annotations

import pytest

from groundup.config.check import check
from groundup.config.spelling import Spelling, in_one_spelling
from groundup.rundir.jobs import FrozenJob
from groundup.sweep.resume_sweep import _configs


class Part:
    """A model of the user's own."""

    def __init__(self, share: float = 0.5, keep: int | float = 5, anything=None):
        pass


def alike(compose_config, *words):
    return str(in_one_spelling(check(compose_config("model=mlp", *words))))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("optimizer.lr=1", "optimizer.lr=1.0"),
        ("optimizer.lr=0.1", "optimizer.lr=1e-1"),
        ("optimizer.weight_decay=0", "optimizer.weight_decay=0.0"),
        ("model.dropout=0", "model.dropout=0.0"),
        ("trainer.gradient_clip_val=1", "trainer.gradient_clip_val=1.0"),
        ("optimizer.momentum=0", "optimizer.momentum=0.0"),
        ("model.hidden_dims=[8,8]", "model.hidden_dims=[8, 8]"),
    ],
)
def test_two_spellings_of_a_number_are_one_config(compose_config, one, other):
    assert alike(compose_config, one) == alike(compose_config, other)


def test_lists_of_numbers_too(compose_config):
    whole, fractions = (f"optimizer.betas=[{first},0.9]" for first in ("0", "0.0"))
    assert alike(compose_config, "optimizer=adam", whole) == alike(compose_config, "optimizer=adam", fractions)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("+trainer.limit_train_batches=1", "+trainer.limit_train_batches=1.0"),  # a batch, the whole epoch
        ("+trainer.val_check_interval=1", "+trainer.val_check_interval=1.0"),
        ("optimizer.lr=1", "optimizer.lr=1.0000001"),
        ("optimizer.nesterov=true", "optimizer.nesterov=false"),
        ("seed=0", "seed=1"),
    ],
)
def test_numbers_that_mean_different_things_are_two_configs(compose_config, one, other):
    assert alike(compose_config, one) != alike(compose_config, other)


@pytest.mark.parametrize(("key", "same"), [("share", True), ("keep", False), ("anything", False)])
def test_of_a_part_of_ones_own_the_annotations_decide(key, same):
    whole, fraction = (
        in_one_spelling({"model": {"_target_": f"{__name__}.Part", "name": "own", key: value}}) for value in (1, 1.0)
    )
    assert (str(whole) == str(fraction)) is same


def test_a_rate_and_a_decay_are_numbers_of_every_optimizer():
    node = {"_target_": "no.such.Optimizer", "name": "own", "lr": 1.0, "weight_decay": 0.0, "steps": 1.0}
    assert str(in_one_spelling({"optimizer": node})["optimizer"]) == str(node | {"lr": 1, "weight_decay": 0})


def test_the_config_itself_stays_as_it_was_typed(compose_config):
    config = check(compose_config("optimizer.lr=1.0"))
    assert type(in_one_spelling(config)["optimizer"]["lr"]) is int
    assert type(config["optimizer"]["lr"]) is float


def test_nothing_of_a_strangers_is_imported_where_our_parts_alone_are_looked_at():
    node = {"_target_": f"{__name__}.Part", "name": "own", "share": 1.0}
    assert str(in_one_spelling({"model": node}, own=True)) == str({"model": node})
    assert str(in_one_spelling({"model": node})) != str({"model": node})


def test_what_a_sweeps_directory_names_is_not_imported_to_compare_it(monkeypatch):
    def imported(*args):
        raise AssertionError("a stranger's part was imported")

    monkeypatch.setattr("groundup.config.spelling.signature_of", imported)
    [job] = _configs([FrozenJob(0, [], {"model": {"_target_": "strangers.Part", "name": "x", "share": 1.0}})]).values()
    assert job.number == 0


def test_words_are_spelt_as_the_first_job_spells_them():
    spelling, config = Spelling(), {"optimizer": {"lr": 0.1}, "model": {"name": "mlp"}, "seed": 0}
    assert spelling.of(["optimizer.lr=1e-1", "model=mlp"], config) == ["optimizer.lr=1e-1", "model=mlp"]
    assert spelling.of(["optimizer.lr=0.10", "~x"], config) == ["optimizer.lr=1e-1", "~x"]
    assert spelling.of(["optimizer.lr=0.2"], {"optimizer": {"lr": 0.2}}) == ["optimizer.lr=0.2"]


@pytest.mark.parametrize(
    ("words", "node", "spelt"),
    [
        (["trainer.x=TRUE", "trainer.x=true"], {"trainer": {"x": True}}, "trainer.x=TRUE"),
        (["trainer.x=NULL", "+trainer.x=null"], {"trainer": {"x": None}}, "+trainer.x=NULL"),
        (["model.act=relu", "model.act='relu'"], {"model": {"act": "relu"}}, "model.act=relu"),
    ],
)
def test_text_truth_and_null_are_spelt_as_the_first_job_spells_them(words, node, spelt):
    spelling = Spelling()
    assert [spelling.of([word], node) for word in words][1] == [spelt]


def test_what_is_no_value_of_the_config_stays_as_it_was_typed():
    spelling = Spelling()
    assert spelling.of(["experiment=a", "model=mlp", "x.y=${seed}"], {"x": {"y": 1}, "model": {}}) == [
        "experiment=a",
        "model=mlp",
        "x.y=${seed}",
    ]
    assert spelling.of(["x.y=1"], {"x": {"y": 1}}) == ["x.y=1"]  # not what means another value with another seed
