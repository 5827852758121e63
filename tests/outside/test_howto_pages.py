"""docs/howto: the files of a page are written as they stand there, and the commands that use them run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from launch import Command

HOWTO = Path(__file__).parents[2] / "docs" / "howto"
FILE = re.compile(r"^```(?:python|yaml)\n# ((?:mypkg|myconf)/\S+)\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```sh\n(.*?)^```", flags=re.MULTILINE | re.DOTALL)


def files(page):
    """(name, text) of every file that a page shows."""
    return FILE.findall((HOWTO / page).read_text())


def commands(page):
    """The words of every command of a page that trains with its files."""
    lines = [line for block in BLOCK.findall((HOWTO / page).read_text()) for line in block.splitlines()]
    return [line.split()[2:] for line in lines if line.startswith("python train.py --config-dir myconf ")]


PAGES = sorted(page.name for page in HOWTO.glob("*.md") if files(page.name))
COMMANDS = [(page, words) for page in PAGES for words in commands(page)]


def test_pages_with_files_were_found():
    assert {"own_package.md", "add_network.md", "add_data_set.md", "add_way_of_learning.md"} <= set(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_has_a_file_for_every_command_and_a_command_for_every_file(page):
    names = [name for name, _ in files(page)]
    assert len(set(names)) == len(names)
    chosen = {word for words in commands(page) for word in words}
    assert chosen
    for name in names:
        if name.startswith("myconf/"):
            _, group, file = name.split("/")
            assert any(file.removesuffix(".yaml") in word for word in chosen if word.startswith(f"{group}=")), name


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "words"), COMMANDS, ids=lambda value: value if isinstance(value, str) else " ".join(value)
)
def test_a_command_of_a_page_trains(tmp_path, page, words):
    """In a folder where the package lies, installed nowhere."""
    home = tmp_path / "home"
    for name, text in files(page):
        file = home / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    out = "hydra.sweep.dir" if "-m" in words else "hydra.run.dir"
    ran = Command.start("train.py", *words, f"{out}={tmp_path / 'out'}", "trainer.accelerator=cpu", cwd=home)
    assert ran.wait() == 0, ran.stderr
    assert (tmp_path / "out").is_dir()
