"""The user's own images, from files to a results file."""

from __future__ import annotations

import pytest
from launch import train_here


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
    words = ("data=image_folder", f"data.root={root}", "data.image_size=8", "data.batch_size=8")
    memory = train_here(tmp_path / "memory", *words)
    disk = train_here(tmp_path / "disk", *words, "data.in_memory=false", "data.workers=1")
    for name in ("train/loss", "val/loss", "test/loss", "test/acc"):
        assert disk[name] == pytest.approx(memory[name], rel=1e-6)
