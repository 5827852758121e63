"""One more model is a class and a YAML, and options where values have bounds: no list names it, all else finds it."""

from __future__ import annotations

import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
TINY = '''
from torch import nn


class Tiny(nn.Module):
    """Units between images `(N, C, H, W)` and logits `(N, num_classes)`."""

    def __init__(self, in_channels, image_size, num_classes, units: int = 64):
        super().__init__()
        inputs = in_channels * image_size[0] * image_size[1]
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(inputs, units), nn.GELU(), nn.Linear(units, num_classes))

    def forward(self, images):
        return self.layers(images)
'''
OPTIONS = """

class Tiny(Model):
    target: Literal["groundup.models.tiny.Tiny"] = Field(alias="_target_")
    name: Literal["tiny"]
    units: Units
"""
YAML = """# Hardly a network
_target_: groundup.models.tiny.Tiny
name: tiny
units: 64 # The units between images and logits.
"""


def without_options(text: str) -> str:
    """Another model, `bare`, of two files: its signature says what it may be told."""
    return text.replace("Tiny", "Bare").replace("tiny", "bare")


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    """The project with two models more, of three files and of two."""
    root = tmp_path_factory.mktemp("copy")
    for folder in ("conf", "src", "tests"):
        shutil.copytree(
            PROJECT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "*.xz")
        )
    (root / "docs" / "reference").mkdir(parents=True)
    for file in ("train.py", "docs/make_options.py", "pyproject.toml"):
        shutil.copy(PROJECT / file, root / file)
    models = root / "src" / "groundup" / "models"
    (models / "tiny.py").write_text(TINY)
    with (models / "options.py").open("a") as file:
        file.write(OPTIONS)
    (root / "conf" / "model" / "tiny.yaml").write_text(YAML)
    (models / "bare.py").write_text(without_options(TINY))
    (root / "conf" / "model" / "bare.yaml").write_text(without_options(YAML))
    return root


def python(copy, *words) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(copy / "src")}
    return subprocess.run([sys.executable, *words], cwd=copy, env=environment, capture_output=True, text=True)


def test_its_values_are_checked_and_its_keys_named(copy):
    wrong = python(copy, "train.py", "model=tiny", "model.units=0", "+model.unit=1")
    assert wrong.returncode == 2
    assert "model.units=0: must be greater than or equal to 1" in wrong.stderr
    assert "did you mean model.units?" in wrong.stderr


def test_values_of_one_without_options_are_checked_by_its_signature(copy):
    wrong = python(copy, "train.py", "model=bare", "model.units=few", "+model.unit=1")
    assert wrong.returncode == 2
    assert "model.units=few: must be a whole number" in wrong.stderr
    assert "did you mean model.units?" in wrong.stderr


def test_it_is_on_the_page_of_options(copy):
    assert python(copy, "docs/make_options.py").returncode == 0
    page = (copy / "docs" / "reference" / "options.md").read_text()
    assert "### model=tiny\n\nHardly a network.\n" in page
    assert "| `model.units` | whole number ≥ 1 and ≤ 1,000,000 | `64` | The units between images and logits. |" in page
    assert "### model=bare\n\nHardly a network.\n" in page
    assert "| `model.units` | whole number | `64` | The units between images and logits. |" in page


@pytest.mark.slow
def test_the_tests_of_networks_and_options_find_it(copy):
    files = ("tests/models/test_networks.py", "tests/config/test_options.py", "tests/config/test_configs.py")
    ended = python(copy, "-m", "pytest", "-q", "-k", "tiny or bare", "-p", "no:cacheprovider", *files)
    assert ended.returncode == 0, ended.stdout
    assert int(re.search(r"(\d+) passed", ended.stdout)[1]) > 25
    for name in ("tiny", "bare"):  # the control: they do look at it
        with (copy / "conf" / "model" / f"{name}.yaml").open("a") as file:
            file.write("depth: 2\n")
        assert python(copy, "-m", "pytest", "-q", "-k", name, "-p", "no:cacheprovider", files[1]).returncode == 1


def test_the_page_of_options_is_the_one_that_is_written():
    page = runpy.run_path(str(PROJECT / "docs" / "make_options.py"))["page"]()
    assert (PROJECT / "docs" / "reference" / "options.md").read_text() == page, "python docs/make_options.py"


def without_a_sentence(page: str) -> list[str]:
    """The keys, recipes and options of the page that no sentence, with its capital and its stop, is said of."""
    sentence = re.compile(r"(?:[A-Z0-9]|`[^`]+`,? ).+[.?]")
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if re.match(r"\| `[^`]*` \|", line)]
    said = [(row[0], row[-1]) for row in rows] + re.findall(r"^### (.+=.+)\n\n((?:.+\n)+)", page, re.MULTILINE)
    return [name for name, text in said if not sentence.fullmatch(" ".join(text.split()))]


def test_every_key_and_every_option_has_its_sentence(copy):
    page = (PROJECT / "docs" / "reference" / "options.md").read_text()
    assert page.count("\n| `") > 250
    assert not without_a_sentence(page)
    with (copy / "conf" / "model" / "bare.yaml").open("a") as file:  # the control
        file.write("depth: 2\n")
    module = copy / "src" / "groundup" / "models" / "bare.py"
    module.write_text(module.read_text().replace("units: int = 64", "units: int = 64, depth: int = 2"))
    assert python(copy, "docs/make_options.py").returncode == 0
    assert without_a_sentence((copy / "docs" / "reference" / "options.md").read_text()) == ["`model.depth`"]
