"""The README is short and begins with two commands. tests/docs/test_pages.py looks at what it says as at every page."""

from __future__ import annotations

import json
import re
from pathlib import Path

from groundup.config.check import check
from groundup.run.run import run

PROJECT = Path(__file__).parents[1]
README = (PROJECT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
SECTIONS = ("start", "tutorials", "howto", "reference", "results", "design")


def block(language, containing):
    [found] = [text for kind, text in BLOCKS if kind == language and containing in text]
    return found


def test_the_first_two_blocks_are_the_two_commands():
    first, second = (text for _, text in BLOCKS[:2])
    assert first == "pip install -e . && python train.py\n"
    assert second == 'pip install -e ".[dev]" && pytest\n'


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


def test_it_leads_into_every_section():
    targets = set(re.findall(r"\]\(([^)]+)\)", README))
    assert {f"docs/{section}/index.md" for section in SECTIONS} <= targets
