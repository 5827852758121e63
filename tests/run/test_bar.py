"""The bar of `predict.py`: in a terminal alone, and never in the way of what else is said there."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import groundup.run.classified
from groundup.command.predictions import publish
from groundup.data.images import Manner
from groundup.errors import RunFailed
from groundup.run.classified import Prepare, classify
from groundup.spec import DatasetSpec


class Terminal(io.StringIO):
    """One that shows what was written to it: a carriage return goes to the beginning of the line."""

    def isatty(self) -> bool:
        return True

    def shown(self) -> list[str]:
        lines = []
        for line in self.getvalue().split("\n"):
            seen = ""
            for part in line.split("\r"):
                seen = part + seen[len(part) :]
            lines.append(seen.rstrip())
        return lines


class Same:
    spec, manner = DatasetSpec("mnist", 1, 4, 4, ("a", "b"), (0.5,), (0.3,), 10, 10), Manner()
    usual = None

    def probabilities(self, images):
        return np.full((len(images), 2), 0.5)


@pytest.fixture
def files(tmp_path, monkeypatch) -> list[Path]:
    """Three batches, and a file in them that is no image."""
    monkeypatch.setattr(groundup.run.classified, "BATCH", 2)
    files = [tmp_path / f"{number}.png" for number in range(6)]
    for file in files:
        Image.fromarray(np.random.default_rng(0).integers(0, 256, (4, 4), dtype=np.uint8)).save(file)
    files[3].write_bytes(b"no image")
    return files


def classified(files, monkeypatch, stderr, stdout):
    for name, stream in (("stderr", stderr), ("stdout", stdout)):
        monkeypatch.setattr(sys, name, stream)
    with pytest.raises(RunFailed):
        publish(classify(Same(), files, 1, Prepare()), None)
    return [f"{file}  a 0.5000" for file in files if file != files[3]]


def test_lines_and_a_bar_in_one_terminal_do_not_garble_each_other(files, monkeypatch):
    terminal = Terminal()
    lines = classified(files, monkeypatch, terminal, terminal)
    shown = terminal.shown()
    assert [line for line in shown if "error" not in line] == [*lines, ""]
    assert [line.partition(":")[0] for line in shown if "error" in line] == ["error"]
    assert "/6 [" in terminal.getvalue()  # the control: a bar was there


def test_where_lines_go_to_a_file_the_bar_is_alone_in_the_terminal(files, monkeypatch):
    terminal, file = Terminal(), io.StringIO()
    lines = classified(files, monkeypatch, terminal, file)
    assert file.getvalue().splitlines() == lines
    assert [line.partition(":")[0] for line in terminal.shown()] == ["error", ""]
    assert "/6 [" in terminal.getvalue()


def test_of_few_batches_and_in_pipes_there_is_no_bar(files, monkeypatch):
    terminal, log = Terminal(), io.StringIO()
    classified(files[:4], monkeypatch, terminal, terminal)
    classified(files, monkeypatch, log, Terminal())
    ends = [os.fdopen(end, mode) for end, mode in zip(os.pipe(), "rw", strict=True)]
    classified(files, monkeypatch, terminal, ends[1])
    for end in reversed(ends):
        end.close()
    assert "/6 [" not in terminal.getvalue() + log.getvalue()
    assert "\r" not in terminal.getvalue() + log.getvalue()
