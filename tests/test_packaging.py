"""What pyproject.toml, constraints.txt and .ci/run promise each other."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

import groundup

PROJECT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text())
METADATA = PYPROJECT["project"]
OPTIONAL = METADATA["optional-dependencies"]
REQUIREMENTS = [
    Requirement(line)
    for lines in (METADATA["dependencies"], *(OPTIONAL[extra] for extra in OPTIONAL if extra != "ray"))
    for line in lines
    if not line.startswith("groundup[")
]  # Ray wants older versions of what others share, in an environment of its own


def constraints():
    lines = (PROJECT / "constraints.txt").read_text().splitlines()
    return dict(line.split("==") for line in lines if not line.startswith("#"))


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda requirement: requirement.name)
def test_the_exact_versions_satisfy_the_bounds(requirement):
    exact = {canonicalize_name(name): Version(version) for name, version in constraints().items()}
    assert exact[canonicalize_name(requirement.name)] in requirement.specifier


def test_the_constraints_are_names_and_public_versions_alone():
    for name, version in constraints().items():
        assert re.fullmatch(r"[A-Za-z0-9._-]+", name)
        assert Version(version).local is None  # such as +cpu, which not every index has


def test_the_malicious_lightning_is_kept_out():
    [lightning] = [requirement for requirement in REQUIREMENTS if requirement.name == "lightning"]
    assert not {"2.6.2", "2.6.3"} & set(lightning.specifier.filter(["2.6.1", "2.6.2", "2.6.3", "2.6.4"]))


def test_type_checkers_of_others_are_told_that_there_are_types():
    marker = "py.typed"  # PEP 561
    assert marker in PYPROJECT["tool"]["setuptools"]["package-data"]["groundup"]
    assert (PROJECT / "src" / "groundup" / marker).read_bytes() == b""


def test_what_is_no_python_is_in_the_wheel_too():
    package = PROJECT / "src" / "groundup"
    patterns = PYPROJECT["tool"]["setuptools"]["package-data"]["groundup"]
    packed = {file for pattern in patterns for file in package.glob(pattern)}
    files = {file for file in package.rglob("*") if file.is_file() and "__pycache__" not in file.parts}
    assert {file for file in files if file.suffix != ".py"} == packed


def test_the_citation_says_what_the_project_says():
    citation = yaml.safe_load((PROJECT / "CITATION.cff").read_text())
    assert citation["version"] == groundup.__version__
    assert (citation["title"], citation["license"]) == (METADATA["name"], METADATA["license"])
    [author] = citation["authors"]
    assert f"(c) 2026 {author['name']}\n" in (PROJECT / "LICENSE").read_text()


def test_the_citation_has_what_the_format_asks_for():
    """And nothing but plain words: see the schema 1.2.0 of the Citation File Format."""
    citation = yaml.safe_load((PROJECT / "CITATION.cff").read_text())
    asked = {"cff-version": str, "message": str, "title": str, "authors": list}
    known = asked | {"type": str, "abstract": str, "version": str, "license": str, "keywords": list}
    assert asked.keys() <= citation.keys()
    assert {key: type(value) for key, value in citation.items()} == known
    assert citation["cff-version"] == "1.2.0"
    assert all(type(keyword) is str for keyword in citation["keywords"])


def test_ci_runs_the_test_command_of_the_readme():
    script = (PROJECT / ".ci" / "run").read_text()
    [line] = re.findall(r"^test_command=.*$", script, flags=re.MULTILINE)
    shell = ["bash", "-c", f'{line}\nprintf "%s" "$test_command"']
    found = subprocess.run(shell, cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    assert found == 'pip install -e ".[dev]" && pytest'


@pytest.mark.slow
def test_no_tests_at_all_fail_ci(tmp_path):
    (tmp_path / ".ci").mkdir()
    shutil.copy(PROJECT / ".ci" / "run", tmp_path / ".ci" / "run")
    (tmp_path / "README.md").write_text("```sh\nfalse\n```\n```sh\ntrue && (echo no tests ran; exit 5)\n```\n")
    done = subprocess.run([tmp_path / ".ci" / "run"], capture_output=True, text=True)
    assert done.returncode == 5
    assert done.stdout.endswith("no tests ran\n")


@pytest.mark.parametrize(
    ("pip", "next_version", "pytest_code", "said"),
    [
        (0, "1.4.0rc3", 0, "hydra-core 1.4.0rc3: works"),
        (0, "1.4.0rc3", 1, "warning: hydra-core 1.4.0rc3: FAILED tests/borrowed"),
        (0, "1.3.8", 1, "hydra-core: none is newer than 1.3.8"),
        (1, "", 1, "warning: the newest hydra-core is not tried: no network"),
    ],
)
def test_the_next_hydra_is_tried_and_fails_nothing(tmp_path, pip, next_version, pytest_code, said):
    commands = {
        "pip": f"echo no network; exit {pip}",
        "pytest": f"echo FAILED tests/borrowed; echo in 2 s; exit {pytest_code}",
        "python": f'[ "$1" = -c ] || exit 0; [ "${{PYTHONPATH:-}}" ] && echo {next_version} || echo 1.3.8',
    }
    for name, script in commands.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "TMPDIR": str(tmp_path)}
    done = subprocess.run([PROJECT / ".ci" / "next-hydra"], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{said}\n", "")
