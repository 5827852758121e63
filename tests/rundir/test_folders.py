"""The names of the directories of jobs: what varied, on every file system, and what a stranger may name."""

from __future__ import annotations

import json
import re

import pytest

from groundup.errors import UserError
from groundup.rundir.folders import (
    MAY_GROW,
    configuration_in,
    folder_of,
    is_folder_of,
    job_folders,
    number_of,
    short_name,
)
from groundup.rundir.jobs import FrozenJob, read_jobs, write_jobs


def name(number: int, jobs: int, words: str, groups: str = "model optimizer") -> str:
    values = dict(word.lstrip("+").partition("=")[::2] for word in words.split("|"))
    return folder_of(number, jobs, values, groups.split())


def test_a_job_is_called_by_what_varies_and_options_by_their_names():
    assert name(3, 12, "model=lenet|optimizer.lr=0.01|seed=1") == "03 lenet lr=0.01 seed=1"
    assert folder_of(0, 1, {}, []) == "0"
    assert name(0, 2, "model=null") == "0 model=null"


def test_the_last_part_of_a_key_stands_for_it_where_no_other_ends_so():
    assert name(0, 2, "model.lr=1|optimizer.lr=2|+model.width=4") == "0 model.lr=1 optimizer.lr=2 width=4"


def test_no_other_key_is_taken_for_the_seed_or_the_fold():
    found = name(0, 2, "model.seed=1|data.fold=2|seed=3|loss.fold=4")
    assert found == "0 model.seed=1 loss.fold=4 seed=3 fold=2"
    assert configuration_in(found) == "model.seed=1 loss.fold=4"
    theirs = folder_of(0, 2, {"data.fold": "2", "seed": "1"}, [], ["seed"])  # of data of somebody else's, a setting
    assert theirs == "0 data.fold=2 seed=1"
    assert configuration_in(theirs) == "data.fold=2"


def test_names_sort_as_the_jobs_do():
    names = [name(number, 40, f"seed={number}") for number in range(40)]
    assert sorted(names) == names


def test_numbers_that_nobody_typed_are_short_and_typed_ones_as_they_were():
    assert name(0, 2, "optimizer.lr=0.30000000000000004|loss.x=1e-3") == "0 lr=0.3 x=1e-3"


@pytest.mark.parametrize(
    "value", ["1234567890", "1234567891", "12345e678", "1_000_0000", "202611291", "1e-3", "0.12345678e999"]
)
def test_whole_numbers_and_names_are_not_rounded(value):
    assert name(0, 2, f"seed={value}") == f"0 seed={value}"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("[16,32]", "[16,32]"),
        ("'my photos'", "my photos"),
        ("/home/me/a:b*?<>|\\x", "_home_me_a_b______x"),
        ("e\u0301t\u00e9\u202e\n\x00", "\u00e9t\u00e9___"),
        ("${oc.env:HOME}", "__oc.env_HOME_"),
        ("a. . ", "a"),
        ("..", ""),
    ],
)
def test_a_name_is_safe_on_every_file_system(value, said):
    found = folder_of(0, 2, {"key": value}, [])
    assert found == f"0 key={said}"
    assert is_folder_of(found, 0)


def test_a_name_is_never_too_long_and_stays_its_own():
    names = {name(number, 3, "init_from=" + "\u4e2d" * 300 + f"|seed={number}") for number in range(3)}
    assert len(names) == 3
    assert all(len(found) <= 80 and len(found.encode()) <= 140 for found in names)
    assert all(is_folder_of(found, number_of(found)) for found in names)


def test_of_a_name_that_is_too_long_whole_words_are_left_out_and_counted():
    words = "|".join(f"model.setting_{number}=0.00012{number}" for number in range(9))
    found = name(7, 90, f"model=lenet|{words}|seed=11|data.fold=3")
    assert found == "07 lenet setting_0=0.000120 setting_1=0.000121 and 7 more seed=11 fold=3"
    assert configuration_in(found) == "lenet setting_0=0.000120 setting_1=0.000121 and 7 more"
    assert short_name(["a=1", "b" * 200]) == "a=1 and 1 more"


def test_a_list_that_goes_on_says_so_and_no_number_of_it_is_cut():
    assert name(0, 2, f"model.hidden=[{','.join(['512'] * 30)}]") == f"0 hidden=[{','.join(['512'] * 9)},…]"
    assert name(0, 2, f"init_from=/{'x' * 30}/{'y' * 30}.pt") == f"0 init_from=_{'x' * 18}…{'y' * 17}.pt"


def test_numbers_of_a_search_which_may_grow_have_room():
    names = [folder_of(number, MAY_GROW, {"lr": "1"}, []) for number in (9, 89, 100, 999)]
    assert sorted(names) == names


@pytest.mark.parametrize("folder", ["0 .. seed=1", "0 . seed=1", "0 .. fold=2 seed=1"])
def test_a_configuration_that_a_stranger_names_is_no_folder_above(folder):
    assert is_folder_of(folder, 0)
    assert configuration_in(folder) == ""


@pytest.mark.parametrize(
    "folder", ["", ".", "..", "../3", "/3", "3/..", "4 x", "3x", "3 a/b", "3 a\\b", "3 \x00", "3 a ", "3 a.", "\u0663"]
)
def test_a_folder_that_a_stranger_names_is_one_of_the_job_itself(tmp_path, folder):
    (tmp_path / "jobs.jsonl").write_text(
        "".join(
            json.dumps({"number": number, "overrides": [], "config": {}, "folder": at, "of": 4}) + "\n"
            for number, at in enumerate(["0", "1", "2", folder])
        )
    )
    with pytest.raises(UserError, match=r"job 3 has the folder .* no name of its own"):
        read_jobs(tmp_path)


def test_an_old_list_of_jobs_names_no_folders_which_are_then_the_numbers(tmp_path):
    line = {"number": 0, "overrides": ["seed=1"], "config": {}, "of": 1}
    (tmp_path / "jobs.jsonl").write_text(json.dumps(line) + "\n")
    assert read_jobs(tmp_path) == [FrozenJob(0, ["seed=1"], {}, "0")]
    job = FrozenJob(0, ["seed=1"], {}, "0 seed=1")
    write_jobs(tmp_path, [job])
    assert read_jobs(tmp_path) == [job]


def test_directories_of_jobs_are_known_by_their_numbers(tmp_path):
    for folder in ("10 seed=1", "2", "notes", ".processes", "2nd", "09 seed=0"):
        (tmp_path / folder).mkdir()
    assert job_folders(tmp_path) == [(2, "2"), (9, "09 seed=0"), (10, "10 seed=1")]
    assert job_folders(tmp_path / "none") == []


def test_names_are_filtered_by_a_regular_expression():
    names = [name(number, 12, f"model={model}|seed=1") for number, model in enumerate(("mlp", "lenet"))]
    assert [found for found in names if re.search(r"lenet.*seed=1\b", found)] == ["01 lenet seed=1"]
