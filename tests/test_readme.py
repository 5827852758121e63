"""The README is short, and every command of it is one that works."""

from __future__ import annotations

import json
import math
import re
import shlex
from pathlib import Path

import pytest
import yaml
from PIL import Image

from groundup.config.check import check, check_evaluate, check_predict
from groundup.report.command import parse
from groundup.run.run import run
from groundup.sweep.expand import expand

PROJECT = Path(__file__).parents[1]
README = (PROJECT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
SHELL = [line for language, block in BLOCKS if language == "sh" for line in block.splitlines()]
INLINE = re.findall(r"`(python (?:train|evaluate|predict|report)\.py[^`\n]*)`", README)
COMMANDS = sorted({line for line in (*SHELL, *INLINE) if line.startswith("python ") and "--" not in line})
SECTIONS = ("start", "tutorials", "howto", "reference", "results", "design")
CHECKS = {"train": check, "evaluate": check_evaluate, "predict": check_predict}
REPORTS = [command for command in COMMANDS if " report.py " in command]


def block(language, containing):
    [found] = [text for kind, text in BLOCKS if kind == language and containing in text]
    return found


@pytest.fixture
def placeholders(compose_config, tmp_path, monkeypatch):
    """What the README's capitals and folders stand for, in the current directory."""
    monkeypatch.chdir(tmp_path)
    for split, name in (("train", "cat"), ("train", "dog"), ("test", "cat")):
        (tmp_path / "photos" / split / name).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(tmp_path / "photos" / split / name / "1.png")
    (tmp_path / "DIR" / "checkpoints").mkdir(parents=True)
    (tmp_path / "DIR" / "config.yaml").write_text(yaml.safe_dump(check(compose_config())))
    for name in ("best", "last"):
        (tmp_path / "DIR" / "checkpoints" / f"{name}.ckpt").touch()
    (tmp_path / "PATH").mkdir()


def jobs(words):
    """The overrides of one run, or of every job of a sweep."""
    return expand(words[1:], None, 1000) if words[:1] == ["-m"] else [words]


def test_the_first_two_blocks_are_the_two_commands():
    first, second = (text for _, text in BLOCKS[:2])
    assert first == "pip install -e . && python train.py\n"
    assert second == 'pip install -e ".[dev]" && pytest\n'


def test_commands_were_found():
    assert len(COMMANDS) > 12
    assert {re.search(r"(\w+)\.py", command)[1] for command in COMMANDS} == {*CHECKS, "report"}


@pytest.mark.usefixtures("placeholders")
@pytest.mark.parametrize("command", [command for command in COMMANDS if command not in REPORTS])
def test_every_command_is_accepted(compose_config, command):
    _, script, *words = shlex.split(command)
    name = script.removesuffix(".py")
    found = jobs(words)
    assert len(found) == (math.prod(word.count(",") + 1 for word in words) if "-m" in words else 1)
    for overrides in found:
        CHECKS[name](compose_config(*overrides, name=name))


@pytest.mark.parametrize("command", REPORTS)
def test_every_report_is_accepted(command):
    assert parse(shlex.split(command)[2:]).paths == [Path("DIR")]


def test_the_run_directory_shown_is_the_one_written(compose_config, tmp_path):
    run(check(compose_config("model=mlp", "debug=fast", "logger=tensorboard", "trainer.accelerator=cpu")), tmp_path)
    shown = re.findall(r"^  ([\w*.]+/?) {2,}", block("", "outputs/runs/cnn-digits/"), flags=re.MULTILINE)
    assert "train.log" in shown
    for pattern in shown:
        assert pattern == "train.log" or list(tmp_path.glob(pattern)), pattern  # Hydra's logging writes that one
    written = json.loads((tmp_path / "results.json").read_text())
    assert {"status", "test/acc", "best_epoch", "git"} <= written.keys()


def test_it_is_read_in_five_minutes():
    assert len(README.splitlines()) <= 130


def test_links_and_pictures_lead_somewhere():
    targets = re.findall(r"\]\(([^)]+)\)", README)
    assert {f"docs/{section}/index.md" for section in SECTIONS} <= set(targets)
    for target in targets:
        assert (PROJECT / target).is_file(), target
