"""The package as others have it: built, installed somewhere else, and used from a folder of nobody's."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest
from packaging.version import Version

PROJECT = Path(__file__).parents[1]
SRC = PROJECT / "src"
BUILD = "from setuptools.build_meta import build_sdist, build_wheel; build_wheel('dist'); build_sdist('dist')"
SMALL = ("model=mlp", "model.hidden_dims=[16]", "trainer.max_epochs=2", "trainer.accelerator=cpu")
IGNORED = shutil.ignore_patterns("__pycache__", "*.egg-info")

pytestmark = pytest.mark.slow


class Installed(NamedTuple):
    """Where it was installed to; `groundup(...)` is run in another folder."""

    folder: Path
    elsewhere: Path

    def groundup(self, *words: str, code: int = 0) -> str:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GROUNDUP_")}
        environment |= {"PYTHONPATH": str(self.folder), "XDG_CACHE_HOME": str(self.elsewhere / "cache")}
        line = [str(self.folder / "bin" / "groundup"), *words]
        done = subprocess.run(line, cwd=self.elsewhere, env=environment, capture_output=True, text=True)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def dist(tmp_path_factory) -> Path:
    """A wheel and an sdist of the sources, built without a network."""
    setuptools = pytest.importorskip("setuptools")
    if Version(setuptools.__version__) < Version("77"):
        pytest.skip(f"setuptools {setuptools.__version__} is older than pyproject.toml asks for")
    copy = tmp_path_factory.mktemp("source")
    shutil.copytree(SRC, copy / "src", ignore=IGNORED)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, copy / name)
    (copy / "dist").mkdir()
    subprocess.run([sys.executable, "-c", BUILD], cwd=copy, check=True, capture_output=True)
    return copy / "dist"


@pytest.fixture(scope="module")
def installed(dist, tmp_path_factory) -> Installed:
    folder, elsewhere = (tmp_path_factory.mktemp(name) for name in ("site", "elsewhere"))
    [wheel] = dist.glob("*.whl")
    line = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--no-index",
        "--target",
        str(folder),
        str(wheel),
    ]
    subprocess.run(line, check=True, capture_output=True)
    return Installed(folder, elsewhere)


def test_wheel_and_sdist_hold_every_file_of_the_sources(dist):
    files = {file.relative_to(SRC) for file in SRC.rglob("*") if file.is_file()}
    files = {str(file) for file in files if "__pycache__" not in file.parts and ".egg-info" not in str(file)}
    [wheel], [sdist] = dist.glob("*.whl"), dist.glob("*.tar.gz")
    in_wheel = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert in_wheel == files
    with tarfile.open(sdist) as archive:
        names = {name.partition("/src/")[2] for name in archive.getnames() if "/src/" in name}
    assert files <= names
    some = ("groundup/conf/train.yaml", "groundup/py.typed", "hydra_plugins/groundup_sweeper.py")
    assert all(name in in_wheel for name in (*some, "groundup/cli/project/train.py.template"))


def test_it_trains_sweeps_evaluates_predicts_and_reports_elsewhere(installed):
    said = installed.groundup("train", *SMALL)
    runs = installed.elsewhere / "outputs" / "runs" / "mlp-digits"
    [run_dir] = runs.iterdir()
    assert f"run directory: {run_dir}" in said
    results = json.loads((run_dir / "results.json").read_text())
    assert (results["status"], results["git"]) == ("finished", None)

    metrics = json.loads(installed.groundup("evaluate", f"run={run_dir}", "accelerator=cpu"))
    assert metrics["test/acc"] == results["test/acc"]

    from PIL import Image

    Image.new("L", (8, 8)).save(installed.elsewhere / "black.png")
    assert re.search(r"black\.png +\d", installed.groundup("predict", f"run={run_dir}", "images=black.png"))

    said = installed.groundup("train", "-m", *SMALL, "seed=0,1")
    [sweep] = (installed.elsewhere / "outputs" / "sweeps").iterdir()
    assert f"sweep directory: {sweep}" in said
    first = json.loads((sweep / "0 seed=0" / "results.json").read_text())
    assert (first["status"], first["test/acc"]) == ("finished", results["test/acc"])
    assert f"report: {sweep}/report" in installed.groundup("report", str(sweep))
    assert {path.name for path in installed.elsewhere.iterdir()} - {"cache"} == {"black.png", "outputs"}


def test_jobs_in_other_processes_are_its_too(installed):
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher", reason="hydra-joblib-launcher")
    words = ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "hydra.sweep.dir=side_by_side")
    installed.groundup("train", "-m", *SMALL, "seed=0,1", *words)
    for job in ("0 seed=0", "1 seed=1"):
        results = json.loads((installed.elsewhere / "side_by_side" / job / "results.json").read_text())
        assert results["status"] == "finished"


def test_several_devices_are_several_processes_of_it(installed):
    said = installed.groundup("train", *SMALL, "trainer.devices=2", "hydra.run.dir=two")
    results = json.loads((installed.elsewhere / "two" / "results.json").read_text())
    assert (results["status"], results["devices"]) == ("finished", 2), said


def test_a_refused_request_is_one_line_and_writes_nothing(installed):
    before = sorted(installed.elsewhere.rglob("*"))
    assert "did you mean model=cnn?" in installed.groundup("train", "modle=cnn", code=2)
    assert "did you mean groundup train?" in installed.groundup("trian", code=2)
    assert sorted(installed.elsewhere.rglob("*")) == before


def test_it_writes_a_project(installed):
    installed.groundup("new", "mine")
    assert (installed.elsewhere / "mine" / "train.py").is_file()
    shutil.rmtree(installed.elsewhere / "mine")
