"""docs/howto/own_package.md: its files are written as they stand there, and its commands run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from launch import Command

PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "own_package.md").read_text()
FILES = re.findall(r"^```(?:python|yaml)\n# (\S+)\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
COMMANDS = [
    line.split()[2:]
    for block in re.findall(r"^```sh\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
    if line.startswith("python train.py")
]


def test_the_page_has_a_file_for_every_command_and_a_command_for_every_file():
    assert {name.partition("/")[0] for name, _ in FILES} == {"mypkg", "myconf"}
    chosen = {word for words in COMMANDS for word in words}
    for name, _ in FILES:
        if name.startswith("myconf/"):
            _, group, file = name.split("/")
            assert any(file.removesuffix(".yaml") in word for word in chosen if word.startswith(f"{group}=")), name


@pytest.mark.slow
@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_command_of_the_page_trains(tmp_path, words):
    """In a folder where the package lies, installed nowhere."""
    home = tmp_path / "home"
    for name, text in FILES:
        file = home / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    out = "hydra.sweep.dir" if "-m" in words else "hydra.run.dir"
    ran = Command.start("train.py", *words, f"{out}={tmp_path / 'out'}", "trainer.accelerator=cpu", cwd=home)
    assert ran.wait() == 0, ran.stderr
    assert (tmp_path / "out").is_dir()
