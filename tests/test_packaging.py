"""What pyproject.toml, constraints.txt and .ci/run promise each other."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

PROJECT = Path(__file__).parents[1]
METADATA = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
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
