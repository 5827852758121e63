"""Whole commands, and runs for them to read."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from launch import Command, train_here
from PIL import Image


@pytest.fixture
def command(tmp_path) -> Callable[..., Command]:
    """Runs a command to its end, in a working directory that is not the project's."""
    (tmp_path / "elsewhere").mkdir()

    def run_command(script: str, *words: str) -> Command:
        started = Command.start(script, *words, cwd=tmp_path / "elsewhere")
        started.wait()
        return started

    return run_command


@pytest.fixture(scope="session")
def digits_run(tmp_path_factory) -> Path:
    """A finished run on digits, to be read only."""
    run_dir = tmp_path_factory.mktemp("digits") / "run"
    train_here(run_dir, "trainer.max_epochs=4")
    return run_dir


@pytest.fixture
def own_run(digits_run, tmp_path) -> Path:
    """A copy of it, to be damaged."""
    return shutil.copytree(digits_run, tmp_path / "run")


def save_images(folder: Path, count: int, brightness: int, mode: str, seed: int) -> None:
    """Noise around a brightness, 10 x 12 pixels."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(seed)
    shape = (12, 10) if mode == "L" else (12, 10, 3)
    for i in range(count):
        pixels = np.clip(random.normal(brightness, 20, shape), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")


@pytest.fixture(scope="session")
def make_folder(tmp_path_factory) -> Callable[..., Path]:
    """Makes a tree of images of two classes that their brightness tells apart."""

    def make(mode: str, **splits: int) -> Path:
        root = tmp_path_factory.mktemp("images")
        for number, (split, count) in enumerate(splits.items()):
            save_images(root / split / "dark", count, 60, mode, seed=2 * number)
            save_images(root / split / "light", count, 190, mode, seed=2 * number + 1)
        return root

    return make


@pytest.fixture(scope="session")
def colour_folder(make_folder) -> Path:
    return make_folder("RGB", train=20, val=5, test=7)


@pytest.fixture(scope="session")
def colour_run(tmp_path_factory, colour_folder) -> Path:
    """A finished run on an image folder, to be read only."""
    run_dir = tmp_path_factory.mktemp("colour") / "run"
    train_here(run_dir, "data=image_folder", f"data.root={colour_folder}", "data.image_size=8", "data.batch_size=8")
    return run_dir
