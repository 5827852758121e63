"""What is not installed is named with the command that installs it, and the extras have it."""

from __future__ import annotations

import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from hydra.errors import MissingConfigException
from packaging.requirements import Requirement

from groundup.command.explain import explain
from groundup.config import extras
from groundup.config.check import check
from groundup.config.located import located
from groundup.config.trust import refuse_foreign_targets
from groundup.errors import UserError

PROJECT = Path(__file__).parents[2]
OPTIONAL = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["optional-dependencies"]


def installed_by(extra):
    return {Requirement(line).name for line in OPTIONAL[extra]}


@pytest.mark.parametrize(("package", "extra"), extras.EXTRAS.items())
def test_an_extra_installs_the_package_that_it_is_named_for(package, extra):
    distributions = packages_distributions()
    if package not in distributions:
        pytest.skip(f"{package} is not installed here")
    assert installed_by(extra) & set(distributions[package])


@pytest.mark.parametrize(("plugin", "extra"), extras.LAUNCHERS.values())
def test_an_extra_installs_the_launcher_that_it_is_named_for(plugin, extra):
    assert plugin in installed_by(extra)


def test_a_model_is_refused_where_its_package_is_missing(compose_config, monkeypatch):
    cfg = compose_config("model=noprop_adjoint", "data.image_size=16")
    check(cfg)
    monkeypatch.setattr(extras, "find_spec", {"torchdiffeq": None}.get)
    with pytest.raises(UserError) as refusal:
        check(cfg)
    assert str(refusal.value) == (
        'model=noprop_adjoint: needs torchdiffeq, which is not installed: pip install "groundup[ode]"'
    )


def test_a_part_of_ones_own_config_is_refused_where_its_package_is_missing(monkeypatch):
    monkeypatch.setitem(extras.EXTRAS, "no_such_package", "vision")
    with pytest.raises(UserError, match=r'^needs no_such_package, which is not .*: pip install "groundup\[vision\]"$'):
        located("no_such_package.networks.Net")
    with pytest.raises(UserError, match="there is no package another_one: install it"):
        located("another_one.networks.Net")


def test_a_network_of_a_strangers_run_is_refused_where_its_package_is_missing(monkeypatch):
    node = {"_target_": "torchvision.models.resnet18", "name": "resnet18", "weights": None}
    refuse_foreign_targets({"model": node})
    monkeypatch.setattr(extras, "find_spec", {"torchvision": None}.get)
    with pytest.raises(UserError, match=r'^torchvision.models.resnet18: needs torchvision, .*"groundup\[vision\]"$'):
        refuse_foreign_targets({"model": node})


@pytest.mark.parametrize(
    ("word", "missing", "expected"),
    [
        ("hydra/launcher=joblib", "joblib", 'hydra-joblib-launcher, which is not installed: pip install "groundup[sw'),
        ("hydra/launcher=slurm", "submitit_slurm", "hydra/launcher=slurm: needs hydra-submitit-launcher"),
        ("experiment=mine", "ray", "hydra/launcher=ray: needs hydra-ray-launcher, which is not installed: pip install"),
        ("hydra/launcher=jobllib", "jobllib", "did you mean hydra/launcher=joblib?"),
    ],
)
def test_a_launcher_that_is_not_installed_is_named_with_the_command(word, missing, expected):
    error = MissingConfigException("no such", f"hydra/launcher/{missing}", ["basic", "slurm", "stacked"])
    assert expected in explain(error, [word], PROJECT / "conf" / "train.yaml", sweeps=True)


def test_a_script_ends_with_the_command_for_what_it_could_not_import(capsys, monkeypatch):
    monkeypatch.setattr("sys.argv", ["notebooks/execute.py"])
    with pytest.raises(SystemExit) as end:
        extras.exit_without(ModuleNotFoundError("No module named 'nbformat'", name="nbformat"), "notebooks")
    assert end.value.code == 2
    said = 'error: execute.py: needs nbformat, which is not installed: pip install "groundup[notebooks]"\n'
    assert capsys.readouterr().err == said
