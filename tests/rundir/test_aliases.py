"""A `_target_` that any version wrote down goes on meaning the same class."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra.utils import get_object

from groundup.rundir.aliases import MOVED, with_todays_names

# What conf/ of version 0.1 named, and what run directories, sweeps and checkpoints of it hold
OF_VERSION_0_1 = (Path(__file__).parent / "targets_of_version_0_1.txt").read_text().split()


@pytest.mark.parametrize("target", OF_VERSION_0_1)
def test_every_name_of_version_0_1_stands_for_a_part_of_the_same_name(target):
    today = with_todays_names({"_target_": target})["_target_"]
    assert get_object(today).__name__ == target.rpartition(".")[2]


def test_a_name_that_moved_is_nowhere_written_any_more():
    for old, today in MOVED.items():
        assert with_todays_names({"_target_": today}) == {"_target_": today}, "no chains: one look-up is enough"
        with pytest.raises((ImportError, ValueError)):
            get_object(old)


def test_names_are_looked_up_at_any_depth_and_nothing_else_is_touched():
    old, today = next(iter(MOVED.items()))
    written = {"a": [{"_target_": old, "name": old}, 1, None], "b": {"c": {"_target_": "torch.nn.Linear"}}}
    assert with_todays_names(written) == {
        "a": [{"_target_": today, "name": old}, 1, None],
        "b": {"c": {"_target_": "torch.nn.Linear"}},
    }
    assert written["a"][0]["_target_"] == old, "what was read is not changed"
