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
