"""From words to jobs."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hypothesis import given
from hypothesis import strategies as st

from groundup.command.words import hide, show, split_values
from groundup.rundir.overrides import label, shown, varied_keys
from groundup.sweep.expand import expand


@pytest.fixture
def loader():
    with initialize_config_dir(str(Path(__file__).parents[2] / "conf"), version_base="1.3"):
        yield GlobalHydra.instance().config_loader()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], [[]]),
        (["seed=1"], [["seed=1"]]),
        (["b=1,2", "a=x,y"], [["b=1", "a=x"], ["b=1", "a=y"], ["b=2", "a=x"], ["b=2", "a=y"]]),
        (["lr=1e-3,0.10"], [["lr=1e-3"], ["lr=0.10"]]),  # as typed
        (["dims=[8,8],[16]"], [["dims=[8,8]"], ["dims=[16]"]]),
        (["name='a,b',c"], [["name='a,b'"], ["name=c"]]),
        (["+new=1, 2"], [["+new=1"], ["+new=2"]]),
        (["seed=range(0,3)"], [["seed=0"], ["seed=1"], ["seed=2"]]),
        (["x=choice(1,2)", "~y"], [["x=1", "~y"], ["x=2", "~y"]]),
        (["seed=0", "seed=1,2"], [["seed=1"], ["seed=2"]]),  # the last one holds
        (["seed=1,2", "sweep.fail_fast=true", "sweep.max_jobs=5"], [["seed=1"], ["seed=2"]]),
        (["scheduler=glob(co*)"], [["scheduler=constant"], ["scheduler=cosine"]]),
    ],
)
def test_the_jobs_of_a_command(loader, words, expected):
    assert expand(words, loader, 100) == expected


def test_what_the_options_of_a_group_share_is_no_option(loader):
    assert ["data=base"] not in expand(["data=glob(*)"], loader, 100)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("a", ["a"]),
        ("a,b", ["a", "b"]),
        ("[a,b],{c:1,d:2}", ["[a,b]", "{c:1,d:2}"]),
        (r"'it\'s, so',b", [r"'it\'s, so'", "b"]),
        ('"a,b",c', ['"a,b"', "c"]),
    ],
)
def test_values_are_split_at_their_outer_commas(text, pieces):
    assert split_values(text) == pieces


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_numbers_are_split_as_they_were_joined(numbers):
    texts = [repr(number) for number in numbers]
    assert split_values(",".join(texts)) == texts


def test_only_what_varied_tells_jobs_apart():
    jobs = [["model=mlp", "data=mnist", "+new=1"], ["model=lenet", "data=mnist", "+new=2"]]
    assert varied_keys(jobs) == ["model", "new"]
    assert shown(jobs[1], ["model", "new", "absent"]) == {"model": "lenet", "new": "2"}
    assert label(jobs[0], ["model", "new"]) == "model=mlp new=1"


@pytest.mark.parametrize(
    ("word", "hidden"),
    [
        ("model.hidden_dims=[16,16]", "model.hidden_dims=choice([16,16])"),
        ("+trainer.max_steps=1", "+trainer.max_steps=choice(1)"),
        ("data.root='/a, b'", "data.root=choice('/a, b')"),
        ("model=mlp", None),
        ("seed=1", None),
        ("optimizer.lr=1,2", None),
        ("optimizer.lr=range(1,2)", None),
        ("data.image_size=null", None),
        ("data.root=${oc.env:HOME}", None),
        ("hydra.sweep.dir=/x", None),
        ("sweep.resume=/x", None),
        ("~callbacks.progress", None),
        ("data.root=", None),
    ],
)
def test_a_setting_of_single_jobs_is_hidden_from_hydra_and_found_again(word, hidden):
    assert hide(word) == (hidden or word)
    assert show(hide(word)) == word
