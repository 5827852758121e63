"""Whole commands in an environment that has what `dependencies` in pyproject.toml names, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from PIL import Image

PROJECT = Path(__file__).parents[2]
DEPENDENCIES = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["dependencies"]

pytestmark = pytest.mark.slow


def with_dependencies(requirements: list[str], extras: set[str], seen: dict[str, Distribution]) -> None:
    """The distributions that pip would install for them here, into `seen`; what another system needs is passed over."""
    for requirement in map(Requirement, requirements):
        wanted = [{"extra": extra} for extra in extras or {""}]
        key = f"{canonicalize_name(requirement.name)}[{','.join(sorted(requirement.extras))}]"
        if key in seen or (requirement.marker and not any(map(requirement.marker.evaluate, wanted))):
            continue
        try:
            seen[key] = distribution(requirement.name)
        except PackageNotFoundError:  # CUDA's, beside a torch that has none
            continue
        with_dependencies(seen[key].requires or [], requirement.extras, seen)


def top_level(found: Distribution) -> Iterator[Path]:
    """What a distribution has put straight into site-packages, in files or folders."""
    names = {file.parts[0] for file in found.files or [] if file.parts[0] not in ("..", "__pycache__")}
    return (Path(str(found.locate_file(name))) for name in names)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    seen: dict[str, Distribution] = {}
    with_dependencies(DEPENDENCIES, set(), seen)
    folder = tmp_path_factory.mktemp("site")
    for found in seen.values():
        for path in top_level(found):
            if not (folder / path.name).exists():
                (folder / path.name).symlink_to(path)
    return folder


@pytest.fixture
def bare(site, tmp_path):
    def run(script, *words):
        env = os.environ | {"PYTHONPATH": f"{PROJECT / 'src'}{os.pathsep}{site}"}
        line = [sys.executable, "-S", str(PROJECT / script), *words]  # no site: no other packages
        return subprocess.run(line, capture_output=True, text=True, cwd=tmp_path, env=env)

    return run


def test_it_has_none_of_the_optional_packages(site):
    there = {path.name for path in site.iterdir()}
    assert {"torch", "lightning", "hydra", "tensorboard", "matplotlib", "google"} <= there
    optional = {"wandb", "mlflow", "optuna", "joblib", "submitit", "hydra_plugins", "torchdiffeq", "torchvision"}
    assert not there & {*optional, "sklearn", "rich", "pytest"}


def test_everything_of_every_day_works(bare, tmp_path):
    small = ("model=mlp", "model.hidden_dims=[16]", "trainer.max_epochs=2", "trainer.accelerator=cpu")
    trained = bare("train.py", *small, "hydra.run.dir=run")
    assert trained.returncode == 0, trained.stderr
    assert list((tmp_path / "run").glob("events.out.tfevents.*"))
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert (results["status"], results["versions"]["torchvision"]) == ("finished", None)

    evaluated = bare("evaluate.py", "run=run", "accelerator=cpu", "out=again.json")
    assert evaluated.returncode == 0, evaluated.stderr
    assert json.loads((tmp_path / "again.json").read_text())["test/acc"] == results["test/acc"]

    Image.new("L", (8, 8), 200).save(tmp_path / "image.png")
    predicted = bare("predict.py", "run=run", "images=image.png")
    assert predicted.returncode == 0, predicted.stderr
    assert "image.png" in predicted.stdout

    swept = bare("train.py", "-m", *small, "seed=0,1", "hydra.sweep.dir=sweep")
    assert swept.returncode == 0, swept.stderr
    reported = bare("report.py", "sweep", "out=report")
    assert reported.returncode == 0, reported.stderr
    assert list((tmp_path / "report").rglob("*.png"))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["model=noprop_adjoint", "data.image_size=16"], ("torchdiffeq", "ode")),
        (["-m", "model=noprop_adjoint,mlp", "data.image_size=16"], ("torchdiffeq", "ode")),
        (["logger=wandb"], ("wandb", "wandb")),
        (["logger=mlflow"], ("mlflow", "mlflow")),
        (["model._target_=torchvision.models.resnet18"], ("torchvision", "vision")),
        (["-m", "hydra/sweeper=optuna", "optimizer.lr=0.1,0.2"], ("optuna", "sweeps")),
        (["-m", "hydra/launcher=joblib", "seed=0,1"], ("hydra-joblib-launcher", "sweeps")),
        (["-m", "hydra/launcher=submitit_local", "seed=0,1"], ("hydra-submitit-launcher", "sweeps")),
        (["-m", "hydra/launcher=slurm", "seed=0,1"], ("hydra-submitit-launcher", "sweeps")),
        (["-m", "hydra/launcher=ray", "seed=0,1"], ("hydra-ray-launcher", "ray")),
    ],
    ids=lambda value: " ".join(value),
)
def test_what_only_some_need_is_refused_in_one_line_with_the_command(bare, tmp_path, words, expected):
    package, extra = expected
    where = "hydra.sweep.dir=made" if "-m" in words else "hydra.run.dir=made"
    done = bare("train.py", *words, where)
    assert done.returncode == 2, done.stderr
    first = done.stderr.splitlines()[0]
    assert first.endswith(f': needs {package}, which is not installed: pip install "groundup[{extra}]"')
    assert done.stdout == ""
    assert {path.name for path in tmp_path.rglob("*")} <= {"made", "train.log"}  # Hydra's log of this very line
