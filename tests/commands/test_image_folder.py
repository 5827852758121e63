"""The user's own images, from files to a results file."""

from __future__ import annotations

import os
import shutil
from collections import Counter

import numpy as np
import pytest
import yaml
from launch import SMALL, train_here
from PIL import Image

from groundup.config.check import check_run
from groundup.errors import UserError
from groundup.run.evaluate import evaluate
from groundup.run.predict import predict
from groundup.run.run import run


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize(
    "splits", [{"train": 20}, {"train": 20, "val": 4}, {"train": 20, "test": 4}, {"train": 20, "val": 4, "test": 4}]
)
def test_a_folder_of_images_is_learnt(make_folder, tmp_path, mode, splits):
    channels = f"data.channels={1 if mode == 'L' else 3}"
    root = make_folder(mode, **splits)
    words = ("data=image_folder", f"data.root={root}", channels, "data.image_size=8", "data.batch_size=8")
    results = train_here(tmp_path, *words, "trainer.max_epochs=6", "scheduler=constant")
    assert results["status"] == "finished"
    assert results["val/acc"] == 1.0
    assert results["test/acc"] == (1.0 if "test" in splits else None)


def test_images_read_from_disk_by_a_worker_give_the_figures_of_images_in_memory(make_folder, tmp_path):
    root = make_folder("RGB", train=12, val=3, test=3)
    words = ("data=image_folder", f"data.root={root}", "data.image_size=8", "data.batch_size=8", "data.augment=[crop]")
    memory = train_here(tmp_path / "memory", *words)
    disk = train_here(tmp_path / "disk", *words, "data.in_memory=false", "data.workers=1")
    for name in ("train/loss", "val/loss", "test/loss", "test/acc"):
        assert disk[name] == memory[name]


def test_a_broken_test_image_is_found_before_training(make_folder, tmp_path):
    root = make_folder("L", train=8, test=2)
    broken = root / "test/dark/broken.png"
    broken.write_bytes((root / "test/dark/0.png").read_bytes()[:60])
    with pytest.raises(UserError, match=f"^{broken}: "):
        train_here(tmp_path, "data=image_folder", f"data.root={root}", "data.image_size=8")
    assert not (tmp_path / "checkpoints").exists()


def test_a_folder_is_looked_through_once_a_run_and_its_test_split_once_an_evaluation(
    make_folder, compose_config, tmp_path, monkeypatch
):
    root, listed, scandir = make_folder("L", train=8, val=2, test=2), Counter(), os.scandir

    def counted(folder="."):
        if str(folder).startswith(str(root)):
            listed[os.path.relpath(folder, root)] += 1
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", counted)
    config, spec = check_run(
        compose_config(*SMALL, "data=image_folder", f"data.root={root}", "data.image_size=8", "data.channels=1")
    )
    results = run(config, tmp_path / "run", spec=spec)
    folders = {split: [split, f"{split}/dark", f"{split}/light"] for split in ("train", "val", "test")}
    assert listed == dict.fromkeys([".", *(name for split in folders.values() for name in split)], 1)
    listed.clear()
    assert evaluate(tmp_path / "run")["test/acc"] == results["test/acc"]
    assert listed == dict.fromkeys([".", *folders["test"]], 1)


def test_class_folders_alone_are_trained_on_and_tested_and_evaluated_on_the_same_images(make_folder, tmp_path):
    root = make_folder("L", train=20) / "train"
    words = ("data=image_folder", f"data.root={root}", "data.channels=1", "data.image_size=8")
    results = train_here(tmp_path / "run", *words, "data.val_fraction=0.25", "seed=3")
    again = evaluate(tmp_path / "run")
    assert again["test/acc"] == results["test/acc"]
    assert np.sum(again["test/confusion"]) == 8
    moved = shutil.copytree(root, tmp_path / "moved")
    assert evaluate(tmp_path / "run", data={"root": str(moved)})["test/loss"] == again["test/loss"]
    for cut in ({"test_fraction": 0.5}, {"test_seed": 1}):
        with pytest.raises(UserError, match="bear names of images that the run was trained or validated on"):
            evaluate(tmp_path / "run", data=cut)
    whole = evaluate(tmp_path / "run", data={"root": str(moved), "test_fraction": 1.0})
    assert np.sum(whole["test/confusion"]) == 40


@pytest.fixture
def checked_folder(make_folder, compose_config):
    """A folder of images, and the config and spec of a run on it, which has yet to begin."""
    root = make_folder("L", train=8)
    words = ("data=image_folder", "data.image_size=8", "data.val_fraction=0", f"data.root={root}")
    return root, *check_run(compose_config(*SMALL, *words))


def test_an_image_that_comes_after_the_check_is_not_trained_on(checked_folder, tmp_path):
    root, config, spec = checked_folder
    shutil.copy(root / "train/dark/0.png", root / "train/dark/more.png")
    run(config, tmp_path / "run", spec=spec)
    with pytest.raises(UserError, match=r"16 images then, 17 now; 1 new: train/dark/more\.png"):
        run(config, tmp_path / "run", resume=tmp_path / "run" / "checkpoints" / "last.ckpt")


def test_an_image_that_goes_after_the_check_is_named(checked_folder, tmp_path):
    root, config, spec = checked_folder
    (root / "train/dark/0.png").unlink()
    with pytest.raises(UserError, match=r"dark/0\.png: cannot be read as an image: No such file"):
        run(config, tmp_path / "run", spec=spec)


def test_a_folder_that_grew_is_refused_on_resume_and_the_run_left_as_it_was(make_folder, tmp_path):
    root, run_dir = make_folder("L", train=8, test=2), tmp_path / "run"
    results = train_here(run_dir, "data=image_folder", f"data.root={root}", "data.image_size=8")
    config = yaml.safe_load((run_dir / "config.yaml").read_text())
    config["trainer"]["max_epochs"] += 1
    before = {file: (run_dir / file).read_bytes() for file in ("config.yaml", "results.json", "metrics.csv")}
    shutil.copy(root / "train/dark/0.png", root / "train/dark/more.png")
    with pytest.raises(UserError, match=r"16 images then, 17 now; 1 new: train/dark/more\.png"):
        run(config, run_dir, resume=run_dir / "checkpoints" / "last.ckpt")
    assert {file: (run_dir / file).read_bytes() for file in before} == before
    (root / "train/dark/more.png").unlink()
    assert run(config, run_dir, resume=run_dir / "checkpoints" / "last.ckpt")["epochs"] == results["epochs"] + 1


@pytest.mark.parametrize(("words", "ground"), [((), 255), (("data.background=black",), 0)])
def test_predict_sees_transparent_images_on_the_runs_own_background(words, ground, make_folder, tmp_path):
    root = make_folder("L", train=8)
    train_here(tmp_path / "run", "data=image_folder", f"data.root={root}", "data.image_size=8", *words)
    pixels = np.full((8, 8, 4), (120, 120, 120, 0), np.uint8)
    pixels[2:5, 2:6, 3] = 255
    Image.fromarray(pixels).save(tmp_path / "transparent.png")
    Image.fromarray(np.where(pixels[..., 3] == 255, 120, ground).astype(np.uint8)).save(tmp_path / "opaque.png")
    [transparent], [opaque] = (
        predict(tmp_path / "run", tmp_path / f"{name}.png") for name in ("transparent", "opaque")
    )
    assert transparent.probabilities == opaque.probabilities
