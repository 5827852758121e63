"""Every command and every example of the README is one that works."""

from __future__ import annotations

import json
import math
import re
import shlex
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from omegaconf import OmegaConf
from PIL import Image

from groundup.config.check import check, check_evaluate, check_predict
from groundup.config.trust import refuse_foreign_targets
from groundup.report.command import KEYS, parse
from groundup.report.files import KINDS, MARKDOWN, PAGE
from groundup.run.resume import resume_checkpoint
from groundup.run.run import run
from groundup.sweep.expand import expand, is_own
from groundup.sweep.search_space import parse_space

PROJECT = Path(__file__).parents[1]
README = (PROJECT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
SHELL = [line for language, block in BLOCKS if language == "sh" for line in block.splitlines()]
INLINE = re.findall(r"`(python (?:train|evaluate|predict|report)\.py[^`\n]*)`", README)
COMMANDS = sorted({line for line in (*SHELL, *INLINE) if line.startswith("python ") and "--" not in line})
CHECKS = {"train": check, "evaluate": check_evaluate, "predict": check_predict}
REPORTS = [command for command in COMMANDS if " report.py " in command]
SMALL = ("trainer.accelerator=cpu", "debug=fast")


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
    """The overrides of one run, or of every job of a sweep, without what is about the sweep itself."""
    if words[:1] != ["-m"]:
        return [words]
    searches = "hydra/sweeper=optuna" in words
    words = [word for word in words[1:] if not is_own(word) and not word.lstrip("+").startswith("hydra")]
    if searches:
        if not words:
            return [words]
        space = parse_space(words, None)
        return [space.words(values) for values in space.corners()]
    return expand(words, None, 1000)


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
    if "hydra/sweeper=optuna" not in words:
        number = math.prod(word.count(",") + 1 for word in words if not is_own(word))
        assert len(found) == (number if "-m" in words else 1)
    assert (len(found) > 1) == ("-m" in words and "sweep.resume=DIR" not in words)
    for overrides in found:
        config = CHECKS[name](compose_config(*overrides, name=name))
        if config.get("resume"):
            resume_checkpoint(config, Path("DIR"))


@pytest.mark.parametrize("command", REPORTS)
def test_every_report_is_accepted(command):
    assert parse(shlex.split(command)[2:]).paths == [Path("DIR")]


def test_the_keys_of_a_report_are_those_of_its_table():
    section = README.split("## Report")[1].split("| key | meaning |")[1].split("\n\n")[0]
    assert tuple(re.findall(r"^\| `(\w+)` \|", section, flags=re.MULTILINE)) == KEYS


def test_the_files_of_a_report_are_those_shown():
    shown = re.findall(r"[\w*-]+\.(?:html|md|csv|png)", block("", "report/\n"))
    csv_files = [name for name in shown if name.endswith(".csv")]
    assert csv_files == [f"{kind}.csv" for kind in KINDS]
    assert {PAGE, MARKDOWN} < set(shown)


def test_every_group_is_named():
    section = README.split("## Groups and keys")[1].split("| key | meaning |")[0]
    groups = {folder.name for folder in (PROJECT / "conf").iterdir() if folder.is_dir()} - {"hydra"}
    assert groups <= set(re.findall(r"`(\w+)`", section))


def test_the_keys_named_are_there(compose_config):
    cfg = compose_config()
    section = README.split("| key | meaning |")[1].split("\n\n")[0]
    keys = re.findall(r"`((?:data|optimizer|trainer)\.\w+|seed|resume)`", section)
    assert len(keys) > 12
    for key in keys:
        assert key in cfg or OmegaConf.select(cfg, key, default="absent") != "absent", key


def test_the_model_of_ones_own_trains(compose_config, tmp_path, monkeypatch):
    module = ModuleType("groundup.models.tiny")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(block("python", "class Tiny"), module.__dict__)
    cfg = compose_config(*SMALL)
    OmegaConf.update(cfg, "model", yaml.safe_load(block("yaml", "tiny.Tiny")), merge=False, force_add=True)
    results = run(check(cfg), tmp_path)
    assert results["model"] == "tiny"
    assert results["parameters"] == 1 * 32 * 9 + 32 + 32 * 10 + 10
    assert results["status"] == "finished"


def test_the_network_written_by_hand_learns_exclusive_or(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    example = block("python", "numpy_nets")
    exec(example, {})
    assert capsys.readouterr().out.splitlines() == re.findall(r"print\(.*# (.*)", example)
    assert "Update: SGD" in (tmp_path / "step.txt").read_text()


def test_the_callback_of_ones_own_runs_and_may_be_evaluated(compose_config, tmp_path):
    node = yaml.safe_load(block("yaml", "EMAWeightAveraging"))
    assert node.pop("defaults") == ["default", "_self_"]
    cfg = compose_config(*SMALL)
    OmegaConf.update(cfg, "callbacks", node, force_add=True)
    config = check(cfg)
    assert run(config, tmp_path)["status"] == "finished"
    refuse_foreign_targets(config)


def test_the_run_directory_shown_is_the_one_written(compose_config, tmp_path):
    run(check(compose_config("model=mlp", "debug=fast", "logger=tensorboard", "trainer.accelerator=cpu")), tmp_path)
    shown = re.findall(r"^  ([\w*.]+/?) {2,}", block("", "outputs/runs/cnn-digits/"), flags=re.MULTILINE)
    assert "train.log" in shown
    for pattern in shown:
        assert pattern == "train.log" or list(tmp_path.glob(pattern)), pattern  # Hydra's logging writes that one
    written = json.loads((tmp_path / "results.json").read_text())
    assert {"status", "test/acc", "best_epoch", "git"} <= written.keys()


def test_links_and_pictures_lead_somewhere():
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert (PROJECT / target).is_file(), target
