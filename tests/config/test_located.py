"""One's own package is found where the command was typed, and hides nothing there."""

from __future__ import annotations

import sys

import pytest

from groundup.config.located import find_package, located
from groundup.config.trust import refuse_foreign_targets
from groundup.errors import UserError


@pytest.fixture
def project(tmp_path, monkeypatch):
    """The current directory, with a package, and a module of a name that there is already."""
    for name, text in {
        "starfish.py": "class Net:\n    pass\n",
        "json.py": "raise SystemExit",
        "colorsys.py": "",
    }.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry not in ("", str(tmp_path))])
    yield tmp_path
    sys.modules.pop("starfish", None)


def test_a_package_in_the_current_directory_is_found_behind_all_others(project):
    assert located("starfish.Net").__module__ == "starfish"
    assert sys.path[-1] == str(project)
    assert located("colorsys.rgb_to_hls").__module__ == "colorsys"  # Python's own
    sys.modules.pop("colorsys")
    assert located("colorsys.rgb_to_hls")(0, 0, 0) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("name", ["colorsys.rgb_to_hls", "torch.nn.Linear", "nowhere.Net", "", "a b.c"])
def test_the_directory_is_no_place_to_look_where_it_is_not_needed(project, name):
    before = list(sys.path)
    find_package(name)
    assert sys.path == before


def test_a_strangers_run_is_not_looked_for_there(project):
    before = list(sys.path)
    with pytest.raises(UserError, match="if starfish is yours"):
        refuse_foreign_targets({"model": {"_target_": "starfish.Net"}})
    assert sys.path == before
    assert "starfish" not in sys.modules
    with pytest.raises(UserError, match=r"starfish\.Net is none"):  # the control: it is no network
        refuse_foreign_targets({"model": {"_target_": "starfish.Net"}}, ["starfish"])
    assert sys.path[-1] == str(project)
